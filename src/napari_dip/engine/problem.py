"""What is known: the measurement, how it was made, and which of its pixels count."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises
from napari_dip.engine.operators import Identity, Operator

__all__ = ["Problem", "Quantised"]


@dataclass(frozen=True)
class Quantised:
    """How JPEG has rounded a measurement: the cosines of its blocks are multiples of steps.

    Parameters
    ----------
    steps
        In the measurement's normalised intensities, 8 rows of 8.
    start
        The first row and column at which a block begins.
    """

    steps: tuple[tuple[float, ...], ...]
    start: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Problem:
    """Find ``x`` from ``y = A x + noise``.

    Parameters
    ----------
    measurement
        ``y``, shape (channels, [Z,] Y, X), float32, normalised so that the intensities lie around 0 to 1.
        What stands at pixels that are not known is never read.
    known
        Boolean, the measurement's shape: False where a pixel is missing. None: all are known.
    operator
        ``A``.
    guide
        Another image of the scene, shape (guide channels, [Z,] Y, X), on the clean image's grid or the middle
        of it; the generator sees it.
    noise
        The measurement's noise, in its normalised intensities; None if it was not measured. Where each
        channel has its own, all are scaled so that at their mean intensities it is about as strong.
    quantised
        How it was rounded, if that is known.
    """

    measurement: Tensor
    known: Tensor | None = None
    operator: Operator = field(default_factory=Identity)
    guide: Tensor | None = None
    noise: Noise | Noises | None = None
    quantised: Quantised | None = None

    def to(self, device: torch.device) -> Problem:
        """Return the problem with its tensors on `device`."""
        moved = {
            name: value.to(device)
            for name in ("measurement", "known", "guide")
            if (value := getattr(self, name)) is not None
        }
        return replace(self, **moved)

    @property
    def channels(self) -> int:
        """Number of channels of the clean image."""
        return self.operator.image_channels(self.measurement.shape[0])

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Spatial shape of the clean image."""
        return self.operator.image_shape(tuple(self.measurement.shape[1:]))

    @property
    def filled(self) -> Tensor:
        """The measurement, shape (1, channels, [Z,] Y, X), with the known pixels' mean where missing."""
        if self.known is None:
            return self.measurement[None]
        mean = self.measurement[self.known].mean()
        return torch.where(self.known, self.measurement, mean)[None]

    @property
    def variance(self) -> float | None:
        """The noise's variance at the known pixels' mean intensity, or None."""
        if self.noise is None:
            return None
        if isinstance(self.noise, Noises):
            space, weights = tuple(range(2, self.weights.ndim)), self.weights.double()
            sums = ((self.filled * weights).sum(space, keepdim=True), weights.sum(space, keepdim=True))
            return float(self.noise.variance(sums[0] / sums[1].clamp_min(1)).mean())
        known = self.measurement if self.known is None else self.measurement[self.known]
        return float(self.noise.variance(known.mean(dtype=torch.float64)))

    @cached_property
    def weights(self) -> Tensor:
        """1 where a pixel is known, else 0; shape (1, channels, [Z,] Y, X)."""
        if self.known is None:
            return torch.ones_like(self.measurement)[None]
        return self.known.to(self.measurement.dtype)[None]
