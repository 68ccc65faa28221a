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
    """

    weights: Mapping[str, Tensor]
    prediction: Tensor
    parts: tuple[tuple[float, ...], ...] = ()
    age: int = 0

    def resembles(self, problem: Problem) -> bool:
        """Whether a problem's measurement shows much the same.

        A scene that has changed, or a plane with nothing but noise in it, does not.
        """
        if self.prediction.shape != problem.filled.shape:
            return False
        seen = problem.weights > 0
        before = self.prediction.to(problem.filled.device)
        pair = [gaussian_blur(image, BLUR)[seen] for image in (before, problem.filled)]
        return bool(torch.corrcoef(torch.stack(pair))[0, 1] > SAME)
