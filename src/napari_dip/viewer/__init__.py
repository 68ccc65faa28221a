"""The window's side: live runs, layers, widgets. The only room that knows napari and Qt."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dip.viewer.cores import use_cores
    from napari_dip.viewer.verbs import deblock, deconvolve, denoise, inpaint, super_resolve

__all__ = ["deblock", "deconvolve", "denoise", "inpaint", "super_resolve", "use_cores"]


def __getattr__(name: str) -> Any:
    # Loaded when they are first used: importing this loads neither torch nor napari.
    if name in __all__:
        return getattr(
            import_module(f"napari_dip.viewer.{'cores' if name == 'use_cores' else 'verbs'}"), name
        )
    raise AttributeError(f"module 'napari_dip.viewer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
