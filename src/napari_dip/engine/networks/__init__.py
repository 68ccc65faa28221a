"""Generators: the deep image prior is their structure."""

from napari_dip.engine.networks.base import Network
from napari_dip.engine.networks.hourglass import Hourglass
from napari_dip.engine.networks.picture import Picture
from napari_dip.engine.networks.subpixel import SubPixel

__all__ = ["NETWORKS", "Hourglass", "Network", "Picture", "SubPixel"]

NETWORKS: dict[str, type[Network]] = {kind.name: kind for kind in (Hourglass, SubPixel, Picture)}
