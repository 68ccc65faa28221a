"""Noise level, gain and correlation: from a single image, or of noise that is there by itself.

A camera or a photomultiplier adds noise whose variance grows in a straight line with the light [1]_:
``variance(I) = gain * (I - offset) + read_noise**2``. Small blocks of the image that hold little structure
give one point of that line each. Demosaicking, resampling and slow electronics also tie the noise of
neighbouring pixels together; how much is measured in the same flat blocks.

References
----------
.. [1] Foi, Trimeche, Katkovnik, Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting for
   single-image raw-data", IEEE Transactions on Image Processing 17(10), 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_dip.engine.noise import LITTLE_SHARED, Noise, reach, strongest
from napari_dip.images.blocks import block_means, blocks_of, intensity_bins, neighbours, plane_blocks_of
from napari_dip.images.correlation import LAGS, correlation_of

__all__ = ["Noise", "estimate_noise", "noise_of", "structure_in"]

Floats = NDArray[np.float64]

# Noise below this part of the mean variance counts as that strong when it is compared with other noise.
DIMMEST = 0.1
# White noise makes pixels that are twice as far apart differ no more than others, a bead up to 13 times as
# much. Where in some range they differ by so many times as much, even its flattest blocks are full of beads,
BEADS = 6.0
# Of fewer pairs of pixels a correlation is chance.
FEWEST = 100
# and structure is what other ranges tell of, where they differ by so many times as much.
UNEVEN = 1.8


def estimate_noise(image: NDArray[Any]) -> Noise:
    """Estimate an image's noise from that image alone.

    The variance is measured by second differences in blocks whose halves have nearly the same mean, the
    median of each intensity range is taken, and a line is fitted robustly through the medians (after [1]_,
    with differences in place of wavelets). In a volume they are taken in its planes, which may lie so far
    apart that structure differs from one to the next by more than noise. Ranges in which even the flattest
    blocks are full of structure, as of beads, are left out, if most of the image is in others. Where the
    noise is correlated, differences of neighbours would miss most of it; they then reach over the
    correlated pixels, as on every third pixel, say, the noise is white again. Where neighbours share but a
    little, their differences are corrected for it.

    The correlation is that of the quietest blocks once a quadratic surface is taken out of each, corrected
    for what the surface took along. Structure correlates too. But it makes blocks differ in variance more
    than noise can, and optics leave little of it in the finest waves that pixels can show, among which the
    power of correlated noise still differs. An image that betrays itself by the one or lacks the other is
    taken to have white noise, and so is one whose noise would be as smooth as its structure, and one of fewer
    than 16 half-overlapping blocks of 16 x 16 pixels.

    Parameters
    ----------
    image : ndarray, 2-D or 3-D
        Spatial axes only, any real dtype. NaN and infinite pixels are missing.

    Returns
    -------
    Noise
        In image units. Noise that cannot be told from structure is taken to be white.

    References
    ----------
    .. [1] Foi et al., IEEE Transactions on Image Processing 17(10), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> light = np.tile(np.linspace(50, 500, 256), (256, 1))
    >>> noise = estimate_noise(np.random.default_rng(0).poisson(light) * 2.0 + 100)
    >>> round(noise.gain), noise.guard
    (2, 0)
    """
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3):
        raise ValueError(
            f"the noise is estimated in a 2-D or 3-D image, not in one of shape {pixels.shape}. "
            "Pass one plane or one volume of a stack."
        )
    if not np.isfinite(pixels).any():
        raise ValueError(
            "the noise of an image without one finite pixel cannot be estimated. Pass one with data."
        )
    correlation = correlation_of(pixels) or ((0.0,) * LAGS,) * pixels.ndim
    means, variances, errors, darkest = _mean_and_variance(pixels, correlation)
    # Noise can't vanish above the darkest level that the image shows: the line starts there.
    gain, dark_variance = _line(means - darkest, variances, errors)
    return Noise(gain, darkest, float(np.sqrt(dark_variance)), correlation)


def noise_of(samples: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> Noise:
    """Measure noise that is there by itself, as in the difference of two captures, or from a truth.

    Nothing has to be told from structure: how the variance grows with the light is seen in small blocks, how
    large it is in larger ones, and the correlation in all pixels, in standard deviations of the noise there.
    Blocks in which something moved between the captures are few, and medians pass over them.

    Parameters
    ----------
    samples : sequence of (ndarray, ndarray)
        The light and the noise, of one or of several images in the same units; spatial axes only, NaN is
        missing.

    Raises
    ------
    ValueError
        If next to nothing is known.

    Examples
    --------
    >>> light = np.tile(np.linspace(50, 500, 256), (256, 1))
    >>> photons = np.random.default_rng(0).poisson(light) * 2.0 + 100
    >>> noise = noise_of([(2 * light + 100, photons - (2 * light + 100))])
    >>> round(noise.gain, 1), round(noise.variance(1000) ** 0.5)
    (2.0, 42)
    """
    told, lights, squares, clipped = [], [], [], []
    for light, noise in samples:
        known = np.isfinite(light) & np.isfinite(noise)
        edges = [4 if light.ndim == 2 else 3] * light.ndim
        pair = [blocks_of(np.where(known, one, np.nan), edges, 20_000) for one in (light, noise**2)]
        if not len(pair[0]):
            continue
        told.append((light, noise))
        lights.append(block_means(pair[0]))
        squares.append(block_means(pair[1]))
        clipped.append(_clipped(pair[0].reshape(len(pair[0]), -1)))
    if not lights:
        raise ValueError(
            "the noise can't be told from pixels of which so few are known in both images: leave the second "
            "one out, or fill in what is missing first"
        )
    means, variances = np.concatenate(lights), np.concatenate(squares)
    unclipped = np.concatenate(clipped) <= 0.1
    if unclipped.sum() >= 16:  # where the detector is at its end there is no noise
        means, variances = means[unclipped], variances[unclipped]
    darkest = float(np.quantile(means, 0.01))
    points = []
    for members in intensity_bins(means, fewest=12, most=16):
        points.append((means[members].mean() - darkest, *_median(variances[members])))
    gain, dark_variance = _line(*np.array(points).T)
    found = Noise(gain, darkest, float(np.sqrt(dark_variance)))
    scaled = [_scaled(light, noise, found) for light, noise in told]
    # The fewer pixels, and the more they share, the lower a median of squares lies.
    edges = [16 if min(scaled[0].shape) >= 64 else 8] * scaled[0].ndim
    typical = np.median(np.concatenate([block_means(blocks_of(one**2, edges, 20_000)) for one in scaled]))
    return replace(found.times(float(np.sqrt(typical))), correlation=_shared(scaled))


def _scaled(light: NDArray[Any], alone: NDArray[Any], noise: Noise) -> Floats:
    """Return noise that is there by itself in its standard deviations, NaN where it isn't known."""
    known = np.isfinite(light) & np.isfinite(alone)
    level = gaussian_filter(np.where(known, light, np.mean(light[known])), 1.0)
    # Where the line says that there is next to no noise, what there is would count for more than all else.
    variance = noise.variance(level)
    variance = np.maximum(variance, max(DIMMEST * float(variance[known].mean()), 1e-300))
    scaled: Floats = np.where(known, alone, np.nan) / np.sqrt(variance)
    return scaled


