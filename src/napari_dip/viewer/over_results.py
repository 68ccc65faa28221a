"""Layers that tell something of a result and lie on it, each of them once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_dip.viewer.before import show_below_on_key

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = ["SEE_BELOW", "over_result"]

SEE_BELOW = "Hold B to see the result below it."

_OVER: weakref.WeakKeyDictionary[Image, tuple[weakref.ref[Run], str]] = weakref.WeakKeyDictionary()


def over_result(viewer: Any, run: Run, shows: str, make: Callable[[], Image]) -> Image:
    """Add the layer that shows something of a run's result, or show it again where it is there.

    Parameters
    ----------
    viewer
        The viewer itself.
    run
        The run.
    shows
        What the layer shows.
    make
        Makes it.
    """
    there = (layer for layer in viewer.layers if _OVER.get(layer) == (weakref.ref(run), shows))
    layer = next(there, None)
    if layer is None:
        layer = make()
        _OVER[layer] = weakref.ref(run), shows
        show_below_on_key(layer)
        viewer.add_layer(layer)
    layer.visible = True
    viewer.layers.selection.active = layer
    return layer
