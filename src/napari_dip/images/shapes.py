"""What the shapes that are drawn on a napari layer cover, on the grid of an image."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_dip.images.layers import name_of

__all__ = ["covered", "nearest"]

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Labels = int | Sequence[int] | None

# A centre this close to the border of two pixels, in pixels, lies on it, and belongs to the pixel after it.
CLOSE = 1e-5

# Kinds of shapes that have no inside.
OPEN = ("line", "path")


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
        outline = _outline(corners, str(kind))
        seen = [outline] if str(kind) not in OPEN else []
        seen += _strokes(outline, float(width), plane)
        in_pixels = [_mapped(part, to_image) for part in seen]
        in_pixels += _strokes(_mapped(outline, to_image), 1.0, plane)
        for part in in_pixels:
            _fill(flat, part[:, plane] + CLOSE)
        # Along the other axes a shape lies on one slice, or reaches over several.
        reach = _mapped(corners, to_image)
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


def _outline(corners: Floats, kind: str) -> Floats:
    """The points from one to the next of which a shape's edge is drawn."""
    if kind == "ellipse":
        angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)[:, np.newaxis]
        across, along = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
        corners = corners.mean(axis=0) + np.cos(angle) * across + np.sin(angle) * along
    return corners if kind in OPEN else np.concatenate([corners, corners[:1]])


def _strokes(points: Floats, width: float, plane: list[int]) -> list[Floats]:
    """Rectangles that cover a line from each point to the next, and half of its width beyond."""
    strokes = []
    for a, b in itertools.pairwise(points):
        angle = np.arctan2(*(b - a)[plane])
        along, across = np.zeros((2, points.shape[1]))
        along[plane] = width / 2 * np.array([np.sin(angle), np.cos(angle)])
        across[plane] = width / 2 * np.array([np.cos(angle), -np.sin(angle)])
        strokes.append(
            np.stack([b + along + across, b + along - across, a - along - across, a - along + across])
        )
    return strokes


def _fill(mask: Mask, corners: Floats) -> None:
    """Mark the pixels of a plane whose centres lie in a polygon.

    Row by row, in a time that hardly grows with the number of corners, of which a lasso has thousands.
    """
    first = np.clip(np.ceil(corners.min(axis=0)), 0, mask.shape).astype(int)
    after = np.clip(np.floor(corners.max(axis=0)) + 1, first, mask.shape).astype(int)
    rows, columns = (corners - first).T
    number, length = after - first
    top, bottom = np.minimum(rows, np.roll(rows, -1)), np.maximum(rows, np.roll(rows, -1))
    starts, ends = (np.clip(np.ceil(r), 0, number).astype(int) for r in (top, bottom))
    edge = np.repeat(np.arange(len(rows)), ends - starts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(ends - starts) - ends, ends - starts)
    along = (row - rows[edge]) / (np.roll(rows, -1) - rows)[edge]
    crossed = columns[edge] + along * (np.roll(columns, -1) - columns)[edge]
    turns = np.zeros((number, length + 1), dtype=np.uint8)
    np.add.at(turns, (row, np.clip(np.ceil(crossed), 0, length).astype(int)), 1)
    inside = np.cumsum(turns[:, :-1] & 1, axis=1, dtype=np.uint8) & 1
    mask[first[0] : after[0], first[1] : after[1]] |= inside.astype(bool)


def _mapped(points: Floats, to_image: Floats) -> Floats:
    return np.asarray(points @ to_image[:-1, :-1].T + to_image[:-1, -1])
