"""The noise of a measurement: how it grows with the light, and how far pixels share it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from napari_dip.engine.components import shown

__all__ = ["Noise"]

# Noise whose correlation stays below this counts as white: it differs by as little in what is measured.
CORRELATED = 0.12
# Below this it is neighbours alone that share a little, and their differences still show most of the noise.
LITTLE_SHARED = 0.3
# How far correlated noise reaches is told by the lags with at least this correlation.
NOTICEABLE = 0.2
# ... and from where on a held-out pixel has to be hidden from it.
SHARED = 0.05
# Correlations along an axis that may be given.
MOST_LAGS = 32


@dataclass(frozen=True)
class Noise:
    """The noise of one image: how it grows with the light, and how far it is shared between pixels.

    Attributes
    ----------
    gain : float
        Variance per unit of signal above the offset, in image units. 0 if the noise is the same everywhere.
    offset : float
        Intensity without light, in image units; or rather the darkest level that the image shows, as nothing
        in one image tells a camera's offset from light that is everywhere.
    read_noise : float
        Standard deviation of the noise at the offset, in image units.
    correlation : tuple of tuple of float
        For each spatial axis, in the array's order, the noise's autocorrelation at lags 1, 2, 3 and 4 pixels.
    """

    gain: float
    offset: float
    read_noise: float
    correlation: tuple[tuple[float, ...], ...] = ()

    def variance(self, intensity: Any) -> Any:
        """Return the noise's variance where the clean image has this intensity, in squared image units.

        Parameters
        ----------
        intensity
            Number, array or tensor, in image units.
        """
        signal = intensity - self.offset
        return self.gain * (signal + abs(signal)) / 2 + self.read_noise**2

    @property
    def correlated(self) -> bool:
        """Whether neighbouring pixels noticeably share their noise."""
        return self.guard > 0

    @property
    def strongest(self) -> float:
        """The strongest correlation along any axis, at any lag."""
        return max(map(strongest, self.correlation), default=0.0)

    @property
    def guard(self) -> int:
        """How many pixels around a held-out pixel share its noise; 0 if the noise is white.

        Too narrow a guard costs decibels, because the network predicts the held-out noise from what it sees,
        and too wide a one tenths: where the noise is correlated, small correlations count too.
        """
        if not any(map(reach, self.correlation)):
            return 0
        return max(
            sum(1 for _ in itertools.takewhile(lambda rho: abs(rho) >= SHARED, axis))
            for axis in self.correlation
        )

    def by_channel(self) -> Iterator[tuple[slice, Noise]]:
        """Yield some channels and their noise, until there are no more: here all have the same."""
        yield slice(None), self

    def first(self, channels: int) -> Noise:
        """Return the noise of the first so many channels."""
        return self

    def of(self, channel: int) -> Noise:
        """Return the noise of a channel."""
        return self

    def rescaled(self, zero: float, unit: float) -> Noise:
        """Return the noise of ``(image - zero) / unit``."""
        return replace(
            self,
            gain=self.gain / unit,
            offset=(self.offset - zero) / unit,
            read_noise=self.read_noise / unit,
        )

    def times(self, factor: float) -> Noise:
        """Return noise that is so many times as strong."""
        return replace(self, gain=self.gain * factor**2, read_noise=self.read_noise * factor)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON takes them."""
        return {
            "gain": self.gain,
            "offset": self.offset,
            "read_noise": self.read_noise,
            "correlation": [list(axis) for axis in self.correlation],
        }

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> Noise:
        """Rebuild what `to_dict` wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            gain, offset, read_noise = (float(numbers[key]) for key in ("gain", "offset", "read_noise"))
            correlation = tuple(tuple(float(r) for r in axis) for axis in numbers["correlation"])
            finite = all(map(math.isfinite, (gain, offset, read_noise, *itertools.chain(*correlation))))
            known = set(numbers) <= {field.name for field in fields(cls)}
            short = len(correlation) <= 3 and all(len(axis) <= MOST_LAGS for axis in correlation)
            if finite and known and short and gain >= 0 and read_noise >= 0:
                return cls(gain, offset, read_noise, correlation)
        except (KeyError, TypeError, ValueError, OverflowError):
            pass
        raise ValueError(
            "noise as a dict must have gain and read_noise, numbers of 0 or more, offset, a number, and "
            "correlation, a list of numbers for each spatial axis or an empty one, but is "
            f"{shown(dict(numbers))}."
        )


def strongest(correlation: tuple[float, ...]) -> float:
    """Return the strongest correlation along an axis, at any lag."""
    return max(map(abs, correlation), default=0.0)


def reach(correlation: tuple[float, ...]) -> int:
    """Return how many pixels along an axis noticeably share their noise."""
    if strongest(correlation) < CORRELATED:
        return 0
    lags = [lag for lag, r in enumerate(correlation, 1) if abs(r) >= NOTICEABLE]
    # One pixel more than is noticeable: just past it the noise is still shared a little, and too narrow a
    # guard costs decibels (the network predicts the held-out noise) where too wide a one costs hundredths.
    return max(lags, default=0) + 1
