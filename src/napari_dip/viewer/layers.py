"""The layers of a viewer: which one is meant, what its axes are, where it lies."""

from __future__ import annotations

import inspect
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from numpy.typing import ArrayLike

from napari_dip.given import KEY, layer_axes, pixels_of
from napari_dip.images.axes import Axes

__all__ = [
    "PLACE",
    "axes_of",
    "cuts",
    "find_image",
    "find_mask",
    "image_layers",
    "is_result",
    "mask_layers",
    "same_place",
    "unwrap",
    "with_depth",
]

# What of a layer's state says where it lies.
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")

NONE = {"image": "open an image first", "mask": "paint one on a Labels layer first"}


def unwrap(proxied: Any) -> Any:
    """Return the viewer or layer behind what napari hands to plugins, which a comparison would not equal."""
    return inspect.unwrap(proxied)


def image_layers(viewer: napari.viewer.Viewer) -> list[Image]:
    """Return the image layers of `viewer`, the topmost first."""
    return [layer for layer in reversed(unwrap(viewer).layers) if isinstance(layer, Image)]


def mask_layers(viewer: napari.viewer.Viewer) -> list[Labels | Shapes]:
    """Return the layers of `viewer` that can be a mask, the topmost first."""
    return [layer for layer in reversed(unwrap(viewer).layers) if isinstance(layer, Labels | Shapes)]


def find_image(viewer: napari.viewer.Viewer, layer: Image | str | None, *, guess: bool = False) -> Image:
    """Return the image layer that is meant: a layer, a name, or None for the active one.

    With `guess`, the topmost image that is no result stands in for an active layer that is no image.

    Raises
    ------
    ValueError, TypeError
        If there is none.
    """
    images = image_layers(viewer)
    if layer is None and guess and not isinstance(unwrap(viewer).layers.selection.active, Image):
        layer = next((image for image in images if not is_result(image)), None)
    found: Image = _find(viewer, layer, images, (Image,), "image")
    return found


def find_mask(viewer: napari.viewer.Viewer, layer: Labels | Shapes | str | None) -> Labels | Shapes:
    """Return the layer of a mask that is meant: a layer, a name, or None for the topmost.

    Raises
    ------
    ValueError, TypeError
        If there is none.
    """
    masks = mask_layers(viewer)
    layer = next(iter(masks), None) if layer is None else layer
    found: Labels | Shapes = _find(viewer, layer, masks, (Labels, Shapes), "mask")
    return found


def _find(viewer: Any, layer: Any, there: list[Any], kinds: tuple[type[Layer], ...], what: str) -> Any:
    names = ", ".join(repr(one.name) for one in there) or f"none: {NONE[what]}"
    found = unwrap(viewer).layers.selection.active if layer is None else unwrap(layer)
    if isinstance(found, str):
        found = next((one for one in there if one.name == found), None)
        if found is None:
            raise ValueError(f"there is no {what} layer {layer!r} in the viewer. Its {what} layers: {names}.")
    if found is None:
        raise ValueError(f"no {what} layer is selected. Select one, or name it; the {what} layers: {names}.")
    if not isinstance(found, kinds):
        kind = type(found).__name__
        article = "an" if what == "image" else "a"
        is_what = f"a {kind} layer" if isinstance(found, Layer) else f"of type {kind}"
        raise TypeError(
            f"{article} {what} layer is needed, but {str(found)!r} is {is_what}. The {what} layers: {names}."
        )
    return found


def is_result(layer: Layer) -> bool:
    """Whether this package made `layer`."""
    return KEY in layer.metadata


def axes_of(
    layer: Image, volumes: bool | None = None, letters: str | None = None
) -> tuple[Axes, tuple[int, ...]]:
    """Return what the axes of `layer` mean, and its shape.

    Parameters
    ----------
    layer
        An image layer.
    volumes
        Whether the last axis before the planes is depth; None to take it as its labels say.
    letters
        A letter for each axis, in place of what its labels say.
    """
    shape = tuple(pixels_of(layer).shape)
    axes = Axes.of(shape, letters or layer_axes(layer), layer.rgb)
    if volumes is None:
        return axes, shape
    names = letters or axes.names
    return Axes.of(shape, with_depth(names, shape) if volumes else names, layer.rgb, volumes), shape


def with_depth(names: str, shape: tuple[int, ...]) -> str:
    """Return letters of axes of which one is depth: the last that has no name, where none is it.

    One of a single entry is only where there is no other.
    """
    if "Z" in names:
        return names
    free = [at for at, letter in enumerate(names) if letter == "Q"]
    unnamed = max(free, key=lambda at: (shape[at] > 1, at), default=-1)
    return names[:unnamed] + "Z" + names[unnamed + 1 :] if unnamed >= 0 else names


def cuts(layer: Image, start: ArrayLike, factors: ArrayLike) -> dict[str, Any]:
    """Return the planes that a layer is cut by in 3-D, as the state of a layer with other pixels has them.

    Parameters
    ----------
    layer
        The layer.
    start
        Where in its pixels the other one begins, along each axis.
    factors
        How many pixels of the other one there are for one of its own, along each axis.
    """
    _, state, _ = layer.as_layer_data_tuple()
    first, many = np.asarray(start, float)[-3:], np.asarray(factors, float)[-3:]

    def moved(cut: dict[str, Any]) -> dict[str, Any]:
        if len(first) < 3:
            return cut
        position, normal = np.asarray(cut["position"]), np.asarray(cut["normal"])
        there = (position - first + 0.5) * many - 0.5
        # A plane stays one where its axes are stretched; what stands upright on it is another direction.
        upright = normal / many
        length = float(np.linalg.norm(upright))
        thick = {"thickness": cut["thickness"] / length} if "thickness" in cut else {}
        return cut | {"position": tuple(there), "normal": tuple(upright / length)} | thick

    clipping = "experimental_clipping_planes"
    return {"plane": moved(state["plane"]), clipping: [moved(cut) for cut in state[clipping]]}


def same_place(layer: Image) -> dict[str, Any]:
    """Return where a layer lies, as another one takes it."""
    _, state, _ = layer.as_layer_data_tuple()
    return {name: value for name, value in dict(state).items() if name in PLACE}
