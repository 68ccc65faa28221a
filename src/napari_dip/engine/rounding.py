"""When to stop where JPEG has rounded the picture: when what is left of it is as large as that makes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from napari_dip.engine.components import Range
from napari_dip.engine.judging import Judge, StoppingRule, WholeNumber
from napari_dip.engine.problem import Problem

__all__ = ["Rounding"]


@dataclass(frozen=True)
class Rounding(StoppingRule):
    """Stop when the average differs from the measurement as much as rounding asks for.

    A number that is rounded to a step is off by a twelfth of the step squared, in the mean. An estimate
    differs less from what was rounded than the truth does, as it has taken up a part of the error. Only the
    cosines that were not rounded to nothing are looked at.

    Parameters
    ----------
    left
        The mean squared difference, in squared steps, at which the average is taken to be best.
    otherwise
        The iteration that is taken for the best where nothing is known of the rounding.
    patience
        See `StoppingRule`.
    every
        Iterations between two looks.
    """

    left: Annotated[float, Range(0, but=0)] = 0.05
    otherwise: WholeNumber = 350
    patience: Annotated[float, Range(0)] = 0.1
    every: Annotated[int, Range(1)] = 5
    name: ClassVar[str] = "rounding"

    def begin(self, problem: Problem, generator: torch.Generator) -> Judge:
        return _RoundingJudge(self, problem)


class _RoundingJudge(Judge):
    wait = 60

    def __init__(self, rule: Rounding, problem: Problem) -> None:
        self.rule, self.seen, self.y = rule, problem.weights, problem.filled
        self.steps: Tensor | None = None
        side = 8
        if problem.quantised is None or any(
            size - begins < side
            for size, begins in zip(self.y.shape[2:], problem.quantised.start, strict=True)
        ):
            return
        steps = torch.tensor(problem.quantised.steps, device=self.y.device)
        waves = torch.arange(side, device=self.y.device)
        cosines = torch.cos(math.pi / side * (waves + 0.5) * waves[:, None]) * math.sqrt(2 / side)
        cosines[0] /= math.sqrt(2)
        self.cosines, self.start, self.side = cosines, problem.quantised.start, side
        stored = self._blocks(self.y) / steps
        # The mean of a block says nothing of where 0 was.
        self.told = (stored.abs() > 0.5) & (torch.arange(side**2, device=steps.device) > 0).view(side, side)
        if self.told.any():
            self.steps = steps

    def due(self, iteration: int) -> bool:
        return iteration % self.rule.every == 0

    def figure(self, iteration: int, prediction: Tensor, average: Tensor) -> float | None:
        if not self.due(iteration):
            return None
        if self.steps is None:
            return float(abs(iteration - self.rule.otherwise))
        left = (self._blocks(average - self.y) / self.steps)[self.told].square().mean()
        return abs(math.log(max(float(left), 1e-12) / self.rule.left))

    def _blocks(self, image: Tensor) -> Tensor:
        """Return the cosines of the whole blocks, (1, channels, down, across, 8, 8)."""
        blocks = image[..., self.start[0] :, self.start[1] :]
        blocks = blocks.unfold(2, self.side, self.side).unfold(3, self.side, self.side)
        return self.cosines @ blocks @ self.cosines.mT
