"""The thread's side of a run: a job is walked through when it is its turn, with news for the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dip.images.prints import print_of
from napari_dip.viewer.background import Steps
from napari_dip.viewer.cores import Cores

if TYPE_CHECKING:
    from napari_dip.job import Job
    from napari_dip.restoration import Restoration
    from napari_dip.step import Step

__all__ = ["News", "Walk"]

# Seconds from one piece of news to the next, at least.
NEWS_EVERY = 0.05


@dataclass(frozen=True)
class News:
    """What the thread tells the window now and then.

    Parameters
    ----------
    step
        Where the job stands.
    finished
        Which of its parts are done.
    picture
        The whole array so far, when it is time to draw it.
    """

    step: Step
    finished: tuple[int, ...]
    picture: np.ndarray | None


class Walk:
    """A job that is walked through in a thread of its own. It is made, paused and stopped in the main thread.

    Parameters
    ----------
    job
        The job.
    wants_picture
        Tells the thread whether it is time for another picture, at this time of `time.perf_counter`.

    Attributes
    ----------
    job
        The job, None when it is over and has been let go.
    has_turn
        Whether this is the one that computes on its device.
    trace
        (iteration, data term) of the part under way, at the iterations that there was news of.
    figures
        (iteration, figure) of the part under way, at the iterations at which the stopping rule looked.
    result
        The `Restoration` in the end, None if it failed.
    error
        What made it fail, or None.
    seen
        What `print_of` says of the image.
    """

    def __init__(self, job: Job, wants_picture: Callable[[float], bool]) -> None:
        self.job: Job | None = job
        self.has_turn = False
        self.trace: list[tuple[int, float]] = []
        self.figures: list[tuple[int, float]] = []
        self.result: Restoration | None = None
        self.error: Exception | None = None
        self.seen = ""
        self._wants_picture = wants_picture
        self._going = threading.Event()
        self._going.set()
        self._cores = Cores()
        self._turn: threading.Lock | None = None

    # ------------------------------------------------------------------------------------- in the main thread

    def worker(self, stop: Callable[[], object]) -> Steps:
        """Return napari's worker that walks, and yields the news; to have it quit calls `stop`."""
        return _Worker(self, stop)

    @property
    def paused(self) -> bool:
        """Whether it waits to go on."""
        return not self._going.is_set()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop and finishes its last iteration."""
        return self.job is not None and self.job.stopped_by is not None

    @property
    def waits_for_turn(self) -> bool:
        """Whether another one computes, and this one does not."""
        return not self.has_turn and self._turn is not None and self._turn.locked()

    @property
    def spares(self) -> str:
        """What it leaves of the processor unused, and why, or nothing."""
        return str(self._cores)

    def pause(self) -> None:
        """Let the iteration under way end, and no other begin."""
        self._going.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        self._going.set()

    def stop(self) -> None:
        """End after the iteration under way."""
        if self.job is not None:
            self.job.stop()
            self._going.set()

    # --------------------------------------------------------------------------------- in the worker's thread

    def steps(self) -> Iterator[News]:
        """Walk through the job; tell the window by the clock, not by the iteration."""
        job = self.job
        assert job is not None
        try:
            with suppress(Exception):  # what can't be read is told when it is wanted
                self.seen = print_of(job.image)
            if self._take_turn(job):
                yield from self._compute(job)
            # Here, because on a GPU reading the whole history is a long wait.
            self.result = job.result()
        except Exception as error:  # a RuntimeError that got out would end the worker without a word
            self.error = error
        finally:
            self._give_turn()

    def _compute(self, job: Job) -> Iterator[News]:
        news_due = 0.0
        for step in job:
            if step.iterate.iteration == 1:
                self.trace, self.figures = [], []
            if step.iterate.figure is not None:
                self.figures.append((step.iterate.iteration, step.iterate.figure))
            now = time.perf_counter()
            if now >= news_due or self.paused:
                yield self._news(job, step, now)
                news_due = time.perf_counter() + NEWS_EVERY
            if self.paused:
                self._give_turn()
                self._going.wait()
                self._take_turn(job)

    def _news(self, job: Job, step: Step, now: float) -> News:
        self.trace.append((step.iterate.iteration, float(step.iterate.data_term)))
        picture = job.picture() if self._wants_picture(now) else None
        return News(step, job.finished, picture)

    def _take_turn(self, job: Job) -> bool:
        from napari_dip.engine.devices import turn_of

        if self._turn is None:
            self._turn = turn_of(job.engine.device)
        while not job.stopped_by and not self.has_turn:
            self._going.wait()  # who is paused lets others go first
            self.has_turn = self._turn.acquire(timeout=0.05)
            if self.has_turn and self.paused:  # meanwhile
                self.has_turn = False
                self._turn.release()
        if self.has_turn:
            self._cores.take(job.engine.device)
        return self.has_turn

    def _give_turn(self) -> None:
        if self.has_turn and self._turn is not None:
            self.has_turn = False
            self._cores.give()
            self._turn.release()


class _Worker(Steps):
    """napari's worker, which ends by itself soon after the walk is stopped."""

    def __init__(self, walk: Walk, stop: Callable[[], object]) -> None:
        super().__init__(walk.steps)
        self._stop = stop

    def quit(self) -> None:
        """Stop the walk, rather than the worker: what there is so far is kept."""
        self._stop()
