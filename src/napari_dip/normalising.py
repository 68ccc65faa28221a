"""What is done to an image before a network sees it: nothing, a mean and a standard deviation, or a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from napari_dip.canvas import Canvas

__all__ = ["Normalise", "refuse_other_units", "said_of", "shown_by"]

Normalise = Callable[[Tensor], Tensor] | Sequence[ArrayLike] | None

# An image whose pixels are so many standard deviations off is in other units than they are.
FAR = 30.0


def shown_by(canvas: Canvas, normalise: Normalise) -> Callable[[Tensor], Tensor]:
    """Return what the network is given of an image of the engine's."""
    if normalise is None:
        return canvas.intensities
    if callable(normalise):
        return lambda image: _checked(normalise(canvas.intensities(image)))
    channels, dims = canvas.to_engine().shape[0], len(canvas.axes.spatial)
    mean, std = (torch.tensor(part).view(1, -1, *(1,) * dims) for part in _pair(normalise, channels))
    return lambda image: (canvas.intensities(image) - mean.to(image)) / std.to(image)


def _pair(normalise: Any, channels: int) -> tuple[list[float], list[float]]:
    """Return the means and the standard deviations."""
    try:
        mean, std = (np.atleast_1d(np.asarray(part, float)) for part in normalise)
        good = mean.ndim == std.ndim == 1 and bool(np.isfinite([*mean, *std]).all() and (std > 0).all())
        good = good and len({mean.size, std.size, 1, *([channels] if channels > 1 else [])}) <= 2
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            "normalise must be (mean, std), numbers or a number each for every channel "
            f"({channels} here) with std above 0, or a callable, but is {normalise!r}."
        )
    return mean.tolist(), std.tolist()


def _checked(given: Any) -> Tensor:
    if not isinstance(given, Tensor):
        raise TypeError(
            f"normalise must return a torch tensor, but returned a {type(given).__name__}: make it of "
            "torch's functions."
        )
    return given


def refuse_other_units(canvas: Canvas, normalise: Normalise) -> None:
    """Refuse a mean and a standard deviation that can't be those of images like the given one."""
    if normalise is None or callable(normalise):
        return
    off = float(shown_by(canvas, normalise)(canvas.to_engine()[None]).abs().median())
    if off > FAR:
        raise ValueError(
            f"by normalise={normalise!r} most pixels are more than {off:.0f} standard deviations off: give "
            "both in the image's own intensities, or change those, as by image / 255."
        )


def said_of(normalise: Normalise) -> Any:
    """Return what settings say of it: of a callable its name, by which nobody can find it."""
    if normalise is None:
        return None
    if callable(normalise):
        return getattr(normalise, "__qualname__", type(normalise).__name__)
    return [np.asarray(part, float).tolist() for part in normalise]
