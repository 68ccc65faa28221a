"""A denoiser with an explicit prior: what a small patch shows, others nearby show too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises
from napari_dip.engine.shrinkage import SIDE, correlations, deviation

__all__ = ["complete", "nonlocal_bayes"]

# Patches are as large as the shrinkage's blocks, `SIDE`.
STEP = 6  # from one patch for which similar ones are looked for to the next
REACH = 8  # how far away they may lie, in pixels along each axis
ALIKE = 64  # how many are taken
TOLD = 16  # and of how many of them what is missing is told
SEEN = 0.2  # if at least this part of one is seen
LEFT = 0.5  # noise that is left in every patch, in variances of a pixel
# Rows of patches, and patches, that are worked on at a time: both bound the memory. A processor keeps few
# rows in its cache; another device is started less often with many.
ROWS_ON_CPU, ROWS, AT_ONCE = 16, 96, 1 << 10


def nonlocal_bayes(
    image: Tensor, pilot: Tensor, noise: Noise | Noises, guide: Tensor | None = None
) -> Tensor:
    """Return an image without its noise, as far as similar patches can tell the two apart.

    Patches that look most alike in a pilot estimate are taken for draws from one normal distribution, with
    the mean and the covariance that they have there. Each patch of the image is replaced by its expectation
    under that distribution and the noise's [1]_, and where patches overlap, those in which less of the noise
    is left count for more [2]_. The planes of a volume are treated one by one.

    Parameters
    ----------
    image
        Shape (1, channels, [Z,] Y, X).
    pilot
        An estimate of the clean image, of the same shape.
    noise
        In the image's intensities.
    guide
        Another image of the scene, shape (1, guide channels, [Z,] Y, X). A patch then is what both show
        there: as far as the two vary together among similar patches, the guide tells about the image.

    References
    ----------
    .. [1] Lebrun, Buades, Morel, "A nonlocal Bayesian image denoising algorithm", SIAM Journal on Imaging
       Sciences 6(3), 2013, the algorithm's second step.
    .. [2] Dabov, Foi, Katkovnik, Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative
       filtering", IEEE Transactions on Image Processing 16(8), 2007, section III.C.
    """
    if min(image.shape[-2:]) < SIDE:
        return pilot
    if guide is not None:
        guide = _principal(guide)
    parts = [_channels(image[:, some], pilot[:, some], one, guide) for some, one in noise.by_channel()]
    return torch.cat(parts, 1)


def _channels(image: Tensor, pilot: Tensor, noise: Noise, guide: Tensor | None) -> Tensor:
    """Return channels with the same noise without it."""
    correlation = _correlation(noise).to(image.device)
    planes = zip(image.flatten(0, -3), pilot.flatten(0, -3), strict=True)
    guides = itertools.repeat(None) if guide is None else guide.expand_as(image).flatten(0, -3)
    pairs = zip(planes, guides, strict=False)
    return torch.stack([_plane(y, x, g, noise, correlation) for (y, x), g in pairs]).view_as(image)


def _principal(guide: Tensor) -> Tensor:
    """Return the mixture of a guide's channels that varies most."""
    if guide.shape[1] == 1:
        return guide
    centred = (guide - guide.mean(dim=tuple(range(2, guide.ndim)), keepdim=True)).flatten(2)[0]
    weights = torch.linalg.eigh(centred @ centred.mT).eigenvectors[:, -1]
    mixture: Tensor = torch.tensordot(guide, weights, ([1], [0]))[:, None]
    return mixture


