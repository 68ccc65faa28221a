"""What is remembered of a job's runs, for its record and for the next run's length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from napari_dip.engine.solver import Iterate
from napari_dip.restoration import RECORDED, plain
from napari_dip.step import Step

__all__ = ["History", "Past", "root_mean_square"]

# Ways in which a run ends before its stopping rule ends it, the worst first.
CUT_OFF = ("divergence", "time limit", "iteration limit")


@dataclass
class Past:
    """What is remembered of the run of a part.

    Attributes
    ----------
    rows
        What is taken down of each iteration.
    residual, noise
        How far the result is from the measurement, and the noise; None before the run has come to its end.
    ended
        What ended the run, as `napari_dip.Restoration.stopped_by` says it; None before.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    residual: float | None = None
    noise: float | None = None
    ended: str | None = None

    @property
    def length(self) -> int:
        """Iterations that the run took."""
        return int(self.rows[-1]["iteration"])

    def take_down(self, iterate: Iterate) -> None:
        """Remember where the run stands, without waiting for its device."""
        # The numbers alone: an iterate would keep its run's whole state in memory. Of a tensor too where that
        # makes nobody wait: thousands of small ones would pin down the memory that is freed around them.
        row = {name: getattr(iterate, name) for name in RECORDED}
        if row["data_term"].device.type == "cpu":
            row["data_term"] = float(row["data_term"])
        self.rows.append(row)
        self.ended = iterate.stopped_by

    def read(self) -> list[dict[str, Any]]:
        """Return the rows as plain JSON; what lies on a GPU is waited for, all of it at once."""
        there = [row for row in self.rows if isinstance(row["data_term"], torch.Tensor)]
        if there:
            try:
                numbers = torch.stack([row["data_term"] for row in there]).tolist()
            except RuntimeError:  # the device has failed
                numbers = [None] * len(there)
            for row, number in zip(there, numbers, strict=True):
                row["data_term"] = number
        return [row | {name: plain(row[name]) for name in ("data_term", "figure")} for row in self.rows]


class History:
    """What became of each run.

    Attributes
    ----------
    of
        The `Past` of each run that has begun, in the order in which they were restored last.
    """

    def __init__(self) -> None:
        self.of: dict[int, Past] = {}

    def take_down(self, step: Step) -> None:
        """Remember where a run stands."""
        if step.iterate.iteration == 1:  # a part that is done again comes last
            self.of[step.run] = Past(self.of.pop(step.run, Past()).rows)
        self.of[step.run].take_down(step.iterate)

    def among(self, runs: Sequence[int]) -> dict[int, Past]:
        """Return what is remembered of some runs."""
        return {run: self.of[run] for run in runs if run in self.of}

    @property
    def _judged(self) -> list[Past]:
        return [past for past in self.of.values() if past.residual is not None]

    @property
    def usual(self) -> int | None:
        """Iterations of the last run that has come to its end; None before there is one."""
        judged = self._judged
        return judged[-1].length if judged else None

    @property
    def mean_length(self) -> float | None:
        """Iterations that the runs that have come to their end took on average; None before there is one."""
        judged = self._judged
        return sum(past.length for past in judged) / len(judged) if judged else None

    @property
    def residual(self) -> float | None:
        """Root mean square of what the results leave unexplained of the measurement."""
        return root_mean_square([past.residual for past in self._judged])

    @property
    def noise(self) -> float | None:
        """Root mean square of the noise."""
        return root_mean_square([past.noise for past in self._judged])

    @property
    def ended(self) -> str | None:
        """What ended the runs; of several ways that which a user would want to know of."""
        ways = [past.ended for past in self.of.values() if past.ended is not None]
        return next((way for way in CUT_OFF if way in ways), ways[-1] if ways else None)

    def columns(self) -> dict[str, list[Any]]:
        """Return it all as `napari_dip.Restoration.history` has it; on a GPU this is a wait."""
        rows = [{"run": run} | row for run, past in self.of.items() for row in past.read()]
        return {name: [row[name] for row in rows] for name in ("run", *RECORDED)}


def root_mean_square(values: Sequence[float | None]) -> float | None:
    """Return that of the numbers among some values; None if there are none."""
    numbers = [value for value in values if value is not None]
    return math.sqrt(sum(value**2 for value in numbers) / len(numbers)) if numbers else None
