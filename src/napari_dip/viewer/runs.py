"""One live run: a job walked through in napari's worker, its picture in a layer, its handle in your hands."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from napari.layers import Image
from napari.qt.threading import GeneratorWorker
from napari.utils.notifications import notification_manager, show_error, show_warning
from psygnal import Signal
from qtpy.QtCore import QEventLoop, QTimer

from napari_dip.engine.devices import TURN
from napari_dip.given import KEY
from napari_dip.job import Job, Step
from napari_dip.restoration import Restoration
from napari_dip.viewer.layers import AFTERWARDS, provenance, result_layer, unwrap

__all__ = ["RUNS", "News", "Run", "live_run"]

# Seconds from one piece of news to the next, and from one picture to the next, at least.
NEWS_EVERY = 0.05
PICTURE_EVERY = 0.25
# Drawing takes at most this part of the time: it and torch fight for the processor's cores.
DRAWING_PART = 0.05
# What is wrong with the input comes as one of these, with a sentence for the user.
EXPECTED = (ValueError, TypeError, MemoryError)


@dataclass(frozen=True)
class News:
    """What the worker tells the window now and then.

    Parameters
    ----------
    step
        Where the job stands.
    data_term
        The step's data term, already read from the device.
    picture
        The whole array so far, when it is time to draw it.
    """

    step: Step
    data_term: float
    picture: np.ndarray | None


class Run:
    """A live run in a viewer. Make and use it in the main thread.

    The run starts at once. Its result grows in a new layer; the source layer's data are never changed.
    Whatever happens to the layers or the window meanwhile, `result` has all in the end.

    Parameters
    ----------
    viewer
        Where the source layer is.
    source
        The layer that is restored.
    job
        The planned restoration of the layer's data.
    then
        What to do with the window when it has finished, a key of `napari_dip.viewer.layers.AFTERWARDS`.

    Attributes
    ----------
    updated : psygnal.Signal
        Emitted in the main thread some times a second while there is news, and on pause and resume.
    finished : psygnal.Signal
        Emitted in the main thread when the run is `done`.
    source, layer
        The source's layer, and the result's, None before the first picture.
    task
        What is done, ``"denoise"``, ``"inpaint"`` or ``"super-resolve"``.
    trace
        (iteration, data term) of the plane under way, at the iterations that there was news of.
    figures
        (iteration, figure) of the plane under way, at the iterations at which the stopping rule looked.
    rule
        The stopping rule's name.
    step
        Where the run stands, None before the first iteration.
    result
        The `Restoration`, None before the run is done and if it failed.
    error
        What made the run fail, or None.
    """

    updated: ClassVar[Signal] = Signal()
    finished: ClassVar[Signal] = Signal()

    def __init__(self, viewer: Any, source: Image, job: Job, *, then: str = "keep both") -> None:
        self._viewer: Any = unwrap(viewer)
        self.source, self.task = unwrap(source), job.task.name
        self.layer: Image | None = None
        self.trace: list[tuple[int, float]] = []
        self.figures: list[tuple[int, float]] = []
        self.step: Step | None = None
        self.result: Restoration | None = None
        self.error: Exception | None = None
        self.rule, self._usual_length = job.engine.stopping.name, job.engine.expected
        self._job: Job | None = job
        self._then = AFTERWARDS[then]
        self._time_left = _TimeLeft()
        self._going = threading.Event()
        self._going.set()
        self._has_turn = False
        self._picture_due = 0.0
        self._window = _Window(self)
        self._look()
        self._viewer.dims.events.current_step.connect(self._look)
        self._worker: _Worker | None = _Worker(self)
        self._worker.yielded.connect(self._on_news)
        self._worker.finished.connect(self._on_finished)
        _LIVE.append(self)
        self._worker.start()
        RUNS.begun.emit(self)

    # -------------------------------------------------------------------------------------------- the handle

    @property
    def done(self) -> bool:
        """Whether the run has come to its end, and its layer shows the result."""
        return self._worker is None

    @property
    def paused(self) -> bool:
        """Whether the run waits to be resumed."""
        return not self.done and not self._going.is_set()

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop and finishes its last iteration."""
        return self._job is not None and self._job.stopped_by is not None

    @property
    def waiting(self) -> bool:
        """Whether another run computes, and this one begins when that has ended or pauses."""
        return not self.done and self.step is None and not self._has_turn and TURN.locked()

    @property
    def progress(self) -> float:
        """Part of the work that is done, 0 to 1, an estimate that never goes back."""
        return 1.0 if self.done else self._time_left.progress

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the time left, or None before there is one."""
        return self._time_left.seconds

    @property
    def past_its_usual_length(self) -> bool:
        """Whether the run has taken longer than runs usually do and still improves."""
        step = self.step
        return step is not None and step.runs == 1 and step.iterate.last_iteration > self._usual_length

    def is_in(self, viewer: Any) -> bool:
        """Whether the run is live in `viewer`."""
        return self._viewer is unwrap(viewer)

    def pause(self) -> None:
        """Let the iteration under way end, and no other begin."""
        if not self.done and not self.stopping:
            self._going.clear()
            self.updated.emit()

    def resume(self) -> None:
        """Go on after a pause."""
        self._time_left.go_on()
        self._going.set()
        self.updated.emit()

    def stop(self) -> None:
        """End the run after the iteration under way and keep its best estimate."""
        if self._job is not None:
            self._job.stop()
            self._going.set()
            self.updated.emit()

    def change_mask(self, mask: np.ndarray) -> None:
        """Fill in other pixels from the next iteration on, and go on from where the run is.

        Parameters
        ----------
        mask
            True where a pixel is to be filled in, of the image's shape without its colours; it is copied.
        """
        if self._job is not None and self._job.change_mask(mask) and self.layer is not None:
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def wait(self) -> Restoration:
        """Wait for the end, keep the window alive meanwhile, and return the result.

        Raises
        ------
        ValueError, TypeError, MemoryError
            If the run failed.
        """
        if not self.done:
            loop = QEventLoop()
            self.finished.connect(loop.quit, check_nargs=False)
            loop.exec()
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result

    def __repr__(self) -> str:
        state = "failed" if self.error else "done" if self.done else "paused" if self.paused else "live"
        return f"<Run: {self.task} {self.source.name!r}, {state}, {self.progress:.0%}>"

    # --------------------------------------------------------------------------------- in the worker's thread

    def _walk(self) -> Iterator[News]:
        """Walk through the job; tell the window by the clock, not by the iteration."""
        job = self._job
        assert job is not None
        try:
            if self._take_turn():
                yield from self._steps(job)
            # Here, because on a GPU reading the whole history is a long wait.
            self.result = job.result()
        except Exception as error:  # a RuntimeError that got out would end the worker without a word
            self.error = error
        finally:
            self._give_turn()

    def _steps(self, job: Job) -> Iterator[News]:
        news_due = 0.0
        for step in job:
            if step.iterate.iteration == 1:
                self.trace, self.figures = [], []
            if step.iterate.figure is not None:
                self.figures.append((step.iterate.iteration, step.iterate.figure))
            now = time.perf_counter()
            if now >= news_due or not self._going.is_set():
                yield self._news(job, step, now)
                news_due = time.perf_counter() + NEWS_EVERY
            if not self._going.is_set():
                self._give_turn()
                self._going.wait()
                self._take_turn()

    def _news(self, job: Job, step: Step, now: float) -> News:
        data_term = float(step.iterate.data_term)
        self.trace.append((step.iterate.iteration, data_term))
        picture = None
        if now >= self._picture_due and (self.layer is None or self.layer.visible):
            self._picture_due = float("inf")  # until this one is drawn
            picture = job.picture()
        return News(step, data_term, picture)

    def _take_turn(self) -> bool:
        while not self.stopping and not self._has_turn:
            self._has_turn = TURN.acquire(timeout=0.05)
        return self._has_turn

    def _give_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            TURN.release()

    # ------------------------------------------------------------------------------------- in the main thread

    def _on_news(self, news: News) -> None:
        self.step = news.step
        self._time_left.update(news.step, self.paused)
        if news.picture is not None:
            self._draw(news.picture)
        self.updated.emit()

    def _look(self) -> None:
        """What the user looks at is restored next."""
        if self._job is not None and self.source.ndim > 2:
            self._job.look_at(self.source.world_to_data(self._viewer.dims.point[-self.source.ndim :]))

    def _draw(self, picture: np.ndarray) -> None:
        began = time.perf_counter()
        if not self._window.is_open:
            return
        if self.layer is None:
            assert self._job is not None
            self.layer = result_layer(self.source, picture, self._job)
            self._viewer.add_layer(self.layer)
        elif self.layer in self._viewer.layers:
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        # A timer of 0 comes before the paint that the refresh has asked for; one begun there comes after it.
        QTimer.singleShot(0, lambda: QTimer.singleShot(0, lambda: self._drawn(began)))

    def _drawn(self, began: float) -> None:
        now = time.perf_counter()
        self._picture_due = now + max(PICTURE_EVERY, (now - began) / DRAWING_PART)

    def _on_finished(self) -> None:
        job, self._job, self._worker = self._job, None, None
        self._viewer.dims.events.current_step.disconnect(self._look)
        assert job is not None
        if self._window.is_open:
            if self.error is not None:
                _tell(self.error)
            if job.warning:
                show_warning(job.warning)
            if self.result is not None and job.last is not None:
                self._show_result(self.result, job)
        self._window.forget()
        _LIVE.remove(self)
        # A handle may outlive the window, and must not keep it.
        self._viewer = None
        self.finished.emit()

    def _show_result(self, result: Restoration, job: Job) -> None:
        if self.layer is None:
            self.layer = result_layer(self.source, result.image, job)
        if self.layer.data is not result.image:
            self.layer.data = result.image
        if self.layer not in self._viewer.layers:
            self._viewer.add_layer(self.layer)
        self.layer.metadata[KEY] = provenance(self.source, self.task, result)
        self.layer.refresh()
        self._then(self._viewer, self.source, self.layer)


class Runs:
    """What widgets hear of runs that they did not start.

    Attributes
    ----------
    begun : psygnal.Signal(Run)
        Emitted in the main thread when a run has begun, wherever it was started.
    """

    begun: ClassVar[Signal] = Signal(object)


RUNS = Runs()
_LIVE: list[Run] = []


def live_run(viewer: Any, task: str) -> Run | None:
    """Return the run of this task that is live in `viewer`, the newest if there are several."""
    runs = [run for run in _LIVE if run.is_in(viewer) and run.task == task]
    return runs[-1] if runs else None


def _tell(error: Exception) -> None:
    if isinstance(error, EXPECTED):
        show_error(str(error))
    else:  # a fault of ours: napari shows where it happened
        notification_manager.receive_error(type(error), error, error.__traceback__)


class _Worker(GeneratorWorker):  # type: ignore[misc]
    """napari's worker, which ends by itself soon after its run is stopped."""

    def __init__(self, run: Run) -> None:
        super().__init__(run._walk)
        self._run = run

    def quit(self) -> None:
        """Stop the run, rather than the worker: what the run has so far is kept."""
        self._run.stop()