def _shared(samples: Sequence[Floats]) -> tuple[tuple[float, ...], ...]:
    """Return the correlation of noise in its standard deviations, along each axis."""
    sums = np.zeros((samples[0].ndim, LAGS + 1, 2))
    for sample in samples:
        known = np.isfinite(sample)
        scaled = np.where(known, sample, 0)
        # What varies slowly is a lamp's flicker, and hardly the noise.
        scaled = np.where(known, np.clip(scaled - gaussian_filter(scaled, 16.0), -5, 5), 0)
        for axis, lag in np.ndindex(*sums.shape[:2]):
            near, far = neighbours(scaled, axis, lag)
            sums[axis, lag] += (near * far).sum(), np.logical_and(*neighbours(known, axis, lag)).sum()
    covariances = sums[..., 0] / np.maximum(sums[..., 1], 1)
    rho = covariances[:, 1:] / np.maximum(covariances[:, :1], np.finfo(float).tiny)
    rho[sums[:, 1:, 1] < FEWEST] = 0.0
    return tuple(tuple(round(float(r), 4) for r in axis) for axis in np.clip(rho, -1, 1))


def structure_in(
    removed: NDArray[Any], level: NDArray[Any], noise: Noise, known: NDArray[np.bool_] | None = None
) -> float:
    """Return how much more alike neighbours in what was taken away are than the noise makes them.

    Parameters
    ----------
    removed : ndarray, 2-D or 3-D
        The image less its restoration; spatial axes only.
    level : ndarray
        The restoration, which says how strong the noise is where.
    noise : Noise
        The image's.
    known : ndarray of bool, optional
        Which pixels count; all by default.

    Returns
    -------
    float
        The correlation between next neighbours, each in standard deviations of the noise there, less the
        noise's own; the mean over the axes. 0 of pure noise; above it, structure went with the noise; below
        it, some noise, which is smooth, stayed.

    Examples
    --------
    >>> noise = Noise(gain=0.0, offset=0.0, read_noise=1.0)
    >>> removed = np.random.default_rng(0).normal(size=(64, 64))
    >>> bool(abs(structure_in(removed, np.zeros((64, 64)), noise)) < 0.05)
    True
    """
    known = np.ones(removed.shape, dtype=bool) if known is None else known
    # 3/8 of a photon is as little as may be expected (Anscombe, Biometrika 35, 1948).
    variance = noise.variance(level.astype(np.float64)) + 0.375 * noise.gain**2
    scaled = np.where(known, removed, 0) / np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    power = (scaled**2).sum() / max(1, known.sum())
    found = []
    for axis, size in enumerate(scaled.shape):
        near, far = neighbours(scaled, axis, 1)
        pairs = np.count_nonzero(np.logical_and(*neighbours(known, axis, 1)))
        if size > 1 and pairs and power > 0:
            own = next(iter(noise.correlation[axis]), 0.0) if noise.correlated else 0.0
            found.append((near * far).sum() / pairs / power - own)
    return float(np.mean(found)) if found else 0.0


