"""How the numbers of channels go into the engine and come back that one run restores: each has its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises
from napari_dip.images.intensities import Intensities

__all__ = ["Stains"]

# A channel with less noise than this part of the strongest one's counts as one with that.
LEAST = 0.1


@dataclass(frozen=True)
class Stains:
    """The straight lines between the intensities of channels and the engine's.

    Each channel has its own brightness, and is then drawn towards the middle of the engine's intensities
    until its noise is no stronger there than that of the channel with the least. So an error counts in each
    by how far it stands out of that channel's noise.

    Attributes
    ----------
    each : tuple of Intensities
        The channels'.
    parts : tuple of float
        Which part of its range each keeps.
    dims : int
        How many spatial axes there are.
    """

    each: tuple[Intensities, ...]
    parts: tuple[float, ...]
    dims: int

    @classmethod
    def of(cls, channels: NDArray[np.generic], levels: Sequence[float]) -> Stains:
        """Measure channels.

        Parameters
        ----------
        channels : ndarray, shape (channels, [Z,] Y, X)
            Of one of which something is known at least. NaN is missing.
        levels : sequence of float
            The strength of each one's noise.

        Examples
        --------
        >>> pair = np.stack([np.linspace(0, 100, 16), np.linspace(50, 60, 16)]).reshape(2, 4, 4)
        >>> Stains.of(pair, [1.0, 1.0]).parts
        (1.0, 0.1)
        """
        nothing = Intensities(0.0, 0.0, channels.dtype.newbyteorder("=").name)
        each = [Intensities.of(one) if np.isfinite(one).any() else nothing for one in channels]
        noise = [
            float(level / one.unit) if one.high > one.low else 0.0
            for level, one in zip(levels, each, strict=True)
        ]
        # Beside a channel that has next to none, the others' light is not to be lost.
        least = max(min((one for one in noise if one > 0), default=0.0), LEAST * max(noise))
        parts = tuple(min(1.0, least / one) if one > 0 else 1.0 for one in noise)
        return cls(tuple(each), parts, channels.ndim - 1)

    @property
    def unit(self) -> NDArray[np.float64]:
        """Intensity per engine intensity, one number for each channel, shape (channels, [1,] 1, 1)."""
        units = [one.unit / part for one, part in zip(self.each, self.parts, strict=True)]
        return np.reshape(units, (-1,) + (1,) * self.dims)

    @property
    def vary(self) -> NDArray[np.bool_]:
        """Whether there is anything in each channel: one intensity alone is nothing."""
        return np.array([one.high > one.low for one in self.each])

    def of_noise(self, noise: Noise | Noises) -> Noises:
        """The channels' noise in the engine's units."""
        drawn = [
            noise.of(channel).rescaled(one.zero + (0.5 - 0.5 / part) * one.unit, one.unit / part)
            for channel, (one, part) in enumerate(zip(self.each, self.parts, strict=True))
        ]
        return Noises(tuple(drawn))

    def normalise(self, channels: ArrayLike) -> NDArray[np.float32]:
        """The channels, shape (channels, [Z,] Y, X), in the engine's units; missing pixels become NaN."""
        planes = zip(np.asarray(channels), self.each, self.parts, strict=True)
        return np.stack(
            [
                np.float32(0.5) + np.float32(part) * (one.normalise(x) - np.float32(0.5))
                for x, one, part in planes
            ]
        )

    def restore(self, normalised: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[np.generic]:
        """The engine's numbers back in the channels' units, as `Intensities.restore` does it."""
        planes = zip(np.asarray(normalised, dtype=np.float64), self.each, self.parts, strict=True)
        return np.stack([one.restore(0.5 + (y - 0.5) / part, dtype) for y, one, part in planes])
