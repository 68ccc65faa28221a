"""The noise of a measurement each of whose channels has its own, and numbers like a noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from napari_dip.engine.fourier import from_waves, waves_of
from napari_dip.engine.noise import Noise

__all__ = ["Noises", "shared"]


@dataclass(frozen=True)
class Noises:
    """The noise of an image each of whose channels has its own, as stains have.

    Attributes
    ----------
    each : tuple of Noise
        The channels'.
    """

    each: tuple[Noise, ...]

    def variance(self, intensity: Tensor) -> Tensor:
        """Return the noise's variance where the clean image is this, shape (1, channels, ...)."""
        return torch.cat([one.variance(intensity[:, some]) for some, one in self.by_channel()], 1)

    @property
    def correlated(self) -> bool:
        """Whether neighbouring pixels of some channel noticeably share their noise."""
        return self.guard > 0

    @property
    def strongest(self) -> float:
        """The strongest correlation of any channel."""
        return max(one.strongest for one in self.each)

    @property
    def guard(self) -> int:
        """How many pixels around a held-out pixel share its noise in some channel."""
        return max(one.guard for one in self.each)

    def by_channel(self) -> Iterator[tuple[slice, Noise]]:
        """Yield each channel and its noise."""
        yield from ((slice(i, i + 1), one) for i, one in enumerate(self.each))

    def first(self, channels: int) -> Noises:
        """Return the noise of the first so many channels."""
        return Noises(self.each[:channels])

    def of(self, channel: int) -> Noise:
        """Return the noise of a channel."""
        return self.each[channel]

    def times(self, factor: float) -> Noises:
        """Return noise that is so many times as strong."""
        return Noises(tuple(one.times(factor) for one in self.each))


def shared(numbers: Tensor, noise: Noise | Noises) -> Tensor:
    """Return normal numbers that neighbours share as far as a noise: of variance 1 as before.

    Parameters
    ----------
    numbers
        Independent ones, shape (1, channels, [Z,] Y, X).
    noise
        Whose correlation they are to have, along each axis.
    """
    if not noise.correlated:
        return numbers
    return torch.cat([_filtered(numbers[:, some], one) for some, one in noise.by_channel()], 1)


def _filtered(numbers: Tensor, noise: Noise) -> Tensor:
    if not noise.correlated:
        return numbers
    sizes = tuple(numbers.shape[-len(noise.correlation) :])
    waves = waves_of(numbers, sizes)
    for gains in _gains(noise.correlation, sizes, numbers.device):
        waves = waves * gains
    return from_waves(waves, sizes)


@lru_cache(maxsize=8)  # it is asked for in every iteration
def _gains(
    correlations: tuple[tuple[float, ...], ...], sizes: tuple[int, ...], device: torch.device
) -> list[Tensor]:
    """Return by what each axis' waves are multiplied: the roots of the correlations' spectra."""
    along = []
    for axis, (size, correlation) in enumerate(zip(sizes, correlations, strict=True), 1 - len(sizes)):
        lags = torch.zeros(size)
        lags[0] = 1
        for lag, value in enumerate(correlation[: size // 2], 1):
            lags[lag] = lags[-lag] = value
        power = torch.fft.fft(lags).real.clamp_min(0)
        gains = (power / power.mean()).sqrt()
        if axis == 0:  # of the last one there is half
            gains = gains[: size // 2 + 1]
        along.append(gains.view(-1, *(1,) * -axis).to(device))
    return along
