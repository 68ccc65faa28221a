"""A denoiser with an explicit prior: what a small patch shows, others nearby show too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import lru_cache

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
WINDOW = SIDE + 2 * REACH
ALIKE = 64  # how many are taken
TOLD = 16  # and of how many of them what is missing is told
SEEN = 0.2  # if at least this part of one is seen
MISSING = (4, 8, 16, 24, 32, 40, 52)  # so many are missing at most, of those that are told together
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
    correlation = _correlation(noise)
    correlation = None if correlation is None else correlation.to(image.device)
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


def _plane(
    image: Tensor, pilot: Tensor, guide: Tensor | None, noise: Noise, correlation: Tensor | None
) -> Tensor:
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
    height, width = (size - SIDE + 1 for size in plane.shape)
    columns = _places(width - 1)
    down, across = (torch.tensor(places, device=plane.device) for places in (rows, columns))
    # All that may be like a patch lies in a window around it.
    around = F.pad(plane, (REACH,) * 4).unfold(0, WINDOW, 1).unfold(1, WINDOW, 1)
    windows = around[down[:, None], across].flatten(0, 1)
    own = windows[:, REACH:-REACH, REACH:-REACH]
    # Squares of differences as squares and products: exact enough where what all have in common is left out.
    windows = windows - own.mean((1, 2), keepdim=True)
    own = windows[:, None, REACH:-REACH, REACH:-REACH].contiguous()
    products = F.conv2d(windows[None], own, groups=len(windows))[0]
    sums = _sums(plane.device)
    distances = (sums.mT @ (windows.square() @ sums)).sub_(products, alpha=2)
    along = torch.arange(-REACH, REACH + 1, device=plane.device)
    above, beside = (
        (place[:, None] + along < 0) | (place[:, None] + along >= size)
        for place, size in ((down, height), (across, width))
    )
    # Nothing is like what lies beyond the border.
    beyond = (above[:, None, :, None] | beside[:, None, :]).flatten(0, 1)
    least = distances.masked_fill_(beyond, torch.inf).flatten(1).topk(ALIKE, largest=False)
    # Near the border there are fewer: a patch is like itself.
    nearest = least.indices.where(least.values.isfinite(), len(along) ** 2 // 2)
    places, offsets = down[:, None] * width + across, along[:, None] * width + along
    return places.flatten()[:, None] + offsets.flatten()[nearest]


@lru_cache(maxsize=8)
def _sums(device: torch.device) -> Tensor:
    """What sums `SIDE` neighbours along an axis of a window, shape (`WINDOW`, 2 `REACH` + 1)."""
    ahead = torch.arange(WINDOW)[:, None] - torch.arange(2 * REACH + 1)
    return ((ahead >= 0) & (ahead < SIDE)).float().to(device)


def _expected(
    y: Tensor, x: Tensor, guide: Tensor | None, noise: Noise, correlation: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what is expected of noisy patches `y` whose pilots are `x`, and how much each group counts.

    Shapes (groups, patches, pixels) and (groups).
    """
    mean, seen = _normal(x)
    spread, own = deviation(noise, mean), seen.diagonal(dim1=1, dim2=2)
    # Where there is next to no noise, the sum would be singular in single precision.
    little = 1e-5 * own.mean(1, keepdim=True)
    if guide is not None:
        mean, seen = _given(guide, x, mean, seen)
        own = seen.diagonal(dim1=1, dim2=2)
    if correlation is None:
        variances = spread.square() + little[:, None]
        own += variances[:, 0]
        kept = _inverse(seen).mul_(variances).neg_()
    else:
        noisy = spread.mT * correlation * spread
        noisy.diagonal(dim1=1, dim2=2).add_(little)
        kept = (_inverse(seen.add_(noisy)) @ noisy).neg_()
    kept.diagonal(dim1=1, dim2=2).add_(1)
    return torch.baddbmm(mean, y - mean, kept), _trust(kept)


