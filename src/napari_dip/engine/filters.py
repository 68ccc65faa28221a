"""Filters and interpolation of images on the engine's device."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.operators import Linear

__all__ = ["gaussian_blur", "interpolate", "laplacian", "smooth_fill"]


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Return an image, shape (1, channels, [Z,] Y, X), blurred by a Gaussian of `sigma` pixels."""
    channels, dims = image.shape[1], image.ndim - 2
    radius = math.ceil(3 * sigma)
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


def interpolate(
    operator: Linear, values: Tensor, weights: Tensor, stiffness: float = 0.01, steps: int = 20
) -> Tensor:
    """Return the smoothest image ``u`` whose measurement ``A u`` comes near to `values` where they weigh.

    It is the thin plate, the minimum of ``sum w (A u - v)^2 + stiffness * sum (Laplacian u)^2`` (biharmonic
    interpolation; Duchon, 1977), by some steps of conjugate gradients from a smooth fill.
    """

    def normal(u: Tensor) -> Tensor:
        return operator.adjoint(weights * operator(u)) + stiffness * laplacian(laplacian(u))

    target, reached = operator.adjoint(weights * values), operator.adjoint(weights)
    there = reached > 0.5 * reached.amax()
    image = smooth_fill(target / reached.where(there, 1), there.to(target.dtype))
    direction = residual = target - normal(image)
    power = residual.square().sum()
    for _ in range(steps):
        applied = normal(direction)
        length = power / (direction * applied).sum().clamp_min(1e-30)
        image = image + length * direction
        residual = residual - length * applied
        before, power = power, residual.square().sum()
        direction = residual + power / before.clamp_min(1e-30) * direction
    return image


def laplacian(image: Tensor) -> Tensor:
    """Return the sum of the second differences along the spatial axes, with no slope across the border."""
    total = torch.zeros_like(image)
    for axis in range(2, image.ndim):
        steps, length = image.diff(dim=axis), image.shape[axis] - 1
        total.narrow(axis, 0, length).add_(steps)
        total.narrow(axis, 1, length).sub_(steps)
    return total


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
