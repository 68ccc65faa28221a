"""Mask layers, which say what is to be filled in: made over an image, found again, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils import CyclicLabelColormap

from napari_dip.given import pixels_of
from napari_dip.images.damage import worst_damage
from napari_dip.images.masks import EmptyMask, layer_mask, missing_in
from napari_dip.viewer.layers import axes_of, same_place
from napari_dip.viewer.words import sentence

if TYPE_CHECKING:
    from napari_dip.images.axes import Axes

__all__ = [
    "KEY",
    "MASKS",
    "damage_in",
    "filled_in",
    "label_entries",
    "lies_over",
    "mask_over",
    "new_mask",
    "not_finite",
    "paint_on",
    "raise_up",
    "read_mask",
]

# The kinds of layers that can be a mask.
MASKS = (Labels, Shapes)

# What marks, in a layer's metadata, a mask that was made here.
KEY = "napari_dip_mask"

# Of the labels from 0 on, again and again; seen on any image.
COLOURS = ("#00000000", "#ff5a36", "#ffc83d", "#3fa7ff", "#ff5cd6", "#3ddc84")

# A brush is this part of the image's shorter side, and no smaller than so many pixels.
BRUSH_PART, SMALLEST_BRUSH = 1 / 50, 3


def new_mask(image: Image, labels: np.ndarray | None = None, **look: Any) -> Labels:
    """Return a new layer over `image` with a pixel for each of its pixels, to mark what is to be filled in.

    A stack gets a mask with as many planes, so that each plane may have its own.

    Parameters
    ----------
    image
        An image layer.
    labels
        What is marked already, of the image's shape without its colours; None for nothing.
    **look
        More of what `napari.layers.Labels` takes.
    """
    if labels is None:
        labels = np.zeros(_grid(image), np.uint8)  # memory is taken where it is painted on
    usual = {
        "name": f"{image.name} mask",
        "opacity": 0.6,
        "metadata": {KEY: {"image": image.name}},
        "colormap": CyclicLabelColormap(colors=COLOURS),
    }
    layer = Labels(labels, **same_place(image), **(usual | look))
    layer.brush_size = max(SMALLEST_BRUSH, round(BRUSH_PART * min(layer.data.shape[-2:])))
    return layer


def mask_over(viewer: Any, image: Image, preferred: Layer | None = None) -> Labels | None:
    """Return a layer of `viewer` that `new_mask` made and that still lies over `image`, or None.

    Parameters
    ----------
    viewer
        The viewer.
    image
        An image layer.
    preferred
        The one that is returned if there are several; without it, the topmost.
    """
    masks = [
        layer for layer in reversed(viewer.layers) if isinstance(layer, Labels) and KEY in layer.metadata
    ]
    masks = [mask for mask in masks if lies_over(mask, image)]
    return next((mask for mask in masks if mask is preferred), next(iter(masks), None))


def paint_on(viewer: Any, layer: Labels) -> None:
    """Select `layer`, above what would hide what is painted, and take the brush in hand."""
    raise_up(viewer, layer)
    layer.visible = True
    viewer.layers.selection.active = layer
    if layer.selected_label == 0:
        layer.selected_label = 1
    layer.mode = "paint"


def raise_up(viewer: Any, layer: Layer, above: Layer | None = None) -> None:
    """Put a layer above another, or above all visible images, unless it is."""
    layers = viewer.layers
    here = layers.index(layer)
    hiding = [
        place
        for place, other in enumerate(layers)
        if place > here and (other is above if above else isinstance(other, Image) and other.visible)
    ]
    if hiding:
        layers.move(here, hiding[-1] + 1)


# ------------------------------------------------------------------------------------------ what a mask says


def read_mask(mask: Layer | None, image: Layer | None, labels: Any = None) -> tuple[np.ndarray | None, str]:
    """Return which pixels of `image` are to be filled in, or None and why there are none, in a sentence.

    Where the mask says nothing, those of an image in memory are that are NaN or infinite. Where there is no
    image, or no mask and no such pixel, there is nothing to be said about it.
    """
    if image is None:
        return None, ""
    try:
        if mask is not None:
            return layer_mask(mask, image, labels), ""
        why_not = ""
    except EmptyMask as error:
        why_not = sentence(error)
    except (ValueError, TypeError) as error:
        return None, sentence(error)
    missing = not_finite(image)
    return missing, "" if missing is not None else why_not


def not_finite(image: Layer) -> np.ndarray | None:
    """Return which pixels of an image layer are NaN or infinite.

    None of a layer without such pixels, of one that is not in memory, or whose axes make no sense.
    """
    pixels = pixels_of(image)
    if not isinstance(pixels, np.ndarray) or isinstance(pixels, np.memmap):
        return None
    try:
        missing = missing_in(pixels, axes_of(image)[0])
    except ValueError:  # which is told elsewhere
        return None
    return missing if missing.any() else None


def label_entries(mask: Layer | None) -> dict[int, str]:
    """Return the labels that are there, each with what it is called and how many pixels it has."""
    if not isinstance(mask, Labels):
        return {}
    data = pixels_of(mask)
    counts: dict[int, int] = {}
    # Plane by plane: what is lazily loaded or memory-mapped need never be there as a whole.
    for index in np.ndindex(data.shape[:-2]):
        plane = np.asarray(data[index])
        for label, count in zip(*np.unique(plane[plane != 0], return_counts=True), strict=True):
            counts[int(label)] = counts.get(int(label), 0) + int(count)
    names = mask.metadata.get(KEY, {}).get("findings", {})
    return {
        label: f"{label}: {names[label]} ({count})"
        if label in names
        else f"{label} ({count} pixel{_s(count)})"
        for label, count in sorted(counts.items())
    }


def damage_in(mask: np.ndarray, axes: Axes) -> str:
    """Return the kind of damage that a run takes `mask`, as `read_mask` returns it, to be.

    Parameters
    ----------
    mask
        True where the image is to be filled in.
    axes
        The image's.
    """
    return worst_damage(mask, axes).kind


def filled_in(mask: np.ndarray) -> str:
    """Return how much of an image is to be filled in, in words."""
    percent = 100 * float(mask.mean())
    if percent < 0.1:
        number = int(np.count_nonzero(mask))
        return f"{number} pixel{_s(number)} to be filled in"
    return f"{percent:.1f}\N{NO-BREAK SPACE}% of it to be filled in"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _grid(image: Image) -> tuple[int, ...]:
    """Return the shape of an image layer without its colours."""
    data = pixels_of(image)
    return tuple(data.shape[: image.ndim])


def lies_over(mask: Labels | Image, image: Image) -> bool:
    """Return whether a mask has a pixel for each pixel of an image, and lies where the image does."""
    points = [np.zeros(image.ndim), *np.eye(image.ndim)]
    return (mask.ndim, tuple(mask.data.shape)) == (image.ndim, _grid(image)) and all(
        np.allclose(mask.data_to_world(point), image.data_to_world(point)) for point in points
    )
