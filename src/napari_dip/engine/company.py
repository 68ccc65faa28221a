"""What the channels of an image tell of one another."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_dip.engine.filters import gaussian_blur

__all__ = ["told_by_others"]

# Pixels. What is as coarse as that, each channel knows of itself.
COARSE = 4.0

# A pixel and those that are like it leave this part of the noise's variance.
LEFT = 0.1


def told_by_others(images: Tensor, variances: Tensor) -> Tensor:
    """Return which part of what is known of each channel's detail the other channels tell.

    All is taken for normal and alike everywhere. The others narrow a channel's detail down from its variance
    ``c`` to ``p = c - b' (C + w)^-1 b``, with their covariance ``C``, that with the channel ``b`` and what is
    left of the noise ``w`` (the conditional normal distribution; Bishop, Pattern Recognition and Machine
    Learning, 2006, section 2.3). That is worth ``1 / p - 1 / c``, and the channel's own measurement
    ``1 / w``: the part is the first's of their sum.

    Parameters
    ----------
    images
        The clean image, about, shape (1, channels, [Z,] Y, X).
    variances
        Of each channel's noise, shape (channels,).

    Returns
    -------
    Tensor
        Between 0 and 1 for each channel, shape (channels,).
    """
    channels = images.shape[1]
    if channels == 1:
        return images.new_zeros(1)
    detail = (images - gaussian_blur(images, COARSE))[0].flatten(1)
    # Not every device has numbers of double precision.
    covariance = (detail @ detail.mT / detail.shape[1]).cpu().double()
    least = torch.finfo(torch.float32).tiny
    left = (LEFT * variances.cpu().double()).clamp_min(least)
    measured = covariance + left.diag()
    parts = []
    for channel in range(channels):
        others = [other for other in range(channels) if other != channel]
        own, shared = covariance[channel, channel], covariance[others, channel]
        foretold = shared @ torch.linalg.solve(measured[others][:, others], shared)
        narrower = own / (own - foretold).clamp_min(least) - 1
        parts.append(narrower.clamp_min(0) / (narrower.clamp_min(0) + own / left[channel]).clamp_min(least))
    return torch.stack(parts).to(images)
