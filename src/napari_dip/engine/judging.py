"""What a stopping rule is, and how its figures end a run.

A `StoppingRule` is a setting. `StoppingRule.begin` looks at the problem once and gives a `Judge`, which says
what of the measurement the fit may see and, from the iterates alone, a figure that is smaller the better the
estimate is. `Patience` turns the figures into "the best so far" and "enough".
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from napari_dip.engine.components import Component, Range
from napari_dip.engine.problem import Problem

__all__ = ["Judge", "Part", "Patience", "StoppingRule", "Unseen", "WholeNumber"]

WholeNumber = Annotated[int, Range(0)]
Part = Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class Unseen:
    """What became of pixels that the fit did not see.

    Parameters
    ----------
    where
        Which pixels of the measurement, as one number each.
    errors
        What an estimate said of them less what was measured there, shape (channels, pixels).
    """

    where: Tensor
    errors: Tensor


class Judge(ABC):
    """A stopping rule at work on one problem.

    Attributes
    ----------
    seen
        Weight of each pixel of the measurement in the fit, shape (1, channels, [Z,] Y, X).
    tolerance
        Part of the figure by which it must fall to count as an improvement worth waiting for.
    wait
        Iterations without improvement that are allowed in any case.
    first
        The iteration from which on that counts.
    looks
        Whether the figures are of the estimate, and not of the iteration alone.
    unseen
        What the last figure was told by; None where no pixels are held out.
    """

    seen: Tensor
    unseen: Unseen | None = None
    tolerance: float = 0.0
    wait: int = 40
    first: int = 0
    looks: bool = True

    def hurry(self, times: int) -> None:
        """Wait so many times less for everything: the run starts from a good estimate."""
        self.wait = max(1, self.wait // times)

    def due(self, iteration: int) -> bool:
        """Whether `figure` is to be asked in this iteration."""
        return True

    def confirmed(self, average: Tensor, correction: Tensor, noisy: bool) -> tuple[float, ...]:
        """Return which part of a correction of the average, 0 to 1, pixels that no fit saw speak for.

        It is one number for all channels, or one for each. Average and correction are given as measurements.
        A `noisy` correction brings with it some of each seen pixel's own noise.
        """
        return (0.0,)

    @abstractmethod
    def figure(self, iteration: int, prediction: Tensor, average: Tensor) -> float | None:
        """Return how bad the average is, smaller being better, or None when it is not due.

        Parameters
        ----------
        iteration
            Counted from 1.
        prediction, average
            The measurement that the last iterate, and the average of the iterates, would give.
        """


class StoppingRule(Component, ABC):
    """When to stop.

    Attributes
    ----------
    patience
        Stop when the figure has not improved for this part of the iterations it took to reach the best.
    """

    patience: float

    @abstractmethod
    def begin(self, problem: Problem, generator: torch.Generator) -> Judge:
        """Return the rule at work on `problem`, whose tensors are on the device."""


class Patience:
    """Follows the figures of a run: which is the best, and when to give up on a better one."""

    def __init__(self, patience: float, tolerance: float = 0.0, wait: int = 40, first: int = 0) -> None:
        self.patience, self.tolerance, self.wait = patience, tolerance, wait
        self.mark = float("inf")  # the figure at the last improvement that was worth waiting for
        self.mark_iteration = first
        self.best = float("inf")
        self.best_iteration = 0
        self.last = 0

    def better(self, iteration: int, figure: float) -> bool:
        """Take the figure of an iteration; return whether it is the best so far."""
        self.last = iteration
        if figure < self.best:
            self.best, self.best_iteration = figure, iteration
            if figure < self.mark - self.tolerance * abs(self.mark) or self.mark == float("inf"):
                self.mark, self.mark_iteration = figure, iteration
            return True
        return False

    @property
    def allowed(self) -> float:
        """Iterations that the run may go on without an improvement worth waiting for."""
        if math.isinf(self.patience):
            return math.inf
        return max(self.wait, self.patience * self.mark_iteration)

    @property
    def exhausted(self) -> bool:
        """Whether the run has gone on for long enough without improvement."""
        return self.last >= self.end

    @property
    def end(self) -> float:
        """The iteration at which the run ends if nothing improves until then."""
        return self.mark_iteration + self.allowed
