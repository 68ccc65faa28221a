"""What is remembered of a job's runs, for its record and for the next run's length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from napari_dip.restoration import RECORDED, Past, plain
from napari_dip.step import Step

__all__ = ["History", "root_mean_square"]


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
        # The numbers alone: an iterate would keep its run's whole state in memory. Of a tensor too where that
        # makes nobody wait: thousands of small ones would pin down the memory that is freed around them.
        row = {name: getattr(step.iterate, name) for name in RECORDED}
        if row["data_term"].device.type == "cpu":
            row["data_term"] = float(row["data_term"])
        if step.iterate.iteration == 1:  # a part that is done again comes last
            self.of[step.run] = Past(self.of.pop(step.run, Past()).rows)
        self.of[step.run].rows.append(row)

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
    def residual(self) -> float | None:
        """Root mean square of what the results leave unexplained of the measurement."""
        return root_mean_square([past.residual for past in self._judged])

    @property
    def noise(self) -> float | None:
        """Root mean square of the noise."""
        return root_mean_square([past.noise for past in self._judged])

    def columns(self) -> dict[str, list[Any]]:
        """Return it all as `napari_dip.Restoration.history` has it; on a GPU this is a wait."""
        rows = [{"run": run} | row for run, past in self.of.items() for row in past.rows]
        columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in ("run", *RECORDED)}
        return columns | {name: [_read(value) for value in columns[name]] for name in ("data_term", "figure")}


def _read(value: Any) -> float | None:
    try:
        return plain(value)
    except RuntimeError:  # it lies on a device that has failed
        return None


def root_mean_square(values: Sequence[float | None]) -> float | None:
    """Return that of the numbers among some values; None if there are none."""
    numbers = [value for value in values if value is not None]
    return math.sqrt(sum(value**2 for value in numbers) / len(numbers)) if numbers else None
