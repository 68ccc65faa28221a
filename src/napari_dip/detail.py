"""How smooth a result is to be, chosen when it is there: from smoother than it to the image as it was.

Three pictures are enough for that, and what lies between them: the result, the image that it was made from,
and what is left of that when much more is taken away. No run has to be done again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_dip.engine.components import shown
from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises
from napari_dip.engine.patches import nonlocal_bayes
from napari_dip.images.axes import Axes
from napari_dip.images.intensities import Intensities, cast
from napari_dip.images.noise import structure_in
from napari_dip.images.stains import Stains
from napari_dip.parts import Index

__all__ = ["MOST_BYTES", "Detail", "Plane", "check_detail", "memory_of"]

# At the smooth end the noise is taken to be so many times as strong as it was measured.
STRONGER = 4.0
# All pictures together take no more memory than this; the detail of larger results is chosen beforehand.
MOST_BYTES = 100 * 2**20


def check_detail(detail: Any) -> float:
    """Return a choice of detail as a number.

    Raises
    ------
    ValueError
        If it is none.
    """
    number = isinstance(detail, Real) and not isinstance(detail, bool)
    if not number or not -1 <= float(detail) <= 1:
        raise ValueError(
            f"detail must be a number from -1 (smoothest) to 1 (the image as it was), but is {shown(detail)}."
        )
    return float(detail)


def memory_of(shape: Sequence[int], dtype: np.dtype[Any]) -> int:
    """Return about how many bytes the pictures of a result of this shape and dtype take."""
    return math.prod(shape) * 2 * (dtype.itemsize + _working(dtype).itemsize)


def _working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The numbers in which pixels of a dtype are mixed."""
    return np.dtype(np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64)


@dataclass(frozen=True, eq=False)
class _Way:
    """The way from a result to one of its ends, and how far from the image each step of it leads."""

    change: NDArray[Any]
    along: float  # mean over the known pixels of its product with what was taken away from the image
    square: float  # and with itself

    @classmethod
    def of(cls, change: NDArray[Any], removed: NDArray[Any], known: NDArray[np.bool_]) -> _Way:
        there = change[known]
        products = (np.multiply(there, other, dtype=np.float64) for other in (removed[known], there))
        return cls(change, *(float(product.mean()) for product in products))


