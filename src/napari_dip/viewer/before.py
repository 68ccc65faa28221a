"""A key shows what was before, for as long as it is held: what a result was made from, in its place and at
its contrast, or what another layer lies on.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from napari.layers import Image

__all__ = ["show_before_on_key", "show_below_on_key"]

# Before. napari itself uses it for Labels and Shapes layers alone.
KEY_BEFORE = "B"
LOOK = ("contrast_limits", "gamma", "colormap")


def show_before_on_key(result: Image, source: Image, viewer: Any) -> None:
    """Show `source` in place of `result` while the key is held and `result` is selected.

    Nothing is done where the source is no more in `viewer`.
    """
    there = weakref.ref(viewer.layers)

    def before(layer: Image) -> Iterator[None]:
        if not layer.visible:  # hidden by the user, or the key was let go in another window
            layer.visible = True
            return
        layers = there()
        if layers is None or source not in layers:
            return
        own = {name: getattr(source, name) for name in ("contrast_limits_range", "visible", *LOOK)}
        for name in LOOK:
            setattr(source, name, getattr(layer, name))
        source.visible, layer.visible = True, False
        yield
        layer.visible = True
        for name, value in sorted(own.items(), reverse=True):  # the range before the limits in it
            setattr(source, name, value)

    result.bind_key(KEY_BEFORE, before)


def show_below_on_key(layer: Image) -> None:
    """Hide `layer`, and so show what lies below it, while the key is held and it is selected."""

    def below(layer: Image) -> Iterator[None]:
        layer.visible = False
        yield
        layer.visible = True

    layer.bind_key(KEY_BEFORE, below)
