"""Where the viewer's sliders are, in pixels of a layer."""

from __future__ import annotations

from typing import Any

from napari.layers import Image

__all__ = ["move_to", "position"]


def position(viewer: Any, layer: Image) -> tuple[float, ...]:
    """Return where the viewer's sliders are, in pixels of `layer`."""
    point = (0.0,) * layer.ndim + tuple(viewer.dims.point)  # a layer that was removed may have more axes
    return tuple(layer.world_to_data(point[-layer.ndim :]))


def move_to(viewer: Any, layer: Image, places: dict[int, int]) -> None:
    """Move the viewer's sliders to where the axes of `layer` have these values."""
    beyond = viewer.dims.ndim - layer.ndim
    if beyond < 0:  # the layer was removed, and what is left has fewer axes
        return
    point = list(position(viewer, layer))
    for axis, at in places.items():
        point[axis] = at
    world = layer.data_to_world(point)
    viewer.dims.set_point([beyond + axis for axis in places], [float(world[axis]) for axis in places])