def _normal(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the covariance of groups of patches.

    Shapes (groups, 1, pixels) and (groups, pixels, pixels).
    """
    mean = patches.mean(1, keepdim=True)
    centred = patches - mean
    return mean, (centred.mT @ centred).div_(max(1, patches.shape[1] - 1))


def _given(guide: Tensor, x: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of each of the patches `x` and the covariance of their groups, given a guide's."""
    centre, told = _normal(guide)
    # The guide's own noise is what its pixels don't share with those across: too much rather than too little.
    own, others = (matrix.diagonal(dim1=1, dim2=2) for matrix in (told, covariance))
    little = 1e-5 * (own + others).mean(1, keepdim=True) + 1e-12
    own += _roughness(guide) + little
    beside = guide - centre
    shared = (beside.mT @ (x - mean)).div_(max(1, x.shape[1] - 1))
    # By triangles: what is left of the covariance may be next to nothing, and must not fall below it.
    triangle = torch.linalg.cholesky_ex(told).L
    half = torch.linalg.solve_triangular(triangle, shared, upper=False)
    weights = torch.linalg.solve_triangular(triangle.mT, half, upper=True)
    return torch.baddbmm(mean, beside, weights), torch.baddbmm(covariance, half.mT, half, alpha=-1)


def _inverse(matrices: Tensor) -> Tensor:
    """Return the inverses of positive definite matrices.

    Then to multiply is by far the quickest way on a CPU to solve many small systems for as many right-hand
    sides.
    """
    return torch.cholesky_inverse(torch.linalg.cholesky_ex(matrices).L)


def _completed(y: Tensor, x: Tensor, seen: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Tell of patches `y`, seen where `seen` is 1, in groups whose pilots are `x`.

    By the inverse of what all pixels share, one for a group, what few are missing of a patch is a small
    system; that of those that are seen, another one for each patch, would be a large one.

    Returns
    -------
    tuple of Tensor
        Which of them are to be completed and can be, (groups, patches), and their expectations.
    """
    mean, covariance = _normal(x)
    own = covariance.diagonal(dim1=1, dim2=2)
    own += ridge + 1e-5 * own.mean(1, keepdim=True)
    inverse = _inverse(covariance)
    part = seen.mean(2)
    told = (part >= SEEN) & (part < 1)
    left = (y - mean) * seen
    pulls = left @ inverse
    group = told.nonzero()[:, 0]
    found, pulls, gone = left[told], pulls[told], 1 - seen[told]
    # The missing ones first.
    order = gone.sort(dim=1, descending=True, stable=True).indices
    number, before = gone.sum(1), 0
    for most in MISSING:
        some = ((number > before) & (number <= most)).nonzero()[:, 0]
        before = most
        if len(some):
            where = order[some, :most]
            here = gone[some].gather(1, where)
            among = inverse[group[some, None, None], where[:, :, None], where[:, None]]
            # With ones for those that are seen, systems are of one size.
            among *= here[:, :, None] * here[:, None]
            among.diagonal(dim1=1, dim2=2).add_(1 - here)
            pull = (pulls[some].gather(1, where) * here)[..., None]
            solved = torch.cholesky_solve(pull, torch.linalg.cholesky_ex(among).L)[..., 0]
            found[some] = found[some].scatter_add(1, where, -solved * here)
    left[told] = found
    return told, mean[group, 0] + found - ridge * (left @ inverse)[told]


def _trust(kept: Tensor) -> Tensor:
    """Return how much each group counts of whose noise these matrices keep a part, (groups, pixels, pixels).

    It is one over the energy that white noise has left, in variances of a pixel: 0 to 64. A little is left in
    all, or a flat group would count for everything.
    """
    weights: Tensor = 1 / (torch.linalg.vector_norm(kept, dim=(1, 2)).square() + LEFT)
    return weights


def _roughness(patches: Tensor) -> Tensor:
    """Return the mean square of patches' mixed second differences, which of white noise is its variance."""
    planes = patches.view(*patches.shape[:2], SIDE, SIDE)
    variance: Tensor = planes.diff(dim=2).diff(dim=3).square().mean() / 4
    return variance


def _correlation(noise: Noise) -> Tensor | None:
    """Return how far a patch's pixels share the noise, shape (pixels, pixels); None where it is white."""
    if not noise.correlated:
        return None
    along = []
    for measured in correlations(noise):
        # What was measured lag by lag need not be a correlation that noise can have.
        powers, waves = torch.linalg.eigh(measured.float())
        along.append(waves * powers.clamp_min(0.02) @ waves.mT)
    return torch.kron(*along)
