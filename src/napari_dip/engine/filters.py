"""Filters of images on the engine's device."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["gaussian_blur", "smooth_fill", "spread"]


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Return an image, shape (1, channels, [Z,] Y, X), blurred by a Gaussian of `sigma` pixels."""
    channels, dims = image.shape[1], image.ndim - 2
    radius = min(math.ceil(3 * sigma), min(image.shape[2:]) - 1)
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=image.device) / sigma) ** 2)
    taps /= taps.sum()
    convolve = F.conv2d if dims == 2 else F.conv3d
    for axis in range(dims):
        shape, pad = [1] * dims, [0] * (2 * dims)
        shape[axis] = len(taps)
        pad[2 * (dims - 1 - axis)] = pad[2 * (dims - 1 - axis) + 1] = radius
        kernel = taps.reshape(1, 1, *shape).expand(channels, 1, *shape)
        image = convolve(F.pad(image, pad, mode="replicate"), kernel, groups=channels)
    return image


def spread(sums: Tensor, weights: Tensor, sigma: float) -> Tensor:
    """Return the mean around each pixel of values whose weighted `sums` and `weights` are given.

    The mean is by a Gaussian of `sigma` pixels, and fades two of them away from all that has a weight
    (normalised convolution, Knutsson & Westin, CVPR 1993).
    """
    reached = gaussian_blur(weights, sigma)
    return gaussian_blur(sums, sigma) / (reached + 0.02 * reached.amax())


def smooth_fill(values: Tensor, weights: Tensor) -> Tensor:
    """Return the `values` where they have a weight, and a smooth continuation of them elsewhere.

    Each pixel that is missing takes over what a coarser and coarser grid has there (push and pull, Gortler et
    al., SIGGRAPH 1996, sec. 3.4), which takes time in proportion to the pixels, however large a hole is.
    """
    return torch.where(weights > 0, values, _push_and_pull(values * weights, weights))


def _push_and_pull(sums: Tensor, weights: Tensor) -> Tensor:
    sizes, dims = tuple(sums.shape[2:]), sums.ndim - 2
    here = sums / weights.clamp_min(1e-12)
    if max(sizes) == 1 or bool(weights.all()):
        return here
    pool = F.avg_pool2d if dims == 2 else F.avg_pool3d
    halves = [min(2, size) for size in sizes]
    below, seen = (pool(x, halves, ceil_mode=True, count_include_pad=False) for x in (sums, weights))
    # A coarse pixel that was half seen is as good as one that was seen as a whole.
    full = (2 * seen).clamp_max(1)
    coarse = _push_and_pull(below / seen.clamp_min(1e-12) * full, full)
    mode = "bilinear" if dims == 2 else "trilinear"
    fine = F.interpolate(coarse, size=sizes, mode=mode, align_corners=False)
    return weights * here + (1 - weights) * fine
