"""Two captures of the same field: their mean, and half of what they differ by, which is noise alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift
from skimage.measure import block_reduce
from skimage.registration import phase_cross_correlation

from napari_dip.images.intensities import check_image

__all__ = ["Drift", "Repeated", "shift_between"]

# Sides of the blocks of which the brightness is compared, and how many of them it takes.
BLOCK, BLOCKS = 8, 16
# Captures that lie less than this many pixels apart lie on one another: noise alone may say as much.
NEAR = 0.4
# ... and the part of what they differ by that has to go when they are laid on one another.
WORTH = 0.1
# Pixels by which both are blurred first, and how many standard deviations of it are no chance.
BLUR, CHANCES = 1.5, 2.0


@dataclass(frozen=True)
class Drift:
    """How half the difference of two captures grows with the light, as when the dye bleaches in between.

    Parameters
    ----------
    slope, offset
        Of the straight line over the captures' mean.
    """

    slope: float = 0.0
    offset: float = 0.0

    @classmethod
    def between(cls, mean: NDArray[Any], apart: NDArray[Any]) -> Drift:
        """Measure it where `mean` and `apart`, spatial axes only, are finite."""
        mean, apart = (np.asarray(one, dtype=np.float64) for one in (mean, apart))
        known = np.isfinite(mean) & np.isfinite(apart)
        block = tuple(min(BLOCK, size) for size in mean.shape)
        full = block_reduce(known, block, np.min, cval=0)
        light, half = (
            block_reduce(np.where(known, one, 0), block, np.mean, cval=0)[full] for one in (mean, apart)
        )
        if len(light) < BLOCKS or np.ptp(light) == 0:
            return cls(0.0, float(apart[known].mean()) if known.any() else 0.0)
        return cls(*(float(number) for number in np.polyfit(light, half, 1)))

    def taken_from(self, mean: NDArray[Any], apart: NDArray[Any]) -> NDArray[np.float64]:
        """Return what is left of half the difference, 0 where it isn't known."""
        left = apart - self.slope * mean - self.offset
        return np.asarray(np.where(np.isfinite(left), left, 0.0), dtype=np.float64)


def _same(first: Any, second: Any) -> bool:
    """Whether two arrays have the same pixels, which are not the same everywhere; one plane mostly tells."""
    planes = list(np.ndindex(tuple(first.shape[:-2])))
    varied = False
    for at in planes[len(planes) // 2 :] + planes[: len(planes) // 2]:
        one = np.asarray(first[at])
        if not np.array_equal(one, np.asarray(second[at]), equal_nan=one.dtype.kind == "f"):
            return False
        varied = varied or bool((one != one.flat[0]).any())
    return varied


class Repeated:
    """The mean of two captures, an array that is read part by part.

    A pixel that is missing in one of them is the other's.

    Parameters
    ----------
    first, second
        Arrays of the same shape.

    Raises
    ------
    ValueError, TypeError
        If the second can't be a capture of the same.
    """

    def __init__(self, first: Any, second: Any) -> None:
        check_image(first)
        if not (hasattr(second, "shape") and hasattr(second, "dtype")):
            second = np.asarray(second)
        if np.dtype(second.dtype).kind not in "biuf":
            raise TypeError(
                f"the repeat holds {second.dtype} values, but a real number is needed for each pixel."
            )
        if tuple(second.shape) != tuple(first.shape):
            raise ValueError(
                f"the repeat has shape {tuple(second.shape)}, but the image has {tuple(first.shape)}. Give "
                "another capture of the same field, of the same shape."
            )
        if isinstance(second, np.ndarray) and second.dtype.kind == "f" and not np.isfinite(second).any():
            raise ValueError(
                "no pixel of the repeat is a finite number, but some are needed: check how it was saved, or "
                "leave it out."
            )
        if _same(first, second):
            raise ValueError(
                "the repeat is the image itself, or a copy of it, and tells nothing of its noise. Give "
                "another capture of the same field."
            )
        self.first, self.second = first, second
        self.shape, self.ndim = tuple(first.shape), len(first.shape)
        wide = any(
            np.dtype(one.dtype).kind != "b" and np.finfo(np.float32).precision < _digits(one.dtype)
            for one in (first, second)
        )
        self.dtype = np.dtype(np.float64 if wide else np.float32)

    def _both(self, index: Any) -> NDArray[Any]:
        both = np.stack([np.asarray(one[index]).astype(self.dtype) for one in (self.first, self.second)])
        both[~np.isfinite(both)] = np.nan
        return both

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Return the mean of a part."""
        first, second = self._both(index)
        mean = first / 2 + second / 2
        return np.asarray(np.where(np.isnan(first), second, np.where(np.isnan(second), first, mean)))

    def apart(self, index: Any) -> NDArray[Any]:
        """Return half of what the first has more than the second in a part; NaN where one is missing."""
        first, second = self._both(index)
        return np.asarray(first / 2 - second / 2)

    @property
    def fingerprint(self) -> str:
        """A short text that is the same for the same numbers of the second capture."""
        digest = hashlib.blake2b(str(self.shape).encode(), digest_size=16)
        for index in range(self.shape[0]):
            digest.update(np.ascontiguousarray(self.second[index]).data)
        return digest.hexdigest()


def _digits(dtype: Any) -> int:
    """Return how many decimal digits numbers of a dtype have."""
    kind = np.dtype(dtype)
    return int(np.finfo(kind).precision) if kind.kind == "f" else len(str(np.iinfo(kind).max)) - 1


def shift_between(first: NDArray[Any], second: NDArray[Any]) -> tuple[float, ...] | None:
    """Return by how many pixels along each axis a capture lies away from another; None if they lie on it.

    Parameters
    ----------
    first, second : ndarray, 2-D or 3-D
        Spatial axes only. What is not finite is missing.

    Examples
    --------
    >>> field = gaussian_filter(np.random.default_rng(0).normal(size=(64, 64)), 3)
    >>> shift_between(field, np.roll(field, 2, axis=1))
    (0.0, -2.0)
    >>> shift_between(field, field) is None
    True
    """
    first, second = (np.asarray(one, dtype=np.float64) for one in (first, second))
    first, second = (np.where(np.isfinite(one), one, np.nan) for one in (first, second))
    if not (np.isfinite(first) & np.isfinite(second)).any():
        return None
    # Noise is least of what varies slowly.
    blurred = [gaussian_filter(np.nan_to_num(one - np.nanmean(one)), BLUR) for one in (first, second)]
    if min(float(np.ptp(one)) for one in blurred) == 0:
        return None
    found, *_ = phase_cross_correlation(*blurred, upsample_factor=10, normalization=None)
    if np.linalg.norm(found) < NEAR:
        return None
    moved = shift(blurred[1], found, order=1, mode="nearest")
    margin = int(np.ceil(np.abs(found).max())) + 1
    if 4 * margin > min(size for size in moved.shape if size > 1):
        return None  # so little lies on one another then that noise may say anything
    inside = tuple(slice(margin, size - margin) if size > 1 else slice(None) for size in moved.shape)
    before, after = (np.square(blurred[0] - one)[inside] for one in (blurred[1], moved))
    # In small images noise, of which so much is alike after the blur, agrees by chance somewhere.
    chance = CHANCES * np.sqrt(2 * (4 * np.pi * BLUR**2) ** (moved.ndim / 2) / before.size)
    if after.mean() > (1 - max(WORTH, chance)) * before.mean():
        return None
    return tuple(round(float(pixels), 1) + 0.0 for pixels in found)
