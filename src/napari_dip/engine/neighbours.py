"""A run may start from the weights of one that restored much the same: the frame, the slice before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_dip.engine.filters import gaussian_blur
from napari_dip.engine.problem import Problem

__all__ = ["Neighbour"]

# Two pictures show much the same where they correlate by this much once their noise is blurred away.
SAME = 0.6
BLUR = 2.0  # pixels


@dataclass(frozen=True)
class Neighbour:
    """What a run leaves behind for the next one.

    Parameters
    ----------
    weights
        The generator's.
    prediction
        The measurement that the run's result would give, shape (1, channels, [Z,] Y, X).
    parts
        How much of each correction the run made by what it found out on held-out pixels: one number for all
        channels, or one for each.
    age
        Runs since that was found out.
    planes
        How many planes of a volume farther on the next run's part begins, which shares the others.
    """

    weights: Mapping[str, Tensor]
    prediction: Tensor
    parts: tuple[tuple[float, ...], ...] = ()
    age: int = 0
    planes: int = 0

    def resembles(self, problem: Problem) -> bool:
        """Whether a problem's measurement shows much the same.

        A scene that has changed, or a plane with nothing but noise in it, does not.
        """
        if self.prediction.shape != problem.filled.shape:
            return False
        before, filled, weights = self.prediction.to(problem.filled.device), problem.filled, problem.weights
        if self.planes:
            before = _some(before, self.planes)
            filled, weights = (_some(image, -self.planes) for image in (filled, weights))
        if not filled.numel():
            return False
        seen = weights > 0
        pair = [gaussian_blur(image, BLUR)[seen] for image in (before, filled)]
        return bool(torch.corrcoef(torch.stack(pair))[0, 1] > SAME)


def _some(image: Tensor, plane: int) -> Tensor:
    """Return a volume from one of its planes on, or without as many at its end as the number is below 0."""
    return image[..., plane:, :, :] if plane > 0 else image[..., :plane, :, :]
