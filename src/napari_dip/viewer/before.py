"""A key shows what was before, for as long as it is held: what a result was made from, in its place and at
its contrast, or what another layer lies on.
"""

from __future__ import annotations

from collections.abc import Iterator

from napari.layers import Image

__all__ = ["show_before_on_key", "show_below_on_key"]

# Before. napari itself uses it for Labels and Shapes layers alone.
KEY_BEFORE = "B"
LOOK = ("contrast_limits", "gamma", "colormap")


def show_before_on_key(result: Image, source: Image) -> None:
    """Show `source` in place of `result` while the key is held and `result` is selected."""

    def before(layer: Image) -> Iterator[None]:
        if not layer.visible:  # hidden by the user, or the key was let go in another window
            layer.visible = True
            return
        own = {name: getattr(source, name) for name in ("visible", *LOOK)}
        for name in LOOK:
            setattr(source, name, getattr(layer, name))
        source.visible, layer.visible = True, False
        yield
        layer.visible = True
        for name, value in own.items():
            setattr(source, name, value)

    result.bind_key(KEY_BEFORE, before)


def show_below_on_key(layer: Image) -> None:
    """Hide `layer`, and so show what lies below it, while the key is held and it is selected."""

    def below(layer: Image) -> Iterator[None]:
        layer.visible = False
        yield
        layer.visible = True

    layer.bind_key(KEY_BEFORE, below)
