"""What is asked of napari's layers, which are known by what they do: their pixels, and where those lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["name_of", "pixels_of", "to_world"]

Floats = NDArray[np.floating[Any]]


def pixels_of(layer: Any) -> Any:
    """Return the array of a layer, the finest of a pyramid."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def name_of(layer: Any) -> str:
    """Return what a layer is called, between quotation marks."""
    return repr(str(getattr(layer, "name", type(layer).__name__)))


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
            f"the layer {name_of(layer)} is turned so that its last {axes} axes don't span the world's. "
            "Give both layers as many axes"
        )
    return matrix
