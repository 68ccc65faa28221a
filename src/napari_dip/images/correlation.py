"""How far the noise of neighbouring pixels is shared, told from structure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from napari_dip.engine.noise import CORRELATED, LITTLE_SHARED, NOTICEABLE
from napari_dip.images.blocks import block_means, blocks_of, intensity_bins, neighbours, plane_blocks_of

__all__ = ["LAGS", "correlation_of"]

Floats = NDArray[np.float64]

LAGS = 4
# Among waves from 4 pixels down to the finest ones, the power of noise of correlation 0.12, 0.2 and 0.3
# differs by a factor of 1.25, 1.5 and more than 2, that of white noise not at all, and with what optics leave
# of structure by up to 1.17. Noise of a correlation is believed to be there from 1 and so many times that on,
# but not beyond a factor of 1.5: structure, too, has its part in what was measured.
RISE, RANGE = 1.5, 1.5
# To that comes what so many standard errors may do by chance.
CHANCE = 3.0
# Less than this part of white noise's power in waves of 3.6 to 4 pixels is what optics leave of structure, or
# noise so smooth that nothing tells it from that. To take structure for noise would cost the image.
LITTLE = 0.27
# Rows of pixels without a missing one that it takes to see either.
ROWS = 64
# Pixels of a row in which fine waves can be told from one another.
SHORTEST = 7


def correlation_of(pixels: NDArray[Any]) -> tuple[tuple[float, ...], ...] | None:
    """Autocorrelation of the noise along each axis, or None where noise cannot be told from structure.

    Structure may differ from plane to plane of a volume by more than within each of them, so that the one
    can be told and the other can't.
    """
    within = _correlation_in(plane_blocks_of(pixels, (16, 16), at_most=4_000))
    if pixels.ndim == 2:
        return within
    deep = _correlation_in(blocks_of(pixels, (8, 8, 8), at_most=4_000))
    if within is None:
        return deep
    return (0.0,) * LAGS if deep is None else deep[0], *within


def _correlation_in(blocks: Floats) -> tuple[tuple[float, ...], ...] | None:
    """Autocorrelation along the axes of blocks, shape (blocks, *block)."""
    blocks = blocks[np.isfinite(blocks).reshape(len(blocks), -1).mean(axis=1) > 0.5]
    if len(blocks) < 16:
        return None
    shape = blocks.shape[1:]
    flat = blocks.reshape(len(blocks), -1)
    known = np.isfinite(flat)
    means = block_means(blocks)
    smooth = _polynomials(shape)
    centred = np.where(known, flat - means[:, None], 0.0)
    residual = np.where(known, centred - (centred @ smooth) @ smooth.T, 0.0)
    variances = (residual**2).sum(1) / known.sum(1)

    bins = intensity_bins(means, fewest=16, most=10)
    chosen, spreads = [], []
    for members in bins:
        fifth, twentieth = np.quantile(variances[members], [0.2, 0.05])
        if twentieth > 0:
            chosen.append(members[(variances[members] <= fifth) & (variances[members] > 0)])
            spreads.append(np.log(fifth / twentieth))
    if not chosen:
        return None
    kept = np.concatenate(chosen)
    residual = (residual[kept] / np.sqrt(variances[kept, None])).reshape(-1, *shape)
    known = known[kept].reshape(-1, *shape)
    measured = np.zeros((len(shape), LAGS))
    for axis, lag in np.ndindex(measured.shape):
        near, far = neighbours(residual, axis + 1, lag + 1)
        a, b = neighbours(known, axis + 1, lag + 1)
        pairs = np.count_nonzero(a & b)
        if pairs:
            measured[axis, lag] = (near * far).sum() / pairs
    true = _undo_detrending(measured, smooth, shape)

    # The quietest blocks of noise differ in variance hardly more than the chi-squared law says, those of a
    # texture at least twice as much; without this, grass would pass for correlated noise.
    independent = (smooth.shape[0] - smooth.shape[1]) / np.prod(1 + 2 * (true**2).sum(axis=1))
    expected = np.sqrt(2 / independent) * (1.645 - 0.842)
    # And a correlation that reaches as far as is measured isn't a camera's.
    if np.median(spreads) > 1.9 * expected or np.abs(true[:, -1]).max() >= NOTICEABLE:
        return None
    strongest = float(np.abs(true).max())
    if strongest >= CORRELATED:
        waves = [_fine_waves(residual, known, axis) for axis in range(1, residual.ndim)]
        white = [_white_at_the_end(fine, strongest) for fine in waves if fine is not None]
        if white and all(white):
            return None
        true = np.stack([_without_structure(*pair) for pair in zip(true, waves, strict=True)])
    return tuple(tuple(round(float(r), 4) for r in axis) for axis in true)


class _FineWaves(NamedTuple):
    """Waves from 4 pixels down to the finest: their cosines at a neighbour, and their power in some rows."""

    cosines: Floats
    power: Floats
    rows: int


def _fine_waves(residual: Floats, known: NDArray[np.bool_], axis: int) -> _FineWaves | None:
    """The fine waves along an axis of blocks, or None where too little is known to see them."""
    rows = np.moveaxis(residual, axis, -1)[np.moveaxis(known, axis, -1).all(-1)]
    if len(rows) < ROWS or rows.shape[-1] < SHORTEST:
        return None
    power = (dct(rows, norm="ortho") ** 2).mean(axis=0)
    half = len(power) // 2
    cosines = np.cos(np.pi * np.arange(len(power)) / len(power))
    return _FineWaves(cosines[half:], power[half:], len(rows))


def _white_at_the_end(waves: _FineWaves, correlation: float) -> bool:
    """Whether fine waves have the same power, or next to none, unlike those of noise that correlates so."""
    quarters = [part.mean() for part in np.array_split(waves.power, 4)]
    # Each is a mean of squares, and half of the blocks overlap.
    chance = CHANCE * np.sqrt(2 / (waves.rows * len(waves.power) / 4 / 2))
    differ = min(1 + RISE * correlation, RANGE) + chance
    return bool(max(quarters) < differ * min(quarters) or quarters[0] < LITTLE)


def _without_structure(measured: Floats, waves: _FineWaves | None) -> Floats:
    """The correlation along an axis: as measured, or what its fine waves say where that is little."""
    little = None if waves is None else _of_neighbours(waves)
    if waves is None or little is None or little >= min(LITTLE_SHARED, measured[0]):
        return measured
    return np.array([0.0 if _white_at_the_end(waves, little) else little, *[0.0] * (LAGS - 1)])


def _of_neighbours(waves: _FineWaves) -> float | None:
    """The correlation of neighbours, of no pixels further away, or None where it isn't that.

    It is told by the finest waves, of which structure has least. Where each pixel takes a part of both its
    neighbours' noise, their power is in proportion to (1 + 2 part cos(2 pi / wavelength))**2; where it takes
    a part of one, this says too much.
    """
    finest = slice(len(waves.power) // 4, None)
    slope, level = np.polyfit(waves.cosines[finest], np.sqrt(waves.power[finest]), 1)
    if slope <= 0 or slope >= level:
        return None
    part = slope / (2 * level)
    return float(2 * part / (1 + 2 * part**2))


def _polynomials(shape: tuple[int, ...]) -> Floats:
    """Orthonormal quadratic surfaces over a block, shape (pixels, surfaces)."""
    grid = [g.ravel() for g in np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")]
    terms = [np.ones(grid[0].size), *grid, *(a * b for i, a in enumerate(grid) for b in grid[i:])]
    u, s, _ = np.linalg.svd(np.stack(terms, axis=1), full_matrices=False)
    return np.asarray(u[:, s > 1e-9 * s[0]])


def _undo_detrending(measured: Floats, smooth: Floats, shape: tuple[int, ...]) -> Floats:
    """The correlation that looks like `measured` once quadratic surfaces were taken out of the blocks."""
    true, places = measured.copy(), np.arange(np.prod(shape)).reshape(shape)
    for _ in range(3):
        covariance = np.ones((1, 1))
        for n, axis in zip(shape, true, strict=True):
            along = np.concatenate([[1.0], axis, np.zeros(max(n - LAGS - 1, 0))])[:n]
            covariance = np.kron(covariance, along[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))])
        part = smooth @ (smooth.T @ covariance)
        seen = covariance - part - part.T + (part @ smooth) @ smooth.T
        for axis, lag in np.ndindex(true.shape):
            near, far = neighbours(places, axis, lag + 1)
            if near.size:
                predicted = seen[near.ravel(), far.ravel()].mean() / seen.diagonal().mean()
                true[axis, lag] += measured[axis, lag] - predicted
    return np.clip(true, -1, 1)
