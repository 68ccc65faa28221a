"""Fields of which more is known than one capture tells: the truth, or another capture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_dip.given import take
from napari_dip.images.repeats import Drift, Repeated, shift_between
from napari_dip.planning import plan_denoise

__all__ = ["Field"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Field:
    """An image, and the truth or another capture of the same field.

    Parameters
    ----------
    image
        As it was given.
    axes
        What its axes are, or None.
    target
        The truth or the repeat, at the brightness of the image; NaN where it isn't known.
    variance
        The mean variance of the target's noise.
    own
        That of the image's.
    sample
        The light and the image's noise, as `noise_of` takes them.
    """

    image: Any
    axes: str | None
    target: Floats
    variance: float
    own: float
    sample: tuple[Floats, Floats]

    @classmethod
    def of(cls, image: Any, other: Any, axes: str | None, clean: bool, number: int) -> Field:
        """Bring an image and its truth or repeat together."""
        first, second = take(image, axes), take(other, axes)
        try:
            both = Repeated(np.asarray(first.array), np.asarray(second.array))
            check = plan_denoise(np.asarray(first.array), axes=first.axes)
        except (TypeError, ValueError) as error:
            raise type(error)(f"of image {number}, {error}") from None
        if len(check.parts) != 1 or len(check.axes.looped) or check.axes.joint_channels:
            raise ValueError(
                f"image {number} has shape {both.shape}, but a calibration takes grey planes, or volumes "
                "with axes='ZYX': give each plane of a stack by itself."
            )
        everything = (...,)
        mean, apart = (one.astype(np.float64) for one in (both[everything], both.apart(everything)))
        if np.nanmin(mean + apart) == np.nanmax(mean + apart):
            raise ValueError(
                f"image {number} is the same everywhere, and tells nothing of a microscope: leave it out."
            )
        away = shift_between(mean + apart, mean - apart)
        if away is not None:
            what = "truth" if clean else "repeat"
            raise ValueError(
                f"the {what} of image {number} does not lie on it: move it by {away} pixels first "
                "(scipy.ndimage.shift)."
            )
        drift = Drift.between(mean, apart)
        scale = (1 + drift.slope) / (1 - drift.slope)
        target = scale * (mean - apart + drift.offset) + drift.offset
        left = mean + apart - target
        square = float(np.nanmean(left**2))
        if clean:
            return cls(first.array, first.axes, target, 0.0, square, (target, left))
        half = left / math.sqrt(2)  # the noise of both, and each has as much
        return cls(first.array, first.axes, target, square / 2, square / 2, (mean, half))

    def error(self, estimate: NDArray[Any]) -> float:
        """Return the mean squared error of an estimate, in the noise's variances; it may fall below 0."""
        squares = (estimate.astype(np.float64) - self.target) ** 2
        return (float(np.nanmean(squares)) - self.variance) / max(self.own, np.finfo(float).tiny)
