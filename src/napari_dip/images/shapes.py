"""What the shapes that are drawn on a napari layer cover, on the grid of an image."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import line, polygon

from napari_dip.images.layers import name_of

__all__ = ["covered", "nearest"]

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Labels = int | Sequence[int] | None

# A centre this close to the border of two pixels, in pixels, lies on it, and belongs to the pixel after it.
CLOSE = 1e-5


def nearest(points: Floats) -> NDArray[np.intp]:
    """Return the pixels in which points lie."""
    return np.asarray(np.floor(points + 0.5 + CLOSE), dtype=np.intp)


def covered(layer: Any, to_image: Floats, shape: tuple[int, ...], labels: Labels) -> Mask:
    """Return what the shapes of a layer cover, with their edges, which are at least a pixel wide.

    Parameters
    ----------
    layer
        A napari layer of shapes.
    to_image
        Where its coordinates lie in the image's pixels, on its last axes, in homogeneous coordinates.
    shape
        The image's.
    labels
        Which shapes count, from 1; None for all.
    """
    axes, drawn = len(shape), np.zeros(shape, dtype=bool)
    numbers = range(1, 1 + len(layer.data))
    chosen = set(numbers if labels is None else np.ravel(labels).tolist())
    if len(layer.data) and not chosen.intersection(numbers):
        raise ValueError(
            f"none of the chosen labels is a shape of the layer {name_of(layer)}. Its {len(layer.data)} "
            "shapes are numbered from 1"
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
            pixels = nearest(mapped)
            for a, b in itertools.pairwise(pixels):
                rows, columns = line(*a, *b)
                inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
                flat[rows[inside], columns[inside]] = True
        # Along the other axes a shape lies on one slice, or reaches over several.
        reach = corners @ to_image[:-1, :-1].T + to_image[:-1, -1]
        first, last = nearest(reach.min(axis=0)), nearest(reach.max(axis=0))
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
            f"the shapes of the layer {name_of(layer)} lie on several slices, but the image has only {axes} "
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
