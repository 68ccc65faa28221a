"""When to stop, without knowing the truth: the rules there are. Another one is one small class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from napari_dip.engine.components import Range
from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.judging import Judge, Part, StoppingRule, WholeNumber
from napari_dip.engine.problem import Problem

__all__ = ["RULES", "Fixed", "RunningVariance", "Whiteness"]


@dataclass(frozen=True)
class RunningVariance(StoppingRule):
    """Stop at the valley of the iterates' running variance (Wang et al., TMLR 2023, ES-EMV).

    While structure is being fitted the iterates settle; when noise is, they begin to wander.

    Parameters
    ----------
    memory
        Weight of the newest iterate in the running mean and variance.
    start
        Iterations before which no valley counts: the variance also dips while the run warms up.
    patience
        See `StoppingRule`.
    """

    memory: Part = 0.1
    start: WholeNumber = 100
    patience: Annotated[float, Range(0)] = 0.5
    name: ClassVar[str] = "running-variance"

    def begin(self, problem: Problem, generator: torch.Generator) -> Judge:
        return _RunningVarianceJudge(self, problem)


class _RunningVarianceJudge(Judge):
    EVERY = 10  # the variance is followed at each iteration and looked at (a wait, on a GPU) at these

    def __init__(self, rule: RunningVariance, problem: Problem) -> None:
        self.rule, self.seen = rule, problem.weights
        self.mean: Tensor | None = None
        self.variance = torch.zeros((), device=self.seen.device)

    def figure(self, iteration: int, prediction: Tensor, average: Tensor) -> float | None:
        memory = self.rule.memory
        if self.mean is None:
            self.mean = prediction.clone()
            return None
        change = prediction - self.mean
        self.mean.add_(change, alpha=memory)
        self.variance = (1 - memory) * (self.variance + memory * change.square().mean())
        if iteration < self.rule.start or iteration % self.EVERY:
            return None
        return float(self.variance)


# ------------------------------------------------------------------------------------------------ whiteness


@dataclass(frozen=True)
class Whiteness(StoppingRule):
    """Stop where what was taken away looks most like white noise.

    The figure is the sum of the residual's squared autocorrelations at lags 1 to `lags` along each axis:
    too early, structure is left in the residual; too late, the noise that was fitted is missing from it.
    Only for noise that is white itself.

    Parameters
    ----------
    lags
        Largest lag in pixels.
    start
        Iterations before which nothing counts.
    patience
        See `StoppingRule`.
    every
        Iterations between two looks.
    """

    lags: Annotated[int, Range(1, 1000)] = 3
    start: WholeNumber = 50
    patience: Annotated[float, Range(0)] = 0.3
    every: Annotated[int, Range(1)] = 10
    name: ClassVar[str] = "whiteness"

    def begin(self, problem: Problem, generator: torch.Generator) -> Judge:
        return _WhitenessJudge(self, problem)


class _WhitenessJudge(Judge):
    def __init__(self, rule: Whiteness, problem: Problem) -> None:
        self.rule, self.seen, self.y = rule, problem.weights, problem.filled

    def figure(self, iteration: int, prediction: Tensor, average: Tensor) -> float | None:
        if iteration < self.rule.start or iteration % self.rule.every:
            return None
        residual = (self.y - average) * self.seen
        power = residual.square().mean()
        total = torch.zeros_like(power)
        for axis in range(2, residual.ndim):
            for lag in range(1, min(self.rule.lags, residual.shape[axis] - 1) + 1):
                n = residual.shape[axis] - lag
                product = residual.narrow(axis, 0, n) * residual.narrow(axis, lag, n)
                total += (product.mean() / power).square()
        return float(total)


# --------------------------------------------------------------------------------------------------- fixed


@dataclass(frozen=True)
class Fixed(StoppingRule):
    """Stop after a number of iterations, whatever the image looks like then; nothing is held out.

    Parameters
    ----------
    at
        The iteration that is taken for the best. None: the iteration or time limit ends the run, and its last
        average is the result.
    """

    at: Annotated[int, Range(1)] | None = None
    name: ClassVar[str] = "fixed"

    @property
    def patience(self) -> float:  # type: ignore[override]
        """None is needed: there is a single figure."""
        return math.inf if self.at is None else 0.0

    def begin(self, problem: Problem, generator: torch.Generator) -> Judge:
        return _FixedJudge(problem, self.at)


class _FixedJudge(Judge):
    wait, looks = 0, False

    def __init__(self, problem: Problem, at: int | None) -> None:
        self.seen, self.first = problem.weights, at or 0

    def hurry(self, times: int) -> None:
        self.first = max(1, self.first // times) if self.first else 0

    def due(self, iteration: int) -> bool:
        return iteration == self.first

    def figure(self, iteration: int, prediction: Tensor, average: Tensor) -> float | None:
        return 0.0 if self.due(iteration) else None


RULES: dict[str, type[StoppingRule]] = {k.name: k for k in (HeldOut, RunningVariance, Whiteness, Fixed)}
