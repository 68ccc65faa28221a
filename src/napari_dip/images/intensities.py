"""How an image's numbers go into the engine and come back: any real dtype, any unit, nothing lost."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from napari_dip.engine.components import shown

if TYPE_CHECKING:
    from napari_dip.engine.noise import Noise
    from napari_dip.engine.noises import Noises

__all__ = ["Intensities", "cast", "check_image", "dtype_of"]

# Where an image's low and high intensities lie for the engine: inside 0..1, where generators start, with room
# on both sides for a restored value that goes past them.
LOW, HIGH = 0.05, 0.95
# The brightest outlier lies at most this many times the range between low and high away from it.
FARTHEST = 25.0
# Differences of larger numbers, such as fill values of 3e38, are beyond float32, and in the end squares of
# them beyond float64.
LARGEST = 1e37
# Percentiles of more pixels than this are taken from evenly spread ones.
ENOUGH = 4_000_000


@dataclass(frozen=True)
class Intensities:
    """The straight line between an image's intensities and the engine's.

    Nothing is clipped: what lies beyond `low` and `high` lies beyond 0.05 and 0.95. Arithmetic is in float64
    and the engine's numbers are float32, so integers of up to 16 bits that the engine leaves alone come back
    bit for bit, and wider numbers to within float32's precision (6e-8) of the image's range.

    Attributes
    ----------
    low : float
        Image intensity that becomes 0.05.
    high : float
        Image intensity that becomes 0.95. Equal to `low` for a constant image, which becomes 0.5.
    dtype : str
        The image's dtype in native byte order, such as ``"uint16"``.
    """

    low: float
    high: float
    dtype: str

    @classmethod
    def of(cls, image: ArrayLike) -> Intensities:
        """Measure an image. NaN and infinite pixels are missing and don't count.

        `low` and `high` are the ends of the image's intensities, or, where a few outliers stretch those, half
        a range beyond its 0.1 and 99.9 percentiles: one hot pixel must not squash all else.

        Parameters
        ----------
        image : array_like
            At least two pixels of any real dtype, one of them finite.

        Raises
        ------
        TypeError, ValueError
            If it is no image of real numbers, or its numbers are beyond 1e37.

        Examples
        --------
        >>> Intensities.of([[100, 150], [200, 300]])
        Intensities(low=100.0, high=300.0, dtype='int64')
        """
        pixels = np.asarray(image)
        check_image(pixels)
        finite = pixels[np.isfinite(pixels)]
        darkest, brightest = float(finite.min()), float(finite.max())
        if brightest > darkest and max(-darkest, brightest) > LARGEST:
            raise ValueError(
                f"the image has values from {darkest:.3g} to {brightest:.3g}, but nothing beyond {LARGEST:g} "
                "can be computed with: let missing pixels be NaN, or divide the image by a number"
            )
        sample = finite[:: 1 + finite.size // ENOUGH].astype(np.float64)
        bottom, top = (float(p) for p in np.percentile(sample, (0.1, 99.9)))
        margin = (top - bottom) / 2
        low, high = darkest, brightest
        if margin > 0:
            low, high = max(darkest, bottom - margin), min(brightest, top + margin)
            # Few bright specks in a dark field are all that the field is about: they may lie far outside the
            # range of the background, but not so far that the engine couldn't get there.
            high = max(high, low + (brightest - low) / FARTHEST)
            low = min(low, high - (high - darkest) / FARTHEST)
        return cls(low, high, pixels.dtype.newbyteorder("=").name)

    @property
    def unit(self) -> float:
        """Image intensity per engine intensity; 1 for a constant image."""
        return (self.high - self.low) / (HIGH - LOW) if self.high > self.low else 1.0

    @property
    def zero(self) -> float:
        """Image intensity that becomes 0; of a constant image 0.5 below its own."""
        return self.low - (LOW if self.high > self.low else 0.5) * self.unit

    def of_noise(self, noise: Noise | Noises) -> Noise:
        """The image's noise in the engine's units."""
        return noise.of(0).rescaled(self.zero, self.unit)

    def normalise(self, image: ArrayLike) -> NDArray[np.float32]:
        """The image in the engine's units, as float32; missing pixels (NaN, infinite) become NaN."""
        pixels = np.asarray(image).astype(np.float64)
        pixels[~np.isfinite(pixels)] = np.nan
        if self.high == self.low:
            # A constant image has no scale of its own, and keeps only where its missing pixels are.
            return np.where(np.isnan(pixels), np.nan, 0.5).astype(np.float32)
        unit = (pixels - self.low) / (self.high - self.low)
        return np.asarray(LOW + (HIGH - LOW) * unit, dtype=np.float32)

    def restore(self, normalised: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """The engine's numbers back in image units.

        Parameters
        ----------
        normalised : array_like
            In the engine's units.
        dtype : dtype, optional
            What to return; the measured image's dtype by default. Integers are rounded and clipped to what
            the dtype holds, and a missing pixel, which no integer can say, becomes `low`.
        """
        unit = (np.asarray(normalised, dtype=np.float64) - LOW) / (HIGH - LOW)
        pixels = np.asarray(self.low + (self.high - self.low) * unit)
        kind = np.dtype(self.dtype if dtype is None else dtype)
        if kind.kind != "f":
            pixels = np.where(np.isnan(pixels), self.low, pixels)
        return cast(pixels, kind)


def cast(pixels: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return numbers as a dtype; integers are rounded and clipped to what the dtype holds, NaN becomes 0.

    Parameters
    ----------
    pixels : array_like
        Real numbers.
    dtype : dtype
        What to return.
    """
    numbers, kind = np.asarray(pixels), np.dtype(dtype)
    if numbers.dtype == kind:
        return numbers
    if kind.kind == "f":
        limits = np.finfo(kind)
        if numbers.dtype.kind == "f" and np.finfo(numbers.dtype).max <= limits.max:
            return numbers.astype(kind)
        finite = np.clip(numbers, float(limits.min), float(limits.max))
        return np.where(np.isfinite(numbers), finite, numbers).astype(kind)
    if numbers.dtype.kind in "iu" and kind.kind in "iu":
        own, other = np.iinfo(numbers.dtype), np.iinfo(kind)
        return numbers.clip(max(own.min, other.min), min(own.max, other.max)).astype(kind)
    # Of small integers numpy would make float16, which does not reach to the limits of larger ones.
    wide = numbers.dtype.kind == "f" and numbers.dtype.itemsize > 2
    whole = np.rint(np.nan_to_num(numbers, nan=0.0), dtype=None if wide else np.float64)
    if kind.kind == "b":
        return np.asarray(whole >= 1)
    # 64-bit limits aren't float64 numbers, and the cast of the next number up would wrap around.
    lowest, highest = np.iinfo(kind).min, np.iinfo(kind).max
    exact = whole.clip(lowest, highest)
    if kind.itemsize < numbers.dtype.itemsize:  # these limits are such numbers
        return np.asarray(exact.astype(kind))
    beyond = exact >= float(highest)
    return np.where(beyond, kind.type(highest), np.where(beyond, 0, exact).astype(kind))


def dtype_of(dtype: object) -> np.dtype[Any]:
    """Return the dtype that is meant, in native byte order; refuse what isn't one of real numbers.

    Raises
    ------
    TypeError
        If it is none of real numbers.
    """
    kind: np.dtype[Any] | None = None
    with suppress(TypeError, ValueError, SyntaxError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that were numpy's once
        kind = None if isinstance(dtype, bytes) else np.dtype(dtype).newbyteorder("=")  # type: ignore[call-overload]
    if kind is None or kind.kind not in "biuf":
        raise TypeError(f"dtype must be of real numbers, such as float32 or uint16, but is {shown(dtype)}.")
    return kind


def check_image(image: Any) -> None:
    """Refuse what isn't an image of real numbers, in one sentence.

    Parameters
    ----------
    image : array_like or dask array
        The values of a lazy array are not looked at.

    Raises
    ------
    TypeError
        If the pixels are not real numbers.
    ValueError
        If there are fewer than two pixels, or every pixel is missing.
    """
    array = image if hasattr(image, "dtype") and hasattr(image, "shape") else np.asarray(image)
    kind = np.dtype(array.dtype)
    if kind.kind == "c":
        raise TypeError(
            f"the image holds complex numbers ({kind.name}), but a real number is needed for each pixel: "
            "restore its real and imaginary parts, or np.abs(image), one by one"
        )
    if kind.kind not in "biuf":
        raise TypeError(
            f"the image holds {kind.name} values, but a real number is needed for each pixel: "
            "convert it first, as in image.astype(float)"
        )
    shape = tuple(array.shape)
    if np.prod(shape, dtype=float) < 2:
        raise ValueError(
            f"the image has shape {shape}, but at least two pixels are needed: pass a larger region of it"
        )
    if kind.kind == "f" and isinstance(array, np.ndarray) and not np.isfinite(array).any():
        raise ValueError(
            f"none of the {array.size} pixels of the image is a finite number, but at least one is needed: "
            "check how it was loaded or masked"
        )