@dataclass(frozen=True, eq=False)
class Plane:
    """The pictures of one plane or volume.

    Parameters
    ----------
    index
        Where it lies in the result.
    image
        What it was restored from.
    automatic
        What came of it.
    known
        Which pixels of the image may be looked at.
    axes
        Which axis is which, of the array that it is a part of.
    intensities, noise
        The image's, as they were measured.
    device
        Where to compute.
    residual
        How far `automatic` is from the image, as it was judged.
    """

    index: Index
    image: NDArray[Any] = field(repr=False)
    automatic: NDArray[Any] = field(repr=False)
    known: NDArray[np.bool_] = field(repr=False)
    axes: Axes
    intensities: Intensities | Stains
    noise: Noise | Noises
    device: str
    residual: float | None

    @functools.cached_property
    def _removed(self) -> NDArray[Any]:
        """What was taken away from the image."""
        kind = _working(self.automatic.dtype)
        removed = self.image.astype(kind) - self.automatic.astype(kind)
        return np.asarray(np.where(self.known, removed, 0), dtype=kind)

    @functools.cached_property
    def _back(self) -> _Way:
        """All that was taken away is put back."""
        return _Way.of(self._removed, self._removed, self.known)

    @functools.cached_property
    def _on(self) -> _Way:
        """More is taken away: what similar patches say where the noise is that strong."""
        to_engine, intensities = self.axes.to_engine, self.intensities
        result, image, known = (to_engine(one) for one in (self.automatic, self.image, self.known))
        pilot = torch.from_numpy(intensities.normalise(result))[None].to(self.device)
        noisy = torch.from_numpy(intensities.normalise(image))[None].to(self.device)
        seen = torch.from_numpy(np.ascontiguousarray(known))[None].to(self.device)
        noise = intensities.of_noise(self.noise).times(STRONGER)
        smooth = nonlocal_bayes(torch.where(seen, noisy, pilot), pilot, noise)[0].cpu().numpy()
        kind = _working(self.automatic.dtype)
        change = self.axes.from_engine(intensities.restore(smooth, kind)) - self.automatic.astype(kind)
        return _Way.of(change, self._removed, self.known)

    def _way(self, detail: float) -> _Way:
        return self._back if detail > 0 else self._on

    def at(self, detail: float) -> NDArray[Any]:
        """Return the picture with this much detail, as `Detail.at` does."""
        if detail == 0:
            return self.automatic
        if detail == 1:  # to the last bit
            return np.where(self.known, cast(self.image, self.automatic.dtype), self.automatic)
        change = self._way(detail).change
        mixed = change * change.dtype.type(abs(detail))
        mixed += self.automatic
        return cast(mixed, self.automatic.dtype)

    def residual_at(self, detail: float) -> float | None:
        """Return how far the picture with this much detail is from the image."""
        if detail == 0 or self.residual is None:
            return self.residual
        way, part = self._way(detail), abs(detail)
        return math.sqrt(max(0.0, self._back.square - 2 * part * way.along + part**2 * way.square))

    def removed_at(self, detail: float) -> NDArray[Any]:
        """Return what the picture with this much detail lacks of the image; 0 where nothing is known."""
        if detail == 0:
            return self._removed
        picture = self.at(detail).astype(self._removed.dtype)
        return np.where(self.known, self.image.astype(picture.dtype) - picture, self._removed)

    def structure_at(self, detail: float) -> float:
        """Return how much structure there is in that (`napari_dip.images.noise.structure_in`)."""
        if detail > 0:  # a part of what was taken away is as alike as all of it
            detail = 0
        parts = (self.removed_at(detail), self.automatic, self.known)
        stains = zip(*(self.axes.to_engine(part) for part in parts), strict=True)
        found = [
            structure_in(away, level, self.noise.of(channel), known)
            for channel, (away, level, known) in enumerate(stains)
            if known.any()
        ]
        return float(np.mean(found))

    def prepare(self) -> None:
        """Work out all pictures now."""
        self._way(1)
        self._way(-1)


class Detail:
    """A result's pictures, from smoother than it to the image as it was.

    Parameters
    ----------
    result
        The array that the planes are parts of. What lies in none of them stays as it is.
    planes
        Its planes and volumes.
    """

    def __init__(self, result: NDArray[Any], planes: Sequence[Plane]) -> None:
        self._result, self._planes = result, tuple(planes)

    @property
    def device(self) -> str:
        """Where the pictures are worked out."""
        return self._planes[0].device if self._planes else "cpu"

    def at(self, detail: float) -> NDArray[Any]:
        """Return the picture with this much detail, in the result's dtype, units and axes.

        Parameters
        ----------
        detail
            0 for the automatic choice. Above it, the part of what was taken away from the image that is put
            back: with 1 the picture is the image as it was. Below it, how far the way is gone to the picture
            that is left, at -1, when the noise is taken to be four times as strong as it was measured.
        """
        detail = check_detail(detail)
        picture = self._result.copy()
        for plane in self._planes:
            picture[plane.index] = plane.at(detail)
        return picture

    def residual_at(self, detail: float) -> float | None:
        """Return how far the picture is from the image, root mean square, in the image's units."""
        found = [plane.residual_at(detail) for plane in self._planes]
        numbers = [residual for residual in found if residual is not None]
        return math.sqrt(sum(one**2 for one in numbers) / len(numbers)) if numbers else None

    def removed_at(self, detail: float) -> NDArray[Any]:
        """Return the image less the picture with this much detail, in the image's units, as floats."""
        removed = np.zeros(self._result.shape, _working(self._result.dtype))
        for plane in self._planes:
            removed[plane.index] = plane.removed_at(check_detail(detail))
        return removed

    def structure_at(self, detail: float) -> float:
        """Return how much structure there is in what was taken away: the mean over the planes."""
        return float(np.mean([plane.structure_at(check_detail(detail)) for plane in self._planes]))

    def prepare(self) -> None:
        """Work out all pictures now, so that looking at them takes no time."""
        for plane in self._planes:
            plane.prepare()
