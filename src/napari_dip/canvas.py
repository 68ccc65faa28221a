"""Where an image of the engine's lies in a picture that was not measured, and what its numbers mean there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from napari_dip.given import refuse_uneven, take
from napari_dip.images.axes import Axes
from napari_dip.images.intensities import cast, check_image, dtype_of
from napari_dip.parts import Index

__all__ = ["Canvas"]

# An image's range is widened by this part of itself, so that no pixel lies where a generator hardly gets.
BEYOND = 0.05


@dataclass(frozen=True)
class Canvas:
    """Where an image of the engine's lies in the result, and what its numbers mean there.

    Parameters
    ----------
    frame
        An array of the result's shape and dtype; of a colour image with opacity, that stays.
    axes
        Which axis is which.
    index
        Where the plane or volume lies.
    limits
        What the engine's 0 and 1 are.
    settings
        What the verbs have to be told to make it again.
    """

    frame: NDArray[Any] = field(repr=False)
    axes: Axes
    index: Index
    limits: tuple[float, float]
    settings: dict[str, Any]

    @classmethod
    def of(
        cls, image: Any, axes: str | None, limits: Sequence[float] | None, dtype: DTypeLike | None
    ) -> Canvas:
        """Return the canvas of a given image, which lies on it."""
        given = take(image, axes)
        array, meaning = np.asarray(given.array), given.meaning()
        check_image(array)
        index = _only(meaning, array.shape)
        part = array[index]
        if not np.isfinite(part).all():
            raise ValueError(
                "some pixels of the image are NaN or infinite, of which a network sees nothing: fill them in "
                "first, as by napari_dip.denoise."
            )
        low, high = float(part.min()), float(part.max())
        around = BEYOND * ((high - low) or 1.0)
        asked = _limits((low - around, high + around) if limits is None else limits)
        said = {"limits": list(asked), "axes": meaning.names, "dtype": _named(dtype)}
        return cls(array, meaning, index, asked, said)

    @classmethod
    def blank(
        cls, shape: Sequence[int], axes: str | None, limits: Sequence[float], dtype: DTypeLike | None
    ) -> Canvas:
        """Return a canvas of a shape, with nothing on it but the middle of the range."""
        refuse_uneven(shape, "shape")
        sides = tuple(np.atleast_1d(np.asarray(shape)).tolist())
        if not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(f"shape must be whole numbers above 0, such as (64, 64), but is {shape!r}.")
        meaning, asked = Axes.of(sides, axes), _limits(limits)
        frame = np.full(sides, sum(asked) / 2, np.float32)
        if meaning.joint_channels and sides[-1] == 4:
            frame[..., 3] = asked[1]  # opaque
        said = {"limits": list(asked), "axes": meaning.names, "dtype": _named(dtype)}
        return cls(frame, meaning, _only(meaning, sides), asked, said)

    def to_engine(self) -> Tensor:
        """Return what lies on the canvas as the engine has it, shape (channels, [Z,] Y, X)."""
        low, high = self.limits
        planes = self.axes.to_engine(self.frame[self.index]).astype(np.float64)
        # As `intensities` has it: whoever sees it sees nothing beyond the limits.
        return torch.from_numpy(((planes.clip(low, high) - low) / (high - low)).astype(np.float32))

    def intensities(self, image: Tensor) -> Tensor:
        """Return an image of the engine's in the user's intensities; nothing lies beyond the limits."""
        low, high = self.limits
        return low + (high - low) * image.clamp(0, 1)

    def filled(self, image: Tensor) -> NDArray[Any]:
        """Return the result, an image of the engine's on the canvas."""
        dtype = np.dtype(self.settings["dtype"] or self.frame.dtype).newbyteorder("=")
        result = cast(self.frame, dtype).copy()
        result[self.index] = cast(self.axes.from_engine(self.intensities(image.double()).numpy()), dtype)
        return result


def _only(axes: Axes, shape: Sequence[int]) -> Index:
    """Return where the one plane or volume lies."""
    runs = axes.runs(shape)
    if len(runs) > 1:
        raise ValueError(
            f"a network sees one image at a time, but shape {tuple(shape)} is {axes.describe(shape)}: "
            'pass one of them, such as image[0]; of a volume say axes="ZYX".'
        )
    return runs[0]


def _named(dtype: DTypeLike | None) -> str | None:
    return None if dtype is None else dtype_of(dtype).name


def _limits(limits: Sequence[float]) -> tuple[float, float]:
    try:
        low, high = map(float, limits)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"limits must be two numbers, the darker first, such as (0, 1), but are {limits!r}.")
    return low, high
