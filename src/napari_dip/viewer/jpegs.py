"""What is known of a layer's JPEG compression, and parts of it that begin with a block."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_dip.given import pixels_of
from napari_dip.images.files import is_path, read
from napari_dip.images.jpeg import BLOCK, quantisation_of

if TYPE_CHECKING:
    from napari_dip.viewer.regions import Region

__all__ = ["file_table", "is_grey", "on_blocks"]


def is_grey(layer: Image) -> bool:
    """Whether a layer's planes could be grey JPEG pictures."""
    return not layer.rgb and pixels_of(layer).dtype == np.uint8


def file_table(layer: Image) -> list[list[int]] | None:
    """Return the quantisation table of the grey JPEG file that a layer shows as it is, or None."""
    path = layer.source.path
    if not is_path(path) or not is_grey(layer):  # napari stacks several
        return None
    table = quantisation_of(os.fspath(path))
    if table is None:
        return None
    try:
        array, _ = read(path)
        same = np.array_equal(np.asarray(array), np.asarray(pixels_of(layer)))
    except (OSError, ValueError):
        return None
    return table if same else None


def on_blocks(region: Region) -> Region:
    """Return a region with the whole of the blocks that it has parts of."""
    part = {}
    for axis in region.axes.spatial:
        start, stop = region.where[axis].start or 0, region.where[axis].stop
        part[axis] = slice(start // BLOCK * BLOCK, min(-(-stop // BLOCK) * BLOCK, region.shape[axis]))
    return replace(region, where=tuple(part.get(axis, where) for axis, where in enumerate(region.where)))
