"""What the channels of an image, and the planes of a volume, tell of one another."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_dip.engine.filters import gaussian_blur

__all__ = ["told_by_others"]

# Pixels. What is as coarse as that, each channel knows of itself.
COARSE = 4.0

# Planes on each side of one that tell of it.
BESIDE = 2

# A pixel and those of its plane that are like it leave this part of the noise's variance: beside a generator
# of channels, and beside one of volumes, which is the better one.
LEFT, LEFT_IN_VOLUMES = 0.1, 0.3


def told_by_others(images: Tensor, variances: Tensor) -> Tensor:
    """Return which part of what is known of each plane's detail the other channels and planes tell.

    All is taken for normal and alike everywhere. The others narrow a plane's detail down from its variance
    ``c`` to ``p = c - b' (C + w)^-1 b``, with their covariance ``C``, that with the plane ``b`` and what is
    left of the noise ``w`` (the conditional normal distribution; Bishop, Pattern Recognition and Machine
    Learning, 2006, section 2.3). That is worth ``1 / p - 1 / c``, and the plane's own measurement
    ``1 / w``: the part is the first's of their sum.

    Parameters
    ----------
    images
        The clean image, about, shape (1, channels, [Z,] Y, X).
    variances
        Of the noise in each plane, shape (1, channels, [Z,] 1, 1).

    Returns
    -------
    Tensor
        Between 0 and 1, of the variances' shape.
    """
    channels, pixels = images.shape[1], images.shape[-2] * images.shape[-1]
    planes = images.flatten(1, -3)
    detail = (planes - gaussian_blur(planes, COARSE)).view(channels, -1, pixels)
    noise = (LEFT if images.ndim == 4 else LEFT_IN_VOLUMES) * variances.cpu().double().view(channels, -1)
    parts = torch.zeros_like(noise)
    for plane in range(detail.shape[1]):
        near = slice(max(0, plane - BESIDE), plane + BESIDE + 1)
        some, left = detail[:, near].flatten(0, 1), noise[:, near].flatten()
        # Not every device has numbers of double precision.
        covariance = (some @ some.mT / pixels).cpu().double()
        for channel in range(channels):
            own = channel * len(left) // channels + plane - near.start
            parts[channel, plane] = _told(covariance, left, own)
    return parts.view(variances.shape).to(images)


def _told(covariance: Tensor, left: Tensor, own: int) -> Tensor:
    """Return the part that the others tell of one."""
    # Of as little of the brightest a product in float32 knows nothing.
    least = (1e-6 * covariance.diagonal().max()).clamp_min(torch.finfo(torch.float32).tiny)
    left, others = left.clamp_min(least), [other for other in range(len(left)) if other != own]
    if not others:
        return left.new_zeros(())
    variance, shared = covariance[own, own], covariance[others, own]
    measured = covariance[others][:, others] + left[others].diag()
    foretold = shared @ torch.linalg.solve(measured, shared)
    narrower = (variance / (variance - foretold).clamp_min(least) - 1).clamp_min(0)
    part: Tensor = narrower / (narrower + variance / left[own]).clamp_min(least)
    return part
