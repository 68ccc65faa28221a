"""Small blocks of an image, in which its noise is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["block_means", "blocks_of", "intensity_bins", "neighbours", "plane_blocks_of"]

Floats = NDArray[np.float64]


def blocks_of(pixels: NDArray[Any], edges: Sequence[int], at_most: int) -> Floats:
    """Evenly spread, half-overlapping blocks with data in them, shape (blocks, *block); NaN is missing.

    There is one at least where any pixel is known.
    """
    shape = tuple(min(edge, n) for edge, n in zip(edges, pixels.shape, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, shape)
    # A big image is sampled: a few thousand blocks pin two numbers down, and the time stays bounded.
    step = [max(1, n // 2) for n in shape]
    starts = np.array(windows.shape[: pixels.ndim])
    while np.prod(np.ceil(starts / step)) > at_most:
        step = [s + max(1, s // 4) for s in step]
    blocks = windows[tuple(slice(None, None, s) for s in step)].reshape(-1, *shape)
    known = np.isfinite(blocks)
    if not known.any() and np.isfinite(pixels).any():  # the little that is known lies beyond the last block
        first = np.argwhere(np.isfinite(pixels))[0]
        blocks = windows[tuple(np.minimum(first, starts - 1))][None]
        known = np.isfinite(blocks)
    blocks = np.where(known, blocks, np.nan).astype(np.float64)
    return np.asarray(blocks[known.reshape(len(blocks), -1).any(axis=1)])


def plane_blocks_of(pixels: NDArray[Any], edges: Sequence[int], at_most: int) -> Floats:
    """The same of a plane or of all planes of a volume, shape (blocks, rows, columns)."""
    planes = pixels if pixels.ndim == 3 else pixels[None]
    return blocks_of(planes, [1, *edges], at_most)[:, 0]


def intensity_bins(means: Floats, fewest: int, most: int) -> list[NDArray[np.intp]]:
    """Indices of the blocks in each range of intensity, at least `fewest` blocks in each if there are any."""
    order = np.argsort(means, kind="stable")
    ranked = means[order]
    # Equal widths reach the few bright blocks of a dark field, equal counts resolve where most blocks are.
    widths = np.searchsorted(ranked, np.linspace(ranked[0], ranked[-1], most + 1)[1:-1])
    counts = np.linspace(0, len(ranked), most + 1)[1:-1].astype(int)
    cuts = [0]
    for cut in np.unique(np.concatenate([widths, counts])):
        if cut - cuts[-1] >= fewest and len(ranked) - cut >= fewest:
            cuts.append(int(cut))
    return np.split(order, cuts[1:])


def block_means(blocks: Floats) -> Floats:
    """Mean of each block's known pixels, 0 if it has none."""
    inside = tuple(range(1, blocks.ndim))
    known = np.maximum(np.isfinite(blocks).sum(axis=inside), 1)
    return np.asarray(np.nansum(blocks, axis=inside) / known)


def neighbours(blocks: NDArray[Any], axis: int, lag: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Every pixel and its neighbour `lag` further along the axis."""
    n = blocks.shape[axis]
    return np.take(blocks, range(max(n - lag, 0)), axis), np.take(blocks, range(min(lag, n), n), axis)
