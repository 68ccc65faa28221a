"""The image that a job reads, one part after the other, and what is measured of its planes and volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_dip.engine.noises import Noises
from napari_dip.images.axes import Axes
from napari_dip.images.excerpts import Excerpt
from napari_dip.images.intensities import Intensities
from napari_dip.images.noise import Noise, estimate_noise, noise_of
from napari_dip.images.repeats import Drift, Repeated, shift_between
from napari_dip.images.stains import Stains
from napari_dip.parts import Index
from napari_dip.tasks import Task

__all__ = ["Measured", "Source"]


@dataclass(frozen=True)
class Measured:
    """What was measured of a plane or volume, and for which task."""

    of: tuple[Index, Task]
    intensities: Intensities | Stains
    noise: Noise | Noises
    level: float  # of the noise, at the mean intensity; of stains the root mean square
    apart: tuple[float, ...] | None = (
        None  # how far two captures lie apart, in pixels along each spatial axis
    )


@dataclass(frozen=True)
class Source:
    """An image that is read part by part, from memory, a file, or wherever a lazy array gets it.

    Parameters
    ----------
    image
        The array.
    axes
        Which axis is which.
    neighbours
        How many planes on each side of each plane go with it.
    """

    image: Any
    axes: Axes
    neighbours: int = 0

    def __post_init__(self) -> None:
        axes = self.axes
        coloured = axes.joint_channels and not axes.stains
        if self.neighbours and (len(axes.spatial) != 2 or coloured or not axes.stack):
            raise ValueError(
                f"neighbours={self.neighbours} is for a stack that is restored plane by plane, but this is "
                f"{axes.describe(self.shape)}. Leave it out, or name the axes otherwise."
            )

    @property
    def company(self) -> int:
        """How many planes or volumes go with each."""
        axis = self.along
        return 0 if axis is None else min(2 * self.neighbours, len(self._reach(axis)) - 1)

    @property
    def channels(self) -> int:
        """How many channels a run of the engine has, with those of what goes with a plane."""
        axes = self.axes
        own = 1
        if axes.joint_channels and axes.channel is not None:
            own = self.shape[axes.channel] if axes.stains else 3
        return own * (1 + self.company)

    @property
    def along(self) -> int | None:
        """The axis along which the neighbours lie: the last of the stack's that has several planes."""
        return max((axis for axis in self.axes.stack if len(self._reach(axis)) > 1), default=None)

    def _reach(self, axis: int) -> range:
        """Return which numbers along an axis there is a plane at; of some planes also those beside them."""
        return self.image.reach(axis) if isinstance(self.image, Excerpt) else range(self.shape[axis])

    def beside(self, index: Index) -> list[Index]:
        """Return where a part lies, and then the same part of what goes with it.

        Near the ends of the stack further planes on the other side take the place of those that are not
        there. None comes twice: from two copies of one plane's noise a generator learns that noise.
        """
        axis = self.along
        if not self.neighbours or axis is None:
            return [index]
        at = index[axis]
        assert isinstance(at, int)
        there = self._reach(axis)
        reach = range(max(there.start, at - self.company), min(there.stop, at + self.company + 1))
        others = sorted(set(reach) - {at}, key=lambda other: (abs(other - at), other))
        nearest = others[: self.company]
        away = range(1, self.neighbours + 1)
        usual = [at + side * far for far in away for side in (-1, 1)]
        spare = [other for other in nearest if other not in usual]
        if len(nearest) == len(usual):  # each in its place, as a plane's network serves the next one too
            nearest = [other if other in nearest else spare.pop(0) for other in usual]
        return [index, *((*index[:axis], other, *index[axis + 1 :]) for other in nearest)]

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """Return a part of the image.

        Raises
        ------
        OSError
            If it can't be read, or is not what the image said that it would be.
        """
        try:
            block = np.asarray(self.image[index])
        except MemoryError:
            raise
        except Exception as error:  # each kind of array has its own
            if isinstance(error, OSError) and error.errno is None:
                raise  # a sentence of `napari_dip.images.files`
            raise OSError(
                f"{self.name(index)} can't be read: {_sentence(error)} Check where the image comes from, or "
                "leave this part out."
            ) from error
        shape = tuple(
            len(range(*i.indices(size)))
            for i, size in zip(index, self.shape, strict=True)
            if isinstance(i, slice)
        )
        for what, got, expected in (("shape", block.shape, shape), ("type", block.dtype, self.image.dtype)):
            if got != expected:
                raise OSError(
                    f"{self.name(index)} has the {what} {got}, but the image said {expected}. Was it changed "
                    "meanwhile, or put together from images that differ? Make them alike, and start again."
                )
        return block

    @property
    def shape(self) -> tuple[int, ...]:
        """The image's shape."""
        return tuple(self.image.shape)

    def measure(self, index: Index, task: Task, noise: Noise | None) -> Measured:
        """Measure a plane or volume, all its tiles together, by what is known of it."""
        block = self[index]
        known = task.known(block, index)
        if not known.all():
            block = np.where(known, block, np.nan)
        block = self.axes.to_engine(block)
        intensities = Intensities.of(block)  # refuses what nothing can be computed with
        middle = len(block) // 2  # one channel stands for the three of a colour image: this one is green
        halves: Sequence[NDArray[Any] | None] = [None] * len(block)
        shift = None
        image, where = self.image, index
        if isinstance(image, Excerpt):
            image, where = image.array, image.place(index)
        if isinstance(image, Repeated):
            apart = self.axes.to_engine(image.apart(where))
            halves = list(np.where(np.isfinite(block), apart, np.nan))
            mean = block[middle].astype(np.float64)
            shift = shift_between(mean + halves[middle], mean - halves[middle])

        def noise_in(channel: int) -> Noise:
            return noise or _noise_in(block[channel], halves[channel])

        if self.axes.stains:
            each = tuple(noise_in(channel) for channel in range(len(block)))
            levels = [_level(own, pixels) for own, pixels in zip(each, block, strict=True)]
            there = [one**2 for one, pixels in zip(levels, block, strict=True) if np.isfinite(pixels).any()]
            mean_level = math.sqrt(sum(there) / len(there))
            stains = Stains.of(block, levels)
            return Measured((index, task), stains, Noises(each), mean_level, shift)
        of_all = noise_in(middle)
        return Measured((index, task), intensities, of_all, _level(of_all, block), shift)

    def name(self, index: Index) -> str:
        """Return what a part of the image is called, to begin a sentence with."""
        kind = "plane" if len(self.axes.spatial) == 2 else "volume"
        where = self.image.place(index) if isinstance(self.image, Excerpt) else index
        place = [f"{name} {i}" for name, i in zip(self.axes.names, where, strict=True) if isinstance(i, int)]
        place = [text.removeprefix("Q ") for text in place]
        return f"{kind} {', '.join(place)} of the image" if place else "the image"


def _level(noise: Noise, pixels: NDArray[Any]) -> float:
    """Return the noise's standard deviation at the mean of the pixels that are known."""
    known = pixels[np.isfinite(pixels)]
    return math.sqrt(float(noise.variance(known.mean(dtype=np.float64)))) if known.size else 0.0


def _noise_in(mean: NDArray[Any], half: NDArray[Any] | None) -> Noise:
    """Measure the noise of a channel, by what two captures of it differ by if there are two."""
    if not np.isfinite(mean).any():
        return Noise(0.0, 0.0, 0.0)
    if half is not None:
        mean = mean.astype(np.float64)
        left = Drift.between(mean, half).taken_from(mean, half)
        with suppress(ValueError):  # so little is known in both that one alone says more
            return noise_of([(mean, np.where(np.isfinite(half), left, np.nan))])
    return estimate_noise(mean)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else text + "."
