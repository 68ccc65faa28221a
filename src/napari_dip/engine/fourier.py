"""The discrete Fourier transform of images, one axis after the other.

`torch.fft.irfftn` over three axes writes beyond its memory on a processor, for some sizes: the process ends
(PyTorch's issue 125664; still so in 2.13). Over one axis the transforms are sound.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["from_waves", "waves_of"]


def waves_of(image: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the transform over an image's last axes, of the last one the half that tells it all.

    Parameters
    ----------
    image
        Real numbers, of any shape.
    sizes
        How long each of these axes is to be; zeros are added at its end.
    """
    waves: Tensor = torch.fft.rfft(image, sizes[-1])
    for axis, size in enumerate(sizes[:-1], -len(sizes)):
        waves = torch.fft.fft(waves, size, dim=axis)
    return waves


def from_waves(waves: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the image of these sizes along its last axes whose transform `waves_of` gives."""
    for axis in range(-len(sizes), -1):
        waves = torch.fft.ifft(waves, dim=axis)
    image: Tensor = torch.fft.irfft(waves, sizes[-1])
    return image
