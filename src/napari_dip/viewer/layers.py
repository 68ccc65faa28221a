"""From a source layer to its result: where it lies, how it looks, what it is called, how it came about."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Layer

from napari_dip.restoration import Restoration

__all__ = [
    "AFTERWARDS",
    "axes_of",
    "find_image",
    "image_layers",
    "is_result",
    "provenance",
    "result_layer",
    "unwrap",
]

# Where a restoration's settings and history lie in a layer's metadata.
KEY = "napari_dip"

# A result has one level, its own name, and is shown. All else of a layer's state is where it lies and how it
# looks, and the result keeps it.
NOT_KEPT = ("name", "metadata", "visible", "multiscale", "locked_data_level", "auto_contrast")

PAST = {"denoise": "denoised"}


def unwrap(proxied: Any) -> Any:
    """Return the viewer or layer behind what napari hands to plugins, which a comparison would not equal."""
    return inspect.unwrap(proxied)


def image_layers(viewer: napari.viewer.Viewer) -> list[Image]:
    """Return the image layers of `viewer`, the topmost first."""
    return [layer for layer in reversed(unwrap(viewer).layers) if isinstance(layer, Image)]


def find_image(viewer: napari.viewer.Viewer, layer: Image | str | None) -> Image:
    """Return the image layer that is meant: a layer, a name, or None for the active one.

    Raises
    ------
    ValueError, TypeError
        If there is none.
    """
    images = image_layers(viewer)
    names = ", ".join(repr(image.name) for image in images) or "none: open an image first"
    found = unwrap(viewer).layers.selection.active if layer is None else unwrap(layer)
    if isinstance(found, str):
        found = next((image for image in images if image.name == found), None)
        if found is None:
            raise ValueError(f"there is no image layer {layer!r} in the viewer. Its image layers: {names}.")
    if found is None:
        raise ValueError(f"no image layer is selected. Select one, or name it; the image layers: {names}.")
    if not isinstance(found, Image):
        kind = type(found).__name__
        what = f"a {kind} layer" if isinstance(found, Layer) else f"of type {kind}"
        raise TypeError(f"an image layer is needed, but {str(found)!r} is {what}. The image layers: {names}.")
    return found


def is_result(layer: Layer) -> bool:
    """Whether this package made `layer`."""
    return KEY in layer.metadata


def axes_of(layer: Image, volumes: bool | None = None) -> Any:
    """Return what the axes of `layer` mean (`napari_dip.images.axes.Axes`), and its shape.

    Parameters
    ----------
    layer
        An image layer.
    volumes
        Whether the last axis before the planes is depth; None to take it as its labels say.
    """
    from napari_dip.api import layer_axes
    from napari_dip.images.axes import Axes

    shape = tuple((layer.data[0] if layer.multiscale else layer.data).shape)
    axes = Axes.of(shape, layer_axes(layer), layer.rgb)
    if volumes is None:
        return axes, shape
    names = axes.names.replace("Z", "Q")
    if volumes:
        names = axes.names if "Z" in axes.names else _with_depth(names)
    return Axes.of(shape, names, layer.rgb), shape


def _with_depth(names: str) -> str:
    unnamed = names.rfind("Q")
    return names[:unnamed] + "Z" + names[unnamed + 1 :] if unnamed >= 0 else names


def result_layer(source: Image, picture: np.ndarray, task: str, settings: dict[str, Any]) -> Image:
    """Return a new layer with `picture` that lies where `source` does and looks as it does."""
    _, state, _ = source.as_layer_data_tuple()
    kept = {name: value for name, value in dict(state).items() if name not in NOT_KEPT}
    return Image(
        picture,
        name=f"{source.name} [{PAST[task]}]",
        metadata={**source.metadata, KEY: _origin(source, task) | {"settings": settings}},
        **kept,
    )


def provenance(source: Image, task: str, restoration: Restoration) -> dict[str, Any]:
    """Return how a result came about, as plain JSON."""
    return _origin(source, task) | restoration.to_dict()


def _origin(source: Image, task: str) -> dict[str, Any]:
    return {"version": version("napari-dip"), "task": task, "source": source.name}


def _keep_both(viewer: Any, source: Image, result: Image) -> None:
    pass


def _hide_source(viewer: Any, source: Image, result: Image) -> None:
    source.visible = False


# What can be done with the window when a run has finished, in the order in which it is offered.
AFTERWARDS: dict[str, Callable[[Any, Image, Image], None]] = {
    "keep both": _keep_both,
    "hide the original": _hide_source,
}
