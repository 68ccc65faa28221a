"""Which pixels are to be filled in: arrays, painted labels and drawn shapes become a mask of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from napari_dip.images.axes import Axes
from napari_dip.images.layers import name_of, pixels_of, to_world
from napari_dip.images.shapes import CLOSE, Labels, covered, nearest

__all__ = ["EmptyMask", "array_mask", "layer_mask", "missing_in"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]

# Mask pixels that are mapped at once; more would take more memory and no less time.
AT_ONCE = 1_000_000


class EmptyMask(ValueError):
    """A mask says of no pixel that it is to be filled in."""


def missing_in(image: Any, axes: Axes) -> Mask:
    """Return which pixels of an image are NaN or infinite, in one of their colours at least.

    Parameters
    ----------
    image : array_like or dask array
        It is looked at plane by plane; of a dask array all is computed, once.
    axes : Axes
        The image's axes.

    Returns
    -------
    ndarray of bool
        Of the image's shape, without the colour axis of colour pictures.
    """
    shape = tuple(image.shape)
    colours = axes.channel if axes.joint_channels and axes.channel is not None else None
    grid = tuple(n for axis, n in enumerate(shape) if axis != colours)
    if image.dtype.kind not in "fc":
        return np.broadcast_to(np.False_, grid)
    if hasattr(image, "dask"):
        unusable = ~np.isfinite(image)
        return np.asarray(unusable if colours is None else unusable.any(axis=colours), dtype=bool)
    missing = np.zeros(grid, bool)
    whole = colours == 0 or len(grid) == 2
    for at in [slice(None)] if whole else range(shape[0]):
        unusable = ~np.isfinite(np.asarray(image[at]))
        missing[at] = unusable if colours is None else unusable.any(axis=colours if whole else colours - 1)
    return missing


def array_mask(mask: Any, shape: Sequence[int], axes: Axes, labels: Labels = None) -> Mask:
    """Make an array into a mask of the image.

    Parameters
    ----------
    mask : array_like or dask array of bool or integers
        True or nonzero where the image is to be filled in. Of the image's shape without its colours, or of
        the last part of that shape, such as (Y, X) for every plane of a stack; or of the shape of one plane
        or volume; or without the channels, for all of them. A colour axis of its own may follow: a pixel is
        then masked if one of its colours is.
    shape : sequence of int
        The image's shape.
    axes : Axes
        The image's axes.
    labels : int or sequence of int, optional
        The labels that count. By default all but 0.

    Returns
    -------
    ndarray of bool
        Of the image's shape, without the colour axis of colour pictures. It may be a read-only view.

    Raises
    ------
    TypeError
        If the mask holds other numbers than bools and integers.
    ValueError
        If its shape doesn't fit, or it leaves nothing to fill in or nothing to fill in from.

    Examples
    --------
    >>> stack = (5, 64, 48)
    >>> array_mask(np.eye(64, 48, dtype=int), stack, Axes.of(stack)).shape
    (5, 64, 48)
    """
    found = np.asarray(mask)
    _check_dtype(found)
    full = tuple(n for a, n in enumerate(shape) if not (axes.joint_channels and a == axes.channel))
    spatial = tuple(shape[a] for a in sorted(axes.spatial))
    fitting = _fit(found, full, spatial, axes)
    if fitting is None and axes.joint_channels and found.ndim > 2 and found.shape[-1] in (1, 3, 4):
        found = _any_colour(found)
        fitting = _fit(found, full, spatial, axes)
    if fitting is None:
        whole = "" if full == spatial else f", its whole shape {full}"
        raise ValueError(
            f"the mask has shape {np.shape(mask)} but the image's spatial shape is {spatial}{whole}. "
            "Paint the mask on a Labels layer made from this image, or resize it to that shape"
        )
    return np.broadcast_to(_usable(_chosen(fitting, labels), fitting), full)


def layer_mask(mask_layer: Any, image_layer: Any, labels: Labels = None) -> Mask:
    """Bring a napari layer onto the grid of an image layer, as a mask.

    The layers are reconciled in world coordinates: scale, translation, rotation and shape may differ. A pixel
    is masked if its centre lies in a masked pixel of the mask layer, or the centre of such a pixel in it,
    so that thin strokes on a finer grid aren't lost. Beyond the mask layer, pixels are known.

    Parameters
    ----------
    mask_layer : napari layer
        Labels, or an image of bools or integers: nonzero is filled in. Or shapes: what they cover, with their
        edges, is filled in, and lines are at least a pixel wide. A layer of fewer axes than the image is
        aligned to the last axes, and holds for every plane.
    image_layer : napari layer
        The image.
    labels : int or sequence of int, optional
        The labels that count. By default all but 0. Shapes are numbered from 1.

    Returns
    -------
    ndarray of bool
        Of the shape of the image layer's data, without the colour axis. It may be a read-only view.

    Raises
    ------
    TypeError
        If no mask can be made from such a layer.
    ValueError
        If the layers are the same or don't meet, or the mask leaves nothing to fill in or to fill in from.
    """
    if mask_layer is image_layer:
        raise ValueError(
            "the mask layer and the image layer are the same layer, but the mask has to say which of the "
            "image's pixels to fill in. Paint it on a Labels layer"
        )
    shape = tuple(pixels_of(image_layer).shape)[: image_layer.ndim]
    axes = min(len(shape), mask_layer.ndim)
    to_mask = np.linalg.solve(to_world(mask_layer, axes), to_world(image_layer, axes))
    if hasattr(mask_layer, "to_labels") and hasattr(mask_layer, "shape_type"):
        drawn = covered(mask_layer, np.linalg.inv(to_mask), shape[-axes:], labels)
        if not drawn.any() and len(mask_layer.data):
            raise ValueError(_outside(mask_layer, image_layer))
        return np.broadcast_to(_usable(drawn, drawn), shape)
    pixels = _pixels(mask_layer, axes)
    chosen = _usable(_chosen(pixels, labels), pixels, everything=False)
    if pixels.shape != shape[-axes:] or not np.allclose(to_mask, np.eye(axes + 1), rtol=0, atol=CLOSE):
        chosen = _resample(chosen, to_mask, shape[-axes:])
        if not chosen.any():
            raise ValueError(_outside(mask_layer, image_layer))
    return np.broadcast_to(_usable(chosen, pixels), shape)


def _check_dtype(mask: NDArray[Any], name: str = "mask") -> None:
    if mask.dtype.kind == "f":
        raise TypeError(
            f"the {name} holds {mask.dtype.name} values, but bools or integers are needed, nonzero where the "
            "image is to be filled in. Convert it with a threshold, as in mask > 0.5"
        )
    if mask.dtype.kind not in "biu":
        raise TypeError(
            f"the {name} holds {mask.dtype.name} values, but bools or integers are needed, nonzero where the "
            "image is to be filled in. Convert it, as in mask.astype(bool)"
        )


def _any_colour(mask: NDArray[Any]) -> NDArray[Any]:
    """A mask without its colour axis; opacity, the fourth colour, masks nothing."""
    return np.asarray(mask[..., :3].max(axis=-1))


def _fit(
    mask: NDArray[Any], full: tuple[int, ...], spatial: tuple[int, ...], axes: Axes
) -> NDArray[Any] | None:
    """The mask with one axis for each of the image's last ones, or None if its shape doesn't fit."""
    if 2 <= mask.ndim <= len(full) and mask.shape == full[len(full) - mask.ndim :]:
        return mask
    if mask.shape == spatial:
        return np.expand_dims(mask, [a for a in range(len(full)) if a not in axes.spatial])
    channel = axes.channel
    if channel is not None and len(full) == len(axes.names):
        if mask.shape == (*full[:channel], *full[channel + 1 :]):  # one for all channels
            return np.expand_dims(mask, channel)
        if mask.shape == (*full[:channel], 1, *full[channel + 1 :]):
            return mask
    return None


def _chosen(mask: NDArray[Any], labels: Labels) -> Mask:
    return mask != 0 if labels is None else np.isin(mask, labels)


def _usable(chosen: Mask, mask: NDArray[Any], everything: bool = True) -> Mask:
    """`chosen`, if it leaves something to fill in, and (with `everything`) something to fill in from."""
    if not chosen.any():
        there = np.unique(mask[mask != 0])
        if not there.size:
            raise EmptyMask("the mask is empty, so there is nothing to fill in. Paint over what is to go")
        listed = ", ".join(str(int(label)) for label in there[:10]) + (", ..." if there.size > 10 else "")
        raise ValueError(
            f"no pixel of the mask has one of the labels that were chosen. The mask's labels are {listed}"
        )
    if everything and chosen.all():
        raise ValueError(
            "the mask covers the whole image, so no known pixel is left to fill in from. "
            "Mask only what is to be filled in; 0 is known"
        )
    return chosen


def _outside(mask_layer: Any, image_layer: Any) -> str:
    return (
        f"the mask layer {name_of(mask_layer)} masks nothing inside the image layer {name_of(image_layer)}. "
        "Check the scale and the translation of both layers, or paint inside the image"
    )


def _pixels(layer: Any, axes: int) -> NDArray[Any]:
    """The labels of a mask layer, on its last `axes` axes."""
    data, rgb = pixels_of(layer), bool(getattr(layer, "rgb", False))
    shape = getattr(data, "shape", ())
    # An array of point coordinates can look like one of pixels.
    if not hasattr(data, "dtype") or len(shape) != layer.ndim + rgb or hasattr(layer, "symbol"):
        raise TypeError(
            f"the layer {name_of(layer)} is a {type(layer).__name__} layer, which has no pixels to mask "
            "with. Paint the mask on a Labels layer, or draw it on a Shapes layer"
        )
    leading = shape[: layer.ndim - axes]
    if any(n != 1 for n in leading):
        raise ValueError(
            f"the mask layer {name_of(layer)} has shape {tuple(shape)}, but the image has only {axes} axes. "
            f"Paint the mask on a Labels layer of {axes} axes"
        )
    pixels = np.asarray(data[(0,) * len(leading)])
    _check_dtype(pixels, f"mask layer {name_of(layer)}")
    return _any_colour(pixels) if rgb else pixels


def _resample(mask: Mask, to_mask: Floats, shape: tuple[int, ...]) -> Mask:
    """The mask on another grid, whose pixels `to_mask` takes to the mask's."""
    # One known pixel around the mask: ndimage would cut its outer pixels in half.
    known, turn, shift = np.pad(mask, 1).astype(np.uint8), to_mask[:-1, :-1], to_mask[:-1, -1]
    moved = affine_transform(known, turn, shift + 1 + CLOSE, shape, order=0, prefilter=False).astype(bool)
    back = np.linalg.inv(to_mask)
    where = np.flatnonzero(mask)
    for start in range(0, where.size, AT_ONCE):
        points = np.array(np.unravel_index(where[start : start + AT_ONCE], mask.shape))
        centres = nearest(back[:-1, :-1] @ points + back[:-1, -1:])
        inside = ((centres >= 0) & (centres < np.array(shape)[:, np.newaxis])).all(axis=0)
        moved[tuple(centres[:, inside])] = True
    return np.asarray(moved, dtype=bool)
