"""A run that goes astray, by a spike or by numbers that are none, steps back and goes on from there."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Footing"]

# Iterations from one look to the next: looking at a number makes a GPU wait.
EVERY = 10
# A fit that leaves so many times more of the measurement unexplained than it did before (5 dB, as in the
# program of the paper's authors) has gone astray ...
ASTRAY = 10**0.5
# ... unless it explains all but this part of what it began with: near nothing, errors go up and down.
LITTLE = 0.01
# Times in a row that it helps to step back. What is not due to chance comes again.
TIMES = 3


class Steppable(Protocol):
    """What can go back to where it was."""

    def state(self) -> dict[str, Any]:
        """Return all that a step changes, to be kept."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""


class Footing:
    """The last sound state of a fit: its weights, the optimiser's memory and the average.

    Parameters
    ----------
    fit
        The fit at its beginning.
    spikes
        Whether a data term that grows is a bad sign. Where what is minimised changes on the way it is none.
    """

    def __init__(self, fit: Steppable, spikes: bool = True) -> None:
        self._fit, self._spikes = fit, spikes
        self._first: float | None = None
        self.renew()

    def renew(self) -> None:
        """Take the state as it is for a sound one, and compare what comes with nothing before it."""
        self._sound, self._usual, self._times = self._fit.state(), math.inf, 0
        self._worst: Tensor | None = None

    def kept(self, iteration: int, data_term: Tensor) -> bool:
        """Take the data term of an iteration; step back where the fit has gone astray since the last look.

        Returns
        -------
        bool
            False where it has stepped back.
        """
        self._worst = data_term if self._worst is None else torch.maximum(self._worst, data_term)
        if iteration % EVERY:
            return True
        worst, self._worst = float(self._worst), None
        if self._first is None and math.isfinite(worst):
            self._first = worst
        tired = self._times == TIMES
        if math.isfinite(worst) and (tired or not self._is_spike(worst)):
            self._sound, self._usual, self._times = self._fit.state(), worst, 0
            return True
        self._times += 1
        self._fit.restore(self._sound)
        return False

    @property
    def lost(self) -> bool:
        """Whether it has stepped back as often as that may help, and came to no numbers each time."""
        return self._times > TIMES

    def _is_spike(self, worst: float) -> bool:
        assert self._first is not None
        # What is excited, and not measured, has data terms below 0, which mean nothing of the kind.
        return self._spikes and self._usual > 0 and worst > max(ASTRAY * self._usual, LITTLE * self._first)
