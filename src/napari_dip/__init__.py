"""Deep image prior for microscopists: restore one image from itself alone.

>>> import napari_dip as dip
>>> restored = dip.denoise(image).image  # doctest: +SKIP

From napari's console, ``dip.viewer.denoise(viewer, layer)`` returns at once and shows the run live.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dip import presets, viewer
    from napari_dip.api import Restoration, deblock, deconvolve, denoise, inpaint, super_resolve
    from napari_dip.seeing import invert_features, maximise_activation

    __version__: str

__all__ = [
    "Restoration",
    "__version__",
    "deblock",
    "deconvolve",
    "denoise",
    "inpaint",
    "invert_features",
    "maximise_activation",
    "presets",
    "super_resolve",
    "viewer",
]

# Loaded when they are first used: importing the package loads neither torch nor napari.
_HOMES = {
    "Restoration": "napari_dip.restoration",
    "deblock": "napari_dip.api",
    "deconvolve": "napari_dip.api",
    "denoise": "napari_dip.api",
    "inpaint": "napari_dip.api",
    "invert_features": "napari_dip.seeing",
    "maximise_activation": "napari_dip.seeing",
    "super_resolve": "napari_dip.api",
}


def __getattr__(name: str) -> Any:
    if name in ("presets", "viewer"):
        return import_module(f"napari_dip.{name}")
    if name == "__version__":
        return version("napari-dip")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'napari_dip' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