def _energy(
    blocks: Floats, correlation: tuple[tuple[float, ...], ...], times: int = 1
) -> tuple[Floats, NDArray[np.intp]]:
    """Sum over each block of squares that expect the noise's variance, and their number.

    They are of differences between pixels that do not share their noise, or so many times further apart.
    """
    energy, terms = np.zeros(len(blocks)), np.zeros(len(blocks), dtype=np.intp)
    for axis, along in enumerate(correlation, 1):
        # What little neighbours share is corrected for: to reach further would show more structure.
        apart = reach(along) + 1 if strongest(along) >= LITTLE_SHARED else 1
        stride, n = times * apart, blocks.shape[axis]
        kernel = (1, -2, 1) if n > 2 * stride else (1, -1)
        length = n - stride * (len(kernel) - 1)
        if length < 1:
            continue
        parts = (
            c * np.take(blocks, range(k * stride, k * stride + length), axis) for k, c in enumerate(kernel)
        )
        # What differencing leaves of the noise's variance is the sum of k_i k_j rho(i - j). Where noise
        # counts as white, the little that was measured may be structure, and is not corrected for.
        rho = dict(enumerate(along, 1)) if reach(along) else {}
        left = sum(
            a * b * (1.0 if i == j else rho.get(abs(i - j) * stride, 0.0))
            for i, a in enumerate(kernel)
            for j, b in enumerate(kernel)
        )
        squares = (sum(parts, np.zeros(())) ** 2).reshape(len(blocks), -1) / left
        energy += np.nansum(squares, axis=1)
        terms += np.isfinite(squares).sum(axis=1)
    return energy, terms


