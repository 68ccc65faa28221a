"""A quick denoiser with an explicit prior: few of the cosine waves in a small block matter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.devices import repeatable
from napari_dip.engine.filters import gaussian_blur
from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises

__all__ = ["SIDE", "correlations", "deviation", "deviations", "shrink"]

SIDE = 8  # of a block, in pixels
STEP = 2  # from one block to the next
# Blocks along each axis whose coefficients tell one's energy: few have a noisy mean, many differ.
AROUND = 5
# By so much more than the noise's variance must that mean stand out: what is kept by mistake does more harm
# than what is lost.
CAUTION = 1.5
# Blocks that are transformed at a time: their coefficients bound the memory. A processor keeps so few of them
# in its cache; another device is started less often with many.
AT_ONCE, AT_ONCE_ON_CPU = 1 << 18, 1 << 14


def shrink(image: Tensor, noise: Noise | Noises) -> Tensor:
    """Return an image without its noise, as far as cosine transforms of small blocks can tell them apart.

    Two passes over overlapping blocks of 8 x 8 pixels. The first multiplies each coefficient by the part of
    its energy, averaged over the blocks around, that the noise does not explain [1]_; the second is the
    Wiener filter with the first one's result in place of the clean image [2]_. Both are in units of the
    noise's standard deviation at each pixel. The planes of a volume are treated one by one.

    Parameters
    ----------
    image
        Shape (1, channels, [Z,] Y, X).
    noise
        In the image's intensities.

    References
    ----------
    .. [1] Mihcak, Kozintsev, Ramchandran, Moulin, "Low-complexity image denoising based on statistical
       modeling of wavelet coefficients", IEEE Signal Processing Letters 6(12), 1999.
    .. [2] Ghael, Sayeed, Baraniuk, "Improved wavelet denoising via empirical Wiener filtering", SPIE 3169,
       1997.
    """
    with repeatable():
        return torch.cat([_shrunk(image[:, some], one) for some, one in noise.by_channel()], 1)


def _shrunk(image: Tensor, noise: Noise) -> Tensor:
    variances = _variances(noise).to(image.device)
    mean = image.mean()
    level = gaussian_blur(image, 2.0)
    # The brightness decides the noise, if anything does, and is known better after a pass.
    for _ in range(2 if noise.gain else 1):
        spread = deviation(noise, level)
        level = mean + spread * _filtered((image - mean) / spread, None, variances)
    spread = deviation(noise, level)
    pilot = (level - mean) / spread
    estimate: Tensor = mean + spread * _filtered((image - mean) / spread, pilot, variances)
    return estimate


def deviation(noise: Noise, level: Tensor) -> Tensor:
    """Return the noise's standard deviation where the image is about this bright.

    Where next to no photons are expected, the level is not known that well: Anscombe's 3/8 of a photon
    (Biometrika 35, 1948) is as little as may be expected.
    """
    variance: Tensor = noise.variance(level) + 0.375 * noise.gain**2
    return variance.clamp_min(1e-12).sqrt()


def deviations(noise: Noise | Noises, level: Tensor) -> Tensor:
    """Return `deviation` of channels with a noise each, of the level's shape, (1, channels, ...)."""
    return torch.cat([deviation(one, level[:, some]) for some, one in noise.by_channel()], 1)


def _filtered(image: Tensor, pilot: Tensor | None, variances: Tensor) -> Tensor:
    """Return the image filtered by its own energies, or by those of a `pilot`."""
    planes = image.flatten(0, -3)[:, None]
    pilots = [None] * len(planes) if pilot is None else pilot.flatten(0, -3)[:, None]
    filtered = [_plane(p[None], q, variances) for p, q in zip(planes, pilots, strict=True)]
    return torch.cat(filtered).view_as(image)


