"""Which part of an image is in sight: what the canvas shows of it, or a shape that is selected."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Shapes
from numpy.typing import NDArray

from napari_dip.given import pixels_of
from napari_dip.viewer.layers import unwrap

if TYPE_CHECKING:
    from napari_dip.images.axes import Axes

__all__ = ["FLAT", "PART", "in_sight", "is_large"]

# What can be tried soon: the largest side of a part, in pixels of the result, for planes and for volumes; and
# the smallest side, below which there is little to see and to learn from.
LARGEST = {2: 192, 3: 64}
SMALLEST = 32
# Pixels beyond the edges of the canvas. Near its edges a part is restored otherwise than in the whole image:
# with these, parts of a synthetic fluorescence image were 4 to 9 dB more like the same parts of the whole's
# result. To measure noise and intensities on the whole image, besides, made them no more like it.
MARGIN = 16
# Slices of a volume.
DEEPEST = 16

# What is tried alone where planes are large; else it is a plane or a volume.
PART = "part"

FLAT = "To try a part, let napari show the image in 2-D."
OUT_OF_SIGHT = "Nothing of '{name}' is in view. Bring what you want to try into view."
TURNED = (
    "The view shows '{name}' from another side than the one that is restored. Let napari show its rows and "
    "columns, as it does at first."
)

Box = NDArray[np.float64]  # the first and the last place along rows and columns, in pixels


def is_large(shape: tuple[int, ...], axes: Axes, finer: int = 1) -> bool:
    """Whether an image's planes or volumes are so large that a part of one is worth a try."""
    return any(shape[axis] > _largest(axes, finer) for axis in axes.spatial[-2:])


def in_sight(
    viewer: Any, layer: Image, axes: Axes, finer: int = 1, mask: Layer | None = None
) -> dict[int, slice]:
    """Return which part of each plane or volume of an image is meant when what is seen is to be tried.

    That is the rectangle around a shape, where a Shapes layer is active and one of its shapes is selected, or
    the only one; and otherwise what the canvas shows, or as much of it around its middle as is done soon. Of
    volumes it is some slices around the one that is shown.

    Parameters
    ----------
    viewer
        The viewer of the layer.
    layer
        The image.
    axes
        What its axes mean.
    finer
        How much finer the result will be than the image.
    mask
        A layer whose shapes say something else.

    Returns
    -------
    dict
        A slice for each spatial axis.

    Raises
    ------
    ValueError
        If nothing of it is in sight.
    """
    viewer, layer = unwrap(viewer), unwrap(layer)
    name, shape = layer.name, tuple(pixels_of(layer).shape)
    if viewer.dims.ndisplay != 2:
        raise ValueError(FLAT)
    shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
    rows_and_columns = axes.spatial[-2:]
    if sorted(shown) != sorted(rows_and_columns):
        raise ValueError(TURNED.format(name=name))
    sizes = [shape[axis] for axis in rows_and_columns]
    box = None
    if viewer.layers.selection.active is not unwrap(mask):
        box = _selected(viewer, layer, rows_and_columns)
    largest, margin = max(sizes), 0  # whoever has drawn what is to be restored gets just that
    if box is None:
        box, largest, margin = _on_canvas(viewer, layer, rows_and_columns), _largest(axes, finer), MARGIN
    ends = np.array([[-0.5] * 2, [size - 0.5 for size in sizes]])
    box = np.clip(box, *ends)
    if (box[1] <= box[0]).any():
        raise ValueError(OUT_OF_SIGHT.format(name=name))
    box = np.clip(box + np.array([[-margin], [margin]]), *ends)
    part = {
        axis: _around((low + high) / 2, high - low, largest, size)
        for axis, low, high, size in zip(rows_and_columns, *box, sizes, strict=True)
    }
    for axis in axes.spatial[:-2]:
        at = layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :])[axis]
        part[axis] = _around(at, shape[axis], DEEPEST, shape[axis])
    return part


def _largest(axes: Axes, finer: int) -> int:
    return max(LARGEST[len(axes.spatial)] // finer, SMALLEST)


def _around(middle: float, length: float, at_most: int, size: int) -> slice:
    """Return so many pixels around a place, and no more than there are."""
    number = min(max(round(length), SMALLEST), at_most, size)
    start = round(middle + 0.5 - number / 2)
    start = min(max(start, 0), size - number)
    return slice(start, start + number)


def _on_canvas(viewer: Any, layer: Image, along: Sequence[int]) -> Box:
    """Return the box around what the canvas shows; it may lie beyond the image."""
    camera = getattr(viewer, "scene", viewer).camera  # napari 0.9 moved both
    canvas = getattr(viewer, "canvas", None)
    size = viewer._canvas_size if canvas is None else canvas.viewbox_size(viewer.layers)
    half = np.asarray(size, dtype=float)[-2:] / camera.zoom / 2
    middle = np.asarray(camera.center, dtype=float)[-2:]
    corners = [middle + half * signs for signs in itertools.product((-1, 1), repeat=2)]
    return _box(viewer, layer, along, corners)


def _selected(viewer: Any, layer: Image, along: Sequence[int]) -> Box | None:
    """Return the box around the shape that is selected, or None."""
    shapes = viewer.layers.selection.active
    if not isinstance(shapes, Shapes) or not shapes.data:
        return None
    chosen = sorted(shapes.selected_data) or ([0] if len(shapes.data) == 1 else [])
    if not chosen:
        return None
    displayed = list(viewer.dims.displayed)
    corners = []
    for number in chosen:
        for corner in shapes.data[number]:
            world = np.array(viewer.dims.point, dtype=float)
            world[-shapes.ndim :] = shapes.data_to_world(corner)
            corners.append(world[displayed])
    return _box(viewer, layer, along, corners)


def _box(viewer: Any, layer: Image, along: Sequence[int], corners: Sequence[Any]) -> Box:
    """Return the box around points of the displayed world, in pixels of a layer."""
    places = []
    for corner in corners:
        world = np.array(viewer.dims.point, dtype=float)
        world[list(viewer.dims.displayed)] = corner
        places.append(np.asarray(layer.world_to_data(world[-layer.ndim :]))[list(along)])
    return np.array([np.min(places, axis=0), np.max(places, axis=0)])