def _mean_and_variance(
    pixels: NDArray[Any], correlation: tuple[tuple[float, ...], ...]
) -> tuple[Floats, Floats, Floats, float]:
    """Mean, noise variance and its standard error in each range of intensities; and the darkest level."""
    correlation = correlation[-2:]
    for growth in (1, 2, 4, 8):
        edges = [growth * 8 + 2 * reach(along) for along in correlation]
        blocks = plane_blocks_of(pixels, edges, at_most=20_000 // (growth * growth))
        energy, terms = _energy(blocks, correlation)
        # Where many pixels are missing it takes a bigger block to find neighbours that aren't.
        if np.median(terms) >= 24:
            break
    flat = blocks.reshape(len(blocks), -1)
    means = block_means(blocks)
    darkest = float(np.quantile(means, 0.01))

    # Clipping hides noise, so blocks at the ends of the scale say too little, unless there is nothing else.
    clipped = _clipped(flat)
    for worst in (0.1, 0.5, 1.0):
        usable = (clipped <= worst) & (terms > 0)
        if usable.sum() >= max(16, 0.02 * len(blocks)):
            break
    if not usable.any():
        return np.array([darkest]), np.zeros(1), np.zeros(1), darkest
    blocks, means, energy, terms = blocks[usable], means[usable], energy[usable], terms[usable]
    unevenness, variances = _unevenness(blocks), energy / terms
    white = not any(map(reach, correlation))
    wide, wide_terms = _energy(blocks, correlation, 2) if white else (energy, terms)
    wide = wide / np.maximum(wide_terms, 1)

    points = []
    for members in intensity_bins(means, fewest=12, most=16):
        # Flatness is judged on the means of the blocks' halves, which know next to nothing of the differences
        # between neighbours: that doesn't bias the variance, as a choice of the quietest blocks would.
        flattest = members[unevenness[members] <= np.quantile(unevenness[members], 0.4)]
        median, error = _median(variances[flattest])
        # A few squares have a median well below their mean.
        typical = median if np.median(terms) >= 8 else energy[flattest].sum() / terms[flattest].sum()
        wider = np.median(wide[flattest]) / max(median, np.finfo(float).tiny)
        points.append((means[flattest].mean(), typical, error, wider, len(members)))
    m, v, e, wider, counts = np.array(points).T
    even = wider <= UNEVEN
    if wider.max() > BEADS and counts[even].sum() >= counts.sum() / 2:
        m, v, e = m[even], v[even], e[even]
    return m, v, e, darkest


def _median(variances: Floats) -> tuple[float, float]:
    """The median of what blocks say, and its standard error."""
    low, median, high = np.quantile(variances, [0.25, 0.5, 0.75])
    # That of a median of normal numbers, half of them independent (the blocks overlap).
    return median, 1.25 * (high - low) / 1.35 / np.sqrt(max(len(variances) / 2, 1))


def _clipped(flat: Floats) -> Floats:
    """The share of each block's pixels that pile up at the lowest or highest value of the image."""
    low, high = np.nanmin(flat), np.nanmax(flat)
    if low == high:
        return np.zeros(len(flat))
    # Counts of few photons are often 0 without being clipped: then 1 is as frequent.
    next_low, next_high = np.nanmin(flat[flat > low]), np.nanmax(flat[flat < high])
    ends = [
        (flat == end).mean(axis=1) - (flat == near).mean(axis=1)
        for end, near in ((low, next_low), (high, next_high))
    ]
    return np.asarray(np.maximum(*ends), dtype=np.float64)


def _unevenness(blocks: Floats) -> Floats:
    """How far the means of each block's halves lie apart: structure, and little noise."""
    total = np.zeros(len(blocks))
    for axis in range(1, blocks.ndim):
        low, high = (block_means(half) for half in np.array_split(blocks, 2, axis))
        total += (high - low) ** 2
    return total


def _line(signal: Floats, variances: Floats, errors: Floats) -> tuple[float, float]:
    """Robust straight line through the points: slope and intercept >= 0, the slope 0 unless significant."""
    # Below this a variance is rounding and black level, known better than it deserves.
    floor = 0.01 * variances.max()
    if floor == 0 or np.ptp(signal) == 0:
        return 0.0, float(np.median(variances))
    # Whatever their units, as numbers that can be squared beside one another.
    unit, most = float(np.ptp(signal)), float(variances.max())
    signal, variances, errors, floor = signal / unit, variances / most, errors / most, 0.01
    # Start from the slope that half of the rise lies under. Least squares would start from the dark ranges,
    # which are many and exact, and mistrust all the others ever after.
    run = np.maximum(signal - signal[0], 1e-9)
    slopes = (variances - variances[0]) / run
    order = np.argsort(slopes)
    half = order[np.searchsorted(np.cumsum(run[order]), run.sum() / 2)]
    fit = variances[0] + max(slopes[half], 0.0) * run
    design = np.stack([signal, np.ones_like(signal)], axis=1)
    for _ in range(20):
        # Even where blocks abound a range's variance is off by some percent: structure remains in it.
        sigma = np.hypot(errors, 0.1 * np.maximum(fit, floor))
        # Structure can only add to a variance, so what lies above the line is mistrusted.
        weight = 1 / (sigma * np.sqrt(1 + (np.maximum(variances - fit, 0) / sigma) ** 2))
        weighted, target = design * weight[:, None], variances * weight
        slope, intercept = np.linalg.lstsq(weighted, target, rcond=None)[0]
        if intercept < 0:
            slope, intercept = weighted[:, 0] @ target / (weighted[:, 0] @ weighted[:, 0]), 0.0
        fit = slope * signal + intercept
    if slope <= 2 * np.sqrt(np.linalg.pinv(weighted.T @ weighted)[0, 0]):
        return 0.0, most * float(np.average(variances, weights=weight**2))
    return most / unit * float(slope), most * float(intercept)
