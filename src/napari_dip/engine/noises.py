"""The noise of a measurement each of whose channels has its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_dip.engine.noise import Noise

__all__ = ["Noises"]


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