class _Window:
    """The viewer's window, as a run must know it: is it open, and what is running in it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        # The one way to learn that a window goes is its own Qt object.
        self._qt: Any = getattr(run._viewer.window, "_qt_window", None)
        self.is_open = self._qt is not None
        if self._qt is not None:
            self._qt.destroyed.connect(self._on_destroyed)
        self._task: Any = None
        register = getattr(run._viewer.window, "_register_task_status", None)
        if register is not None:  # napari 0.9 and later ask before they close a window that is busy
            from napari.utils.task_status import Status

            # The window keeps what it is told for as long as it lives; the run need not.
            self._task = register("Deep Image Prior", Status.BUSY, self._sentence(), _stop_if_alive(run))

    def _sentence(self) -> str:
        return f"{self._run.task} {self._run.source.name!r}, not finished yet"

    def forget(self) -> None:
        """The run has ended."""
        if self.is_open:
            self._qt.destroyed.disconnect(self._on_destroyed)
        self._qt, self.is_open = None, False
        if self._task is not None:
            from napari.utils.task_status import Status

            status = Status.FAILED if self._run.error else Status.COMPLETED
            self._run._viewer.window._update_task_status(self._task, status)

    def _on_destroyed(self) -> None:
        self.is_open = False
        self._run.stop()


def _stop_if_alive(run: Run) -> Callable[[], bool]:
    reference = weakref.ref(run)

    def stop() -> bool:
        alive = reference()
        if alive is not None:
            alive.stop()
        return alive is not None

    return stop


class _TimeLeft:
    """An estimate of the time left that can be shown: it runs down evenly, and follows the job's own."""

    # The job's estimate jumps with each new best iteration; what is shown follows within some seconds.
    SETTLING = 3.0
    # The first iterations say little: memory is being claimed, and threads started.
    EARLY = 1.0

    def __init__(self) -> None:
        self.progress = 0.0
        self.seconds: float | None = None
        self._last = 0.0

    def go_on(self) -> None:
        """A pause has ended: its time does not count."""
        self._last = time.perf_counter()

    def update(self, step: Step, paused: bool) -> None:
        now = time.perf_counter()
        elapsed, self._last = (0.0 if paused else now - self._last), now
        self.progress = max(self.progress, step.progress)
        if self.seconds is None:
            if step.done > 0 or step.iterate.seconds >= self.EARLY:
                self.seconds = step.seconds_left
            return
        weight = min(1.0, elapsed / self.SETTLING)
        self.seconds = max(0.0, self.seconds - elapsed)
        self.seconds += weight * (step.seconds_left - self.seconds)