def _plane(image: Tensor, pilot: Tensor, guide: Tensor | None, noise: Noise, correlation: Tensor) -> Tensor:
    def expected(x: Tensor, y: Tensor, beside: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        found, weights = _expected(y, x, beside, noise, correlation)
        told = torch.ones(found.shape[:2], dtype=torch.bool, device=y.device)
        return told, found.flatten(0, 1), weights.repeat_interleave(found.shape[1])

    return _averaged(expected, AT_ONCE, pilot, image, *([] if guide is None else [guide]))


def complete(image: Tensor, seen: Tensor, pilot: Tensor, ridge: float) -> Tensor:
    """Return an image as similar patches say it is, given those of its pixels that are seen.

    As in `nonlocal_bayes`, patches that look alike in a pilot estimate are taken for draws from one normal
    distribution. What is missing in a patch is what that distribution expects there, given what is seen in it
    [1]_. A patch of which next to nothing is seen stays as it is in the pilot. The planes of a volume are
    treated one by one.

    Parameters
    ----------
    image
        Shape (1, channels, [Z,] Y, X).
    seen
        Weights of its pixels, of the same shape: 0 where it is missing.
    pilot
        An estimate of all of it, of the same shape.
    ridge
        Variance of what pixels show beyond the distribution, their noise among it.

    References
    ----------
    .. [1] Yu, Sapiro, Mallat, "Solving inverse problems with piecewise linear estimators: from Gaussian
       mixture models to structured sparsity", IEEE Transactions on Image Processing 21(5), 2012.
    """
    if min(image.shape[-2:]) < SIDE:
        return pilot

    def expected(x: Tensor, y: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        told, found = _completed(y[:, :TOLD], x, known[:, :TOLD], ridge)
        return told, found, found.new_ones(len(found))

    planes = zip(*(one.flatten(0, -3) for one in (pilot, image, (seen > 0).to(image.dtype))), strict=True)
    return torch.stack([_averaged(expected, AT_ONCE // TOLD, *plane) for plane in planes]).view_as(image)


def _averaged(
    expected: Callable[..., tuple[Tensor, Tensor, Tensor]], at_once: int, pilot: Tensor, *beside: Tensor
) -> Tensor:
    """Return the mean of what is expected of patches of a plane; where nothing is, the pilot.

    Parameters
    ----------
    expected
        Given groups of patches that are alike, of the pilot and of each other plane, (groups, patches,
        pixels), it says which of them it tells of, (groups, patches) or fewer patches, what it tells,
        (those patches, pixels), and how much that counts, (those patches).
    at_once
        How many groups it is given.
    pilot
        The plane in which patches are compared.
    beside
        Others.
    """
    total, count = torch.zeros_like(pilot), torch.zeros_like(pilot)
    for rows, centres in _strips(len(pilot), ROWS_ON_CPU if pilot.device.type == "cpu" else ROWS):
        size, planes = pilot[rows].shape, [_patches(plane[rows]) for plane in (pilot, *beside)]
        estimates, counts = torch.zeros_like(planes[0]), planes[0].new_zeros(len(planes[0]))
        for group in torch.split(_alike(pilot[rows], centres), at_once):
            told, found, weights = expected(*(patches[group] for patches in planes))
            where = group[:, : told.shape[1]][told]
            _add(estimates, where, found * weights[:, None])
            _add(counts, where, weights)
        total[rows] += F.fold(estimates.mT[None], size, SIDE)[0, 0]
        count[rows] += F.fold(counts.expand(1, SIDE**2, -1), size, SIDE)[0, 0]
    return torch.where(count > 0, total / torch.where(count > 0, count, 1), pilot)


def _add(sums: Tensor, where: Tensor, parts: Tensor) -> None:
    """Add each part to one of the sums; of the same parts always the same comes out."""
    if sums.is_cuda:  # its index_add sums in any order
        sums.index_put_((where,), parts, accumulate=True)
    else:
        sums.index_add_(0, where, parts)


def _places(last: int) -> list[int]:
    return sorted({*range(0, last, STEP), last})


def _strips(height: int, at_once: int) -> Iterator[tuple[slice, list[int]]]:
    """Return strips of an image of this height: the rows, and those of them in which patches begin."""
    last = height - SIDE
    places = _places(last)
    for start in range(0, len(places), at_once):
        some = places[start : start + at_once]
        low, high = max(0, some[0] - REACH), min(last, some[-1] + REACH)
        yield slice(low, high + SIDE), [place - low for place in some]


def _patches(plane: Tensor) -> Tensor:
    """Return all patches of a plane in C order, shape (patches, pixels)."""
    return F.unfold(plane[None, None], SIDE)[0].mT.contiguous()


def _alike(plane: Tensor, rows: list[int]) -> Tensor:
    """Return which patches are most like those that begin in some rows, shape (these patches, `ALIKE`).

    Those that are most alike come first.
    """
    width = plane.shape[1] - SIDE + 1
    columns = _places(width - 1)
    top, bottom = rows[0], rows[-1] + SIDE
    around = F.pad(plane, (REACH,) * 4, value=torch.inf)  # nothing is like what lies beyond the border
    shifts = 2 * REACH + 1
    distances = []
    for down in range(shifts):
        others = around[top + down : bottom + down].unfold(1, plane.shape[1], 1).movedim(1, 0)
        squares = (plane[top:bottom] - others).square_()
        # One axis after the other, and only where it is asked for.
        distances.append(_means(_means(squares, rows).mT, columns).mT.flatten(1))
    least = torch.cat(distances).mT.contiguous().topk(ALIKE, largest=False)
    # Near the border there are fewer: a patch is like itself.
    nearest = least.indices.where(least.values.isfinite(), shifts**2 // 2)
    along = torch.arange(shifts) - REACH
    offsets = (along[:, None] * width + along).flatten()
    places = torch.tensor(rows)[:, None] * width + torch.tensor(columns)
    return places.to(plane.device).flatten()[:, None] + offsets.to(plane.device)[nearest]


def _means(squares: Tensor, places: list[int]) -> Tensor:
    """Return means over `SIDE` rows from each of some places on, which are evenly apart but for the last."""
    regular = F.avg_pool2d(squares, (SIDE, 1), (STEP, 1))
    if regular.shape[1] == len(places):
        return regular
    return torch.cat([regular, squares[:, -SIDE:].mean(1, keepdim=True)], 1)


def _expected(
    y: Tensor, x: Tensor, guide: Tensor | None, noise: Noise, correlation: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what is expected of noisy patches `y` whose pilots are `x`, and how much each group counts.

    Shapes (groups, patches, pixels) and (groups).
    """
    if guide is not None:
        return _expected_with(y, x, guide, noise, correlation)
    mean = x.mean(1, keepdim=True)
    centred = x - mean
    covariance = centred.mT @ centred / max(1, x.shape[1] - 1)
    spread = deviation(noise, mean)
    noisy = spread.mT * correlation * spread
    # Where there is next to no noise, the sum would be singular in single precision.
    diagonal = noisy.diagonal(dim1=1, dim2=2)
    diagonal += 1e-5 * covariance.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
    # By far the quickest way on a CPU to solve many small systems for as many right-hand sides.
    inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(covariance + noisy).L)
    removed = inverse @ noisy
    expected: Tensor = y - (y - mean) @ removed
    return expected, _trust(torch.eye(y.shape[2], device=y.device) - removed)


def _completed(y: Tensor, x: Tensor, seen: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Tell of patches `y`, seen where `seen` is 1, in groups whose pilots are `x`.

    Returns
    -------
    tuple of Tensor
        Which of them are to be completed and can be, (groups, patches), and their expectations.
    """
    mean = x.mean(1, keepdim=True)
    centred = x - mean
    covariance = centred.mT @ centred / max(1, x.shape[1] - 1)
    part = seen.mean(2)
    told = (part >= SEEN) & (part < 1)
    group = told.nonzero()[:, 0]
    seen, mean, covariance = seen[told], mean[group, 0], covariance[group]
    # With ones for the pixels that are not seen, all systems are of one size.
    among = covariance * seen[:, :, None] * seen[:, None]
    diagonal = among.diagonal(dim1=1, dim2=2)
    diagonal += ridge * seen + (1 - seen)
    left = ((y[told] - mean) * seen)[..., None]
    weights = torch.cholesky_solve(left, torch.linalg.cholesky_ex(among).L)
    return told, mean + (weights.mT @ covariance)[:, 0]


def _expected_with(
    y: Tensor, x: Tensor, guide: Tensor, noise: Noise, correlation: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the same, given what a guide shows there."""
    pixels, means = y.shape[2], [one.mean(1, keepdim=True) for one in (x, guide)]
    centred = torch.cat([x - means[0], guide - means[1]], 2)
    covariance = centred.mT @ centred / max(1, x.shape[1] - 1)
    noisy, spread = covariance.clone(), deviation(noise, means[0])
    noisy[:, :pixels, :pixels] += spread.mT * correlation * spread
    # The guide's own noise is what its pixels don't share with those across: too much rather than too little.
    diagonal = noisy.diagonal(dim1=1, dim2=2)
    diagonal[:, pixels:] += _roughness(guide)
    diagonal += 1e-5 * covariance.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(noisy).L)
    seen = torch.cat([y - means[0], guide - means[1]], 2)
    kept = inverse @ covariance[:, :, :pixels]
    expected: Tensor = means[0] + seen @ kept
    return expected, _trust(kept[:, :pixels])


def _trust(kept: Tensor) -> Tensor:
    """Return how much each group counts of whose noise these matrices keep a part, (groups, pixels, pixels).

    It is one over the energy that white noise has left, in variances of a pixel: 0 to 64. A little is left in
    all, or a flat group would count for everything.
    """
    weights: Tensor = 1 / (kept.square().sum((1, 2)) + LEFT)
    return weights


def _roughness(patches: Tensor) -> Tensor:
    """Return the mean square of patches' mixed second differences, which of white noise is its variance."""
    planes = patches.view(*patches.shape[:2], SIDE, SIDE)
    variance: Tensor = planes.diff(dim=2).diff(dim=3).square().mean() / 4
    return variance


def _correlation(noise: Noise) -> Tensor:
    """Return the correlation of the noise between a patch's pixels, shape (pixels, pixels)."""
    along = []
    for measured in correlations(noise):
        # What was measured lag by lag need not be a correlation that noise can have.
        powers, waves = torch.linalg.eigh(measured.float())
        along.append(waves * powers.clamp_min(0.02) @ waves.mT)
    return torch.kron(*along)