def _plane(plane: Tensor, pilot: Tensor | None, variances: Tensor) -> Tensor:
    sizes = plane.shape[-2:]
    margin = SIDE - STEP  # so that every pixel is in as many blocks as every other one
    pad = [margin, margin + -sizes[1] % STEP, margin, margin + -sizes[0] % STEP]
    # Repeating a pixel at the border would look like structure; an image must be larger to be mirrored.
    mode = "reflect" if min(sizes) > margin + STEP else "replicate"
    padded = F.pad(plane, pad, mode=mode)
    guide = None if pilot is None else F.pad(pilot[None], pad, mode=mode)
    basis, total = _basis().to(plane.device), torch.zeros_like(padded)
    at_once = AT_ONCE_ON_CPU if plane.device.type == "cpu" else AT_ONCE
    for rows, reach, inner in _strips(padded.shape[-2], padded.shape[-1], at_once):
        coefficients = F.conv2d(padded[..., reach, :], basis, stride=STEP)
        if guide is None:
            energy = _around(coefficients.square())
            # In place: fresh memory takes a CPU longer than the arithmetic.
            gain = (CAUTION * variances / energy.clamp_min_(1e-12)).neg_().add_(1).clamp_min_(0)
        else:
            energy = F.conv2d(guide[..., reach, :], basis, stride=STEP).square()
            gain = energy / (energy + variances)
        total[..., rows, :] += _added(gain.mul_(coefficients)[..., inner, :])
    inside = total[..., margin : margin + sizes[0], margin : margin + sizes[1]]
    return inside / (SIDE // STEP) ** 2


def _strips(height: int, width: int, at_once: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut an image into strips of blocks.

    Of each: the rows that its blocks cover, those that the blocks around cover too, and which of all these
    blocks are its own.
    """
    blocks = (height - SIDE) // STEP + 1
    lines = max(1, at_once * STEP // width)
    for first in range(0, blocks, lines):
        last = min(first + lines, blocks)
        low, high = max(first - AROUND // 2, 0), min(last + AROUND // 2, blocks)
        rows, reach = (slice(a * STEP, (b - 1) * STEP + SIDE) for a, b in ((first, last), (low, high)))
        yield rows, reach, slice(first - low, last - low)


def _around(energy: Tensor) -> Tensor:
    """Return means over the blocks around. On a CPU, pooling takes several times as long."""
    window, pad = energy.new_ones(1, 1, AROUND, AROUND), AROUND // 2
    blocks = F.conv2d(torch.ones_like(energy[:, :1]), window, padding=pad)
    waves = energy.shape[1]
    return F.conv2d(energy, window.expand(waves, -1, -1, -1), padding=pad, groups=waves).div_(blocks)


def _added(coefficients: Tensor) -> Tensor:
    """Return the sum of all blocks, each where it lies, given their waves'.

    Along one axis after the other: at once it would take several times as long on a CPU.
    """
    waves = _cosines().to(coefficients)
    across = waves[:, None, None].repeat(SIDE, 1, 1, 1)
    rows = F.conv_transpose2d(coefficients, across, stride=(1, STEP), groups=SIDE)
    return F.conv_transpose2d(rows, waves[:, None, :, None], stride=(STEP, 1))


@lru_cache(maxsize=1)
def _cosines() -> Tensor:
    """The orthonormal cosine transform, shape (8 waves, 8 places)."""
    place = torch.arange(SIDE, dtype=torch.float64)
    waves = torch.cos(math.pi / SIDE * (place + 0.5) * place[:, None])
    return F.normalize(waves, dim=1)


@lru_cache(maxsize=1)
def _basis() -> Tensor:
    """The waves of a block, shape (64, 1, 8, 8)."""
    waves = _cosines()
    return torch.einsum("iy,jx->ijyx", waves, waves).reshape(-1, 1, SIDE, SIDE).float()


def correlations(noise: Noise) -> list[Tensor]:
    """Return how far pixels in a row share the noise, for Y and X: two of shape (`SIDE`, `SIDE`)."""
    place, along = torch.arange(SIDE), []
    for axis in (-2, -1):
        shared = torch.zeros(SIDE, dtype=torch.float64)
        shared[0] = 1
        if noise.correlated:
            measured = torch.tensor(noise.correlation[axis], dtype=torch.float64)[: SIDE - 1]
            shared[1 : 1 + len(measured)] = measured
        along.append(shared[(place[:, None] - place).abs()])
    return along


def _variances(noise: Noise) -> Tensor:
    """The variance that noise of variance 1 has in each coefficient, shape (64, 1, 1)."""
    waves = _cosines()
    down, across = (((waves @ covariance) * waves).sum(1) for covariance in correlations(noise))
    return (down[:, None] * across).clamp_min(0.01).float().reshape(-1, 1, 1)
