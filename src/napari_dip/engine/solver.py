"""THE loop: fit a generator to one measurement, and say after each iteration where the fit stands.

Everything that restores an image, in a blocking call, in a thread of the viewer, on the command line or in
a benchmark, asks `iterate` for `Iterate` after `Iterate`.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from napari_dip.engine.devices import choose_device, choose_precision
from napari_dip.engine.fit import WATCHED, Fit, stream
from napari_dip.engine.footing import Footing
from napari_dip.engine.heap import kept
from napari_dip.engine.judging import Patience, Unseen
from napari_dip.engine.neighbours import Neighbour
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings

__all__ = ["Iterate", "iterate", "resolve"]

# A run that starts from a neighbour's weights waits this many times less for an improvement: it begins where
# others end, and from there on takes up noise.
WARM = 10


@dataclass(frozen=True)
class Iterate:
    """Where a run stands after one iteration.

    It is light: images are made only when they are asked for.

    Parameters
    ----------
    iteration
        Counted from 1.
    seconds
        Time spent computing so far. Time between two iterations, such as a pause, does not count.
    figure
        The stopping rule's figure, smaller being better; None in iterations in which it did not look.
    best_iteration
        The iteration whose estimate is the best so far by the rule's figures; 0 before the first figure.
    last_iteration
        The iteration at which the run will end unless a better estimate comes: a lower bound.
    data_term
        Mean data term over the pixels that the fit sees, a tensor without axes: reading it as a number
        waits for the device.
    stopped_by
        ``"stopping rule"``, ``"iteration limit"``, ``"time limit"`` or ``"divergence"`` when the run has
        come to its end with this iterate; else None.
    warm
        Whether the run started from a neighbour's weights.
    """

    iteration: int
    seconds: float
    figure: float | None
    best_iteration: int
    last_iteration: int
    stopped_by: str | None
    data_term: Tensor = field(repr=False)
    warm: bool
    _fit: Fit = field(repr=False)

    def estimate(self) -> Tensor:
        """Return the current average of the iterates, shape (channels, [Z,] Y, X), float32, on the CPU."""
        return self._fit.estimate[0].cpu()

    def best(self) -> Tensor:
        """Return the best estimate so far, as `estimate` does: what to keep if the run ends here."""
        return self._fit.best[0].cpu()

    def settled(self) -> Tensor:
        """Return, as `estimate` does, what the run would come to if its rule ended it here with no finish."""
        return self._fit.settled(self.warm)[0].cpu()

    @property
    def unseen(self) -> Unseen | None:
        """What the best estimate said of the pixels that the rule held out, before it was shown them.

        None where there are none, or the rule has not looked yet.
        """
        return self._fit.unseen

    def neighbour(self) -> Neighbour:
        """Return what another run may start from."""
        return self._fit.neighbour()

    def residuals(self) -> list[float]:
        """Return the mean squares over each channel's known pixels of what the best estimate leaves of it."""
        return self._fit.residuals().tolist()


def resolve(settings: Settings) -> Settings:
    """Return `settings` with the device and the precision that a run here would use."""
    device = choose_device(settings.device)
    precision = settings.precision
    if precision == "auto":
        precision = choose_precision(device, torch.get_num_threads())
    return replace(settings, device=str(device), precision=precision)


def iterate(
    problem: Problem, settings: Settings, neighbour: Neighbour | None = None
) -> Generator[Iterate, Problem | None, None]:
    """Fit a generator to `problem`; yield after every iteration.

    The run ends with the iterate whose ``stopped_by`` is set. Close the iterator to stop earlier, don't ask
    to pause. Another problem with the same image behind it, such as one in which other pixels are missing,
    may be sent (``run.send(problem)``) instead of asking for the next iterate: the run goes on from where it
    is.

    Parameters
    ----------
    problem
        The measurement and how it was made.
    settings
        How to solve it.
    neighbour
        What a run with the same settings left behind (`Iterate.neighbour`). Where it resembles the problem,
        the run starts from its weights, and needs few iterations. A run that is to find a penalty's weight
        has to go all the way.

    Raises
    ------
    ValueError
        If the settings can't be used here, such as an unknown device.
    MemoryError
        If the run would not fit in the device's memory.

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020.
    """
    clock = _Clock()
    settings = resolve(settings)
    fit = Fit(problem, settings)
    warm = False
    if neighbour is not None and not settings.penalty.sought and fit.resembles(neighbour):
        fit.start_from(neighbour)
        warm = True
    finish = settings.finish // 2 if warm else settings.finish
    footing = Footing(fit, spikes=not settings.penalty.sought)
    iteration, limit, finished, stopped_by = 0, settings.iterations, None, None
    changed: Problem | None = problem

    with kept(fit.device):
        while stopped_by is None:
            if changed is not None:
                if iteration:
                    fit.take(changed)
                    footing.renew()
                    if finished is not None:  # it was nearly over, perhaps beyond the limit
                        limit = iteration + settings.iterations
                # The same random numbers: what is watched stays the same, as far as it is still known.
                judge = settings.stopping.begin(fit.problem, stream(settings.seed, WATCHED))
                if warm:
                    judge.hurry(WARM)
                patience = Patience(settings.stopping.patience, judge.tolerance, judge.wait, judge.first)
                finished = None
                if not iteration and neighbour is not None and warm and fit.trust(neighbour):
                    finished = min(fit.steps, settings.iterations)
                else:
                    fit.show(judge.seen)
            iteration += 1
            data_term = fit.step(iteration)
            sound = footing.kept(iteration, data_term)
            figure, last = None, finished
            if finished is None:
                if judge.due(iteration) and (sound or not judge.looks):
                    figure = fit.judged(judge, iteration)
                if figure is not None and patience.better(iteration, figure):
                    fit.keep(judge.unseen)
                stopped_by = _why_stop(settings, iteration, limit, clock.seconds)
                last = int(min(limit, patience.end)) + finish
                if patience.exhausted:
                    # What the held-out pixels know is not wasted: go on from the best, with all of them.
                    finished = iteration + finish
                    fit.go_back()
                    fit.learn()
                    fit.show(fit.problem.weights)
                    footing.renew()
            if footing.lost:
                stopped_by = "divergence"
            elif iteration == finished:
                stopped_by = "stopping rule"
                fit.settle(warm)
            elif finished is not None and _late(settings, clock.seconds):
                stopped_by = "time limit"
            with clock.paused():
                changed = yield Iterate(
                    iteration,
                    clock.seconds,
                    figure,
                    patience.best_iteration,
                    last if last is not None else iteration,
                    stopped_by,
                    data_term,
                    warm,
                    fit,
                )


def _why_stop(settings: Settings, iteration: int, limit: int, seconds: float) -> str | None:
    if iteration >= limit:
        return "iteration limit"
    return "time limit" if _late(settings, seconds) else None


def _late(settings: Settings, seconds: float) -> bool:
    return settings.seconds is not None and seconds >= settings.seconds


class _Clock:
    """Seconds since it was made, without the pauses."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @contextmanager
    def paused(self) -> Iterator[None]:
        before = time.perf_counter()
        yield
        self.start += time.perf_counter() - before
