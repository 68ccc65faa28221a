"""Which pixels are to be filled in: arrays, painted labels and drawn shapes become a mask of the image."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from skimage.draw import line, polygon

from napari_dip.images.axes import Axes

__all__ = ["array_mask", "layer_mask", "to_world"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]
Labels = int | Sequence[int] | None

# A centre this close to the border of two pixels, in pixels, lies on it, and belongs to the pixel after it.
CLOSE = 1e-5
# Mask pixels that are mapped at once; more would take more memory and no less time.
AT_ONCE = 1_000_000


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
    shape = tuple(_data(image_layer).shape)[: image_layer.ndim]
    axes = min(len(shape), mask_layer.ndim)
    to_mask = np.linalg.solve(to_world(mask_layer, axes), to_world(image_layer, axes))
    if hasattr(mask_layer, "to_labels") and hasattr(mask_layer, "shape_type"):
        drawn = _rasterise(mask_layer, np.linalg.inv(to_mask), shape[-axes:], labels)
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
            raise ValueError("the mask is empty, so there is nothing to fill in. Paint over what is to go")
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
        f"the mask layer {_name(mask_layer)} masks nothing inside the image layer {_name(image_layer)}. "
        "Check the scale and the translation of both layers, or paint inside the image"
    )


def _name(layer: Any) -> str:
    return repr(str(getattr(layer, "name", type(layer).__name__)))


def _data(layer: Any) -> Any:
    """The layer's array; of several scales, the finest."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def _pixels(layer: Any, axes: int) -> NDArray[Any]:
    """The labels of a mask layer, on its last `axes` axes."""
    data, rgb = _data(layer), bool(getattr(layer, "rgb", False))
    shape = getattr(data, "shape", ())
    # An array of point coordinates can look like one of pixels.
    if not hasattr(data, "dtype") or len(shape) != layer.ndim + rgb or hasattr(layer, "symbol"):
        raise TypeError(
            f"the layer {_name(layer)} is a {type(layer).__name__} layer, which has no pixels to mask with. "
            "Paint the mask on a Labels layer, or draw it on a Shapes layer"
        )
    leading = shape[: layer.ndim - axes]
    if any(n != 1 for n in leading):
        raise ValueError(
            f"the mask layer {_name(layer)} has shape {tuple(shape)}, but the image has only {axes} axes. "
            f"Paint the mask on a Labels layer of {axes} axes"
        )
    pixels = np.asarray(data[(0,) * len(leading)])
    _check_dtype(pixels, f"mask layer {_name(layer)}")
    return _any_colour(pixels) if rgb else pixels


def to_world(layer: Any, axes: int) -> Floats:
    """Return the map from the layer's pixels to the world on the last axes, in homogeneous coordinates."""
    points = np.zeros((axes + 1, layer.ndim))
    points[1:, layer.ndim - axes :] = np.eye(axes)
    world = np.array([layer.data_to_world(point) for point in points], dtype=np.float64)[:, -axes:]
    matrix = np.eye(axes + 1)
    matrix[:-1, -1] = world[0]
    matrix[:-1, :-1] = (world[1:] - world[0]).T
    if np.linalg.matrix_rank(matrix / np.abs(matrix).max(axis=0)) <= axes:
        raise ValueError(
            f"the layer {_name(layer)} is turned so that its last {axes} axes don't span the world's. "
            "Give both layers as many axes"
        )
    return matrix


def _resample(mask: Mask, to_mask: Floats, shape: tuple[int, ...]) -> Mask:
    """The mask on another grid, whose pixels `to_mask` takes to the mask's."""
    # One known pixel around the mask: ndimage would cut its outer pixels in half.
    known, turn, shift = np.pad(mask, 1).astype(np.uint8), to_mask[:-1, :-1], to_mask[:-1, -1]
    moved = affine_transform(known, turn, shift + 1 + CLOSE, shape, order=0, prefilter=False).astype(bool)
    back = np.linalg.inv(to_mask)
    where = np.flatnonzero(mask)
    for start in range(0, where.size, AT_ONCE):
        points = np.array(np.unravel_index(where[start : start + AT_ONCE], mask.shape))
        centres = _nearest(back[:-1, :-1] @ points + back[:-1, -1:])
        inside = ((centres >= 0) & (centres < np.array(shape)[:, np.newaxis])).all(axis=0)
        moved[tuple(centres[:, inside])] = True
    return np.asarray(moved, dtype=bool)


