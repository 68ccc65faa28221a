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

    From the mean of all on, ever narrower Gaussians say what they reach, and leave the rest as it is.
    """
    filled = (values * weights).sum() / weights.sum()
    sigma = 2.0 ** math.floor(math.log2(max(values.shape[2:])))
    while sigma >= 1:
        near, reached = gaussian_blur(values * weights, sigma), gaussian_blur(weights, sigma)
        filled = (near + 0.01 * filled) / (reached + 0.01)
        sigma /= 2
    return torch.where(weights > 0, values, filled)
