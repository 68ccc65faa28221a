"""Where a job stands, and how long it may take yet."""

from __future__ import annotations

from dataclasses import dataclass

from napari_dip.engine.settings import Settings
from napari_dip.engine.solver import Iterate
from napari_dip.parts import Index

__all__ = ["BAR", "Pace", "Step"]

BAR = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
"""What a progress bar shows where there is nothing to count."""


@dataclass(frozen=True)
class Step:
    """Where a job stands after one iteration.

    Parameters
    ----------
    run, runs
        Which plane or volume is being restored, from 0, and how many there are.
    done
        How many of them are done.
    index
        Where it lies in the array.
    iterate
        The engine's iterate.
    progress
        Part of the job that is done, 0 to 1: an estimate, since the stopping rule decides.
    seconds_left
        Estimate of the time until the end.
    """

    run: int
    runs: int
    done: int
    index: Index
    iterate: Iterate
    progress: float
    seconds_left: float


class Pace:
    """Foresees how long a job takes, by how its runs go.

    Parameters
    ----------
    settings
        The engine's.
    runs
        How many runs there are.
    times
        How many times each of them is done.
    usual
        How many iterations one takes on average, if that is known; else the last one tells what the others
        will take.
    """

    def __init__(self, settings: Settings, runs: int, times: int = 1, usual: float | None = None) -> None:
        self._settings, self._runs, self._times, self._usual = settings, runs, times, usual
        self._took: dict[int, int] = {}  # iterations of the last one that came to its end, by its time
        self._begun = 0.0  # seconds at the end of a run's first iteration

    def step(
        self, run: int, index: Index, it: Iterate, waiting: int, usual: int | None, time: int = 0
    ) -> Step:
        """Return where the job stands.

        Parameters
        ----------
        run, index
            Which run is under way, and where its part lies in the result.
        it
            Its newest iterate.
        waiting
            How many runs come after it.
        usual
            How many iterations the last one took that came to its end, None before there is one.
        time
            How many times the run has been done before.
        """
        settings = self._settings
        if usual is not None:
            self._took[0] = usual
        if it.stopped_by is not None:
            self._took[time] = it.iteration
        # Where a run starts from its neighbour's, not each time may be as short.
        most = settings.iterations + settings.finish
        lengths = [self._usual or self._took.get(i, min(settings.expected, most)) for i in range(self._times)]
        to_come = waiting * self._times + self._times - 1 - time
        later = waiting * sum(lengths) + sum(lengths[time + 1 :])
        expected = min(max(it.last_iteration, lengths[time]), most)
        expected = it.iteration if it.stopped_by is not None else max(expected, it.iteration)
        part = it.iteration / expected
        # The first iteration also waits for the weights, the memory and the threads to be there.
        if it.iteration == 1:
            self._begun = it.seconds
        per_iteration = (it.seconds - self._begun) / max(1, it.iteration - 1) or it.seconds
        left = per_iteration * (expected - it.iteration + later)
        if settings.seconds is not None:
            left = min(left, settings.seconds - it.seconds + to_come * settings.seconds)
            part = max(part, min(1.0, it.seconds / settings.seconds))
        done = self._runs - waiting - 1
        progress = (done + (time + part) / self._times) / self._runs
        return Step(run, self._runs, done, index, it, progress, max(0.0, left))
