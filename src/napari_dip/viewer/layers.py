"""From a source layer to its result: where it lies, how it looks, what it is called, how it came about."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.transforms import Affine

from napari_dip.given import KEY, layer_axes, pixels_of
from napari_dip.job import Job
from napari_dip.restoration import PAST, Restoration, origin

__all__ = [
    "AFTERWARDS",
    "PLACE",
    "axes_of",
    "find_image",
    "find_mask",
    "finer",
    "image_layers",
    "is_result",
    "provenance",
    "result_layer",
    "result_name",
    "same_place",
    "unwrap",
    "with_depth",
]

# A result has one level, its own name, and is shown. All else of a layer's state is where it lies and how it
# looks, and the result keeps it.
NOT_KEPT = ("name", "metadata", "visible", "multiscale", "locked_data_level", "auto_contrast")

# ... and of these, where it lies.
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")

NONE = {"image": "open an image first", "mask": "paint one on a Labels layer first"}


def unwrap(proxied: Any) -> Any:
    """Return the viewer or layer behind what napari hands to plugins, which a comparison would not equal."""
    return inspect.unwrap(proxied)


def image_layers(viewer: napari.viewer.Viewer) -> list[Image]:
    """Return the image layers of `viewer`, the topmost first."""
    return [layer for layer in reversed(unwrap(viewer).layers) if isinstance(layer, Image)]


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
    masks = [found for found in reversed(unwrap(viewer).layers) if isinstance(found, Labels | Shapes)]
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


def axes_of(layer: Image, volumes: bool | None = None, letters: str | None = None) -> Any:
    """Return what the axes of `layer` mean (`napari_dip.images.axes.Axes`), and its shape.

    Parameters
    ----------
    layer
        An image layer.
    volumes
        Whether the last axis before the planes is depth; None to take it as its labels say.
    letters
        A letter for each axis, in place of what its labels say.
    """
    from napari_dip.images.axes import Axes

    shape = tuple(pixels_of(layer).shape)
    axes = Axes.of(shape, letters or layer_axes(layer), layer.rgb)
    if volumes is None:
        return axes, shape
    names = letters or axes.names
    return Axes.of(shape, with_depth(names) if volumes else names, layer.rgb, volumes), shape


def with_depth(names: str) -> str:
    """Return letters of axes of which one is depth: the last that has no name, where none is it."""
    unnamed = -1 if "Z" in names else names.rfind("Q")
    return names[:unnamed] + "Z" + names[unnamed + 1 :] if unnamed >= 0 else names


def result_layer(source: Image, picture: np.ndarray, job: Job) -> Image:
    """Return a new layer with `picture` that lies where `source` does and looks as it does."""
    _, state, _ = source.as_layer_data_tuple()
    kept = {name: value for name, value in dict(state).items() if name not in NOT_KEPT}
    # Without the axis of colours, which a layer's place does not have.
    factors = np.asarray(job.factors[: source.ndim], dtype=float)
    if (factors != 1).any():
        kept |= finer(source, factors)
    return Image(
        picture,
        name=result_name(source.name, job.task.name),
        metadata={**source.metadata, KEY: _origin(source, job.task.name) | {"settings": job.settings}},
        **kept,
    )


def same_place(layer: Image) -> dict[str, Any]:
    """Return where a layer lies, as another one takes it."""
    _, state, _ = layer.as_layer_data_tuple()
    return {name: value for name, value in dict(state).items() if name in PLACE}


def result_name(source: str, task: str, progress: str = "", planes: str = "") -> str:
    """Return what a result is called.

    Parameters
    ----------
    source, task
        The source's name, and what is done to it.
    progress
        While it is being done, how far it is.
    planes
        Which planes of the source it is; empty for all.
    """
    what = f"{PAST[task]} {progress}".rstrip()
    return f"{source} [{what}, {planes}]" if planes else f"{source} [{what}]"


def finer(source: Image, factors: np.ndarray) -> dict[str, Any]:
    """Return where a layer lies whose pixels divide those of `source` by `factors`.

    The centre of fine pixel ``i`` lies at ``(i + 1/2) / factor - 1/2`` pixels of the source.
    """
    pixels = Affine(scale=source.scale, rotate=source.rotate, shear=source.shear, ndim=source.ndim)
    moved = np.asarray(pixels.linear_matrix) @ (0.5 / factors - 0.5)
    return {
        "scale": np.asarray(source.scale) / factors,
        "translate": np.asarray(source.translate) + moved,
    }


def provenance(
    source: Image, task: str, restoration: Restoration, which: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how a result came about, as plain JSON; `which` says what of the source it is."""
    return _origin(source, task) | dict(which) | restoration.to_dict()


def _origin(source: Image, task: str) -> dict[str, Any]:
    return origin(task) | {"source": source.name}


def _keep_both(viewer: Any, source: Image, result: Image) -> None:
    pass


def _hide_source(viewer: Any, source: Image, result: Image) -> None:
    source.visible = False


# What can be done with the window when a run has finished, in the order in which it is offered.
AFTERWARDS: dict[str, Callable[[Any, Image, Image], None]] = {
    "keep both": _keep_both,
    "hide the original": _hide_source,
}