def _nearest(points: Floats) -> NDArray[np.intp]:
    return np.asarray(np.floor(points + 0.5 + CLOSE), dtype=np.intp)


def _rasterise(layer: Any, to_image: Floats, shape: tuple[int, ...], labels: Labels) -> Mask:
    """What the shapes of a layer cover, on the image's grid."""
    axes, drawn = len(shape), np.zeros(shape, dtype=bool)
    numbers = range(1, 1 + len(layer.data))
    chosen = set(numbers if labels is None else np.ravel(labels).tolist())
    if len(layer.data) and not chosen.intersection(numbers):
        raise ValueError(
            f"none of the chosen labels is a shape of the layer {_name(layer)}. Its {len(layer.data)} shapes "
            "are numbered from 1"
        )
    _check_slices(layer, axes)
    for number, data, kind, width in zip(
        numbers, layer.data, layer.shape_type, layer.edge_width, strict=True
    ):
        if number not in chosen:
            continue
        corners = np.asarray(data, dtype=np.float64)[:, -axes:]
        plane = _plane(corners)
        size = [shape[a] for a in plane]
        flat = np.zeros(size, dtype=bool)
        for outline in _outlines(corners, str(kind), float(width), plane):
            mapped = (outline @ to_image[:-1, :-1].T + to_image[:-1, -1])[:, plane]
            flat[polygon(*mapped.T, shape=size)] = True
            pixels = _nearest(mapped)
            for a, b in itertools.pairwise(pixels):
                rows, columns = line(*a, *b)
                inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
                flat[rows[inside], columns[inside]] = True
        # Along the other axes a shape lies on one slice, or reaches over several.
        reach = corners @ to_image[:-1, :-1].T + to_image[:-1, -1]
        first, last = _nearest(reach.min(axis=0)), _nearest(reach.max(axis=0))
        index = tuple(
            slice(None) if a in plane else slice(max(first[a], 0), max(last[a] + 1, 0)) for a in range(axes)
        )
        drawn[index] |= np.expand_dims(flat, [a for a in range(axes) if a not in plane])
    return drawn


def _check_slices(layer: Any, axes: int) -> None:
    """Refuse shapes on several slices of an axis that the image doesn't have."""
    leading = [np.asarray(corners)[:, :-axes] for corners in layer.data]
    if leading and (np.ptp(np.concatenate(leading), axis=0) > 0.5).any():
        raise ValueError(
            f"the shapes of the layer {_name(layer)} lie on several slices, but the image has only {axes} "
            f"axes. Draw them on a Shapes layer of {axes} axes"
        )


def _plane(corners: Floats) -> list[int]:
    """The two axes that a shape is drawn in: the last ones, unless it lies in others."""
    axes = corners.shape[1]
    extended = [a for a in range(axes) if np.ptp(corners[:, a]) > CLOSE]
    if len(extended) > 2:
        return [axes - 2, axes - 1]
    rest = [a for a in reversed(range(axes)) if a not in extended]
    return sorted([*extended, *rest[: 2 - len(extended)]])


def _outlines(corners: Floats, kind: str, width: float, plane: list[int]) -> Iterator[Floats]:
    """Polygons that cover what a shape covers, in the shape's own coordinates."""
    if kind == "ellipse":
        angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)[:, np.newaxis]
        across, along = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
        corners = corners.mean(axis=0) + np.cos(angle) * across + np.sin(angle) * along
    if kind not in ("line", "path"):
        corners = np.concatenate([corners, corners[:1]])
        yield corners
    angle = np.linspace(-np.pi / 2, np.pi / 2, 12)
    for a, b in itertools.pairwise(corners):
        direction = np.arctan2(*(b - a)[plane])
        ends = []
        for end, turn in ((b, direction), (a, direction + np.pi)):
            points = np.repeat(end[np.newaxis], len(angle), axis=0)
            points[:, plane] += width / 2 * np.stack([np.sin(angle + turn), np.cos(angle + turn)], axis=1)
            ends.append(points)
        yield np.array([a, b])
        yield np.concatenate(ends)
