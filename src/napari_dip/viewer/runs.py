"""One live run: a job walked through in napari's worker, its picture in a layer, its handle in your hands."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from napari.layers import Image, Layer
from napari.utils.notifications import notification_manager, show_error, show_warning
from psygnal import Signal
from qtpy.QtCore import QEventLoop

from napari_dip.engine.devices import turn_of
from napari_dip.job import Job
from napari_dip.restoration import Restoration
from napari_dip.step import Step
from napari_dip.viewer.background import Steps
from napari_dip.viewer.busy import BusyWindow
from napari_dip.viewer.cores import Cores
from napari_dip.viewer.growing import Growing
from napari_dip.viewer.layers import AFTERWARDS, unwrap
from napari_dip.viewer.stacks import PlanesToDo, Region, position
from napari_dip.viewer.time_left import TimeLeft
from napari_dip.viewer.uncertainty import Awaited, show_uncertainty
from napari_dip.viewer.waiting import when_finished
from napari_dip.viewer.words import how_far

__all__ = ["RUNS", "News", "Run", "live_run", "live_runs", "run_of"]

# Seconds from one piece of news to the next, at least.
NEWS_EVERY = 0.05
# What is wrong with the input comes as one of these, with a sentence for the user.
EXPECTED = (ValueError, TypeError, MemoryError, OSError)


@dataclass(frozen=True)
class News:
    """What the worker tells the window now and then.

    Parameters
    ----------
    step
        Where the job stands.
    finished
        Which of its parts are done.
    data_term
        The step's data term, already read from the device.
    picture
        The whole array so far, when it is time to draw it.
    """

    step: Step
    finished: tuple[int, ...]
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
        The planned restoration of the layer's data, or of the region's.
    region
        Which of its planes are restored; None for all.
    guide
        The layer that guides it, or None.
    then
        What to do with the window when it has finished, a key of `napari_dip.viewer.layers.AFTERWARDS`.
    of
        The run whose result is looked at again: what comes of this one is the uncertainty of that. None for
        a run with a result of its own.

    Attributes
    ----------
    updated : psygnal.Signal
        Emitted in the main thread some times a second while there is news, on pause and resume, and when the
        result's detail is chosen.
    finished : psygnal.Signal
        Emitted in the main thread when the run is `done`.
    source, guide
        The source's layer, and the guide's if there is one.
    region
        What of the source is restored.
    planes
        Its planes or volumes, and how far each of them is.
    mask
        For inpainting, the layer with the mask and which of its labels count, where the run follows one.
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

    def __init__(
        self,
        viewer: Any,
        source: Image,
        job: Job,
        *,
        region: Region | None = None,
        guide: Image | None = None,
        then: str = "keep both",
        of: Run | None = None,
    ) -> None:
        self._viewer: Any = unwrap(viewer)
        self.of = of
        self._again: Callable[[np.ndarray, int], Job] | None = None
        self.source, self.task = unwrap(source), job.task.name
        self.guide: Image | None = unwrap(guide)
        self.region = region or Region.of(self.source, job.axes)
        self.planes = PlanesToDo(job, self.region)
        self.mask: tuple[Layer, Any] | None = None
        this = weakref.ref(self)
        self._growing = (Growing if of is None else Awaited)(
            self._viewer,
            self.source,
            self.guide,
            self.region,
            job,
            lambda layer: _MADE.setdefault(layer, this),
        )
        self.trace: list[tuple[int, float]] = []
        self.figures: list[tuple[int, float]] = []
        self.step: Step | None = None
        self.result: Restoration | None = None
        self.error: Exception | None = None
        self.rule, self._usual_length = job.engine.stopping.name, job.engine.expected
        self._warm = bool(job.settings["warm"])
        self._job: Job | None = job
        self._then = AFTERWARDS[then]
        self._time_left = TimeLeft()
        self._going = threading.Event()
        self._going.set()
        self._cores = Cores()
        self._turn: threading.Lock | None = None
        self._has_turn = False
        self._window = BusyWindow(self)
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
    def layer(self) -> Image | None:
        """The result's layer, None before the first picture."""
        return self._growing.layer

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
        begun = self.done or self.step is not None or self._has_turn
        return not begun and self._turn is not None and self._turn.locked()

    @property
    def spares(self) -> str:
        """What the run leaves of the processor unused, and why, or nothing."""
        return str(self._cores)

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

    @property
    def will_be_quicker(self) -> bool:
        """Whether planes are to come that start from a neighbour's network, and none has been done so yet."""
        return self._warm and len(self.planes) > 1 and sum(self.planes.done) < 2

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

    @property
    def adjustable(self) -> bool:
        """Whether the run is done and `adjust` can show its result smoother, or with more detail."""
        return self.done and self.result is not None and self.result.detail is not None

    @property
    def detail(self) -> float:
        """What is chosen of the result's detail, as `adjust` takes it."""
        return 0.0 if self.result is None else float(self.result.settings.get("detail", 0))

    @property
    def assessable(self) -> bool:
        """Whether `how_sure` can tell how sure the run's result is."""
        held = self.result is not None and isinstance(self.result.image, np.ndarray)
        return self.done and held and self._again is not None

    def again(self, runs: int) -> Job:
        """Return a job that tells, by so many runs, how sure the result is; the run is `assessable`."""
        assert self.result is not None and self._again is not None
        result = self.result if self.result.detail is None else self.result.adjusted(0)
        return self._again(result.image, runs)

    def adjust(self, detail: float) -> None:
        """Let the result be smoother, or have more detail, at once and without another run.

        Parameters
        ----------
        detail
            From -1, smoothest, to 1, the image as it was; 0 is the automatic choice
            (`napari_dip.Restoration.adjusted`).

        Raises
        ------
        ValueError
            If the run is not done, or its detail can't be chosen.
        """
        if self.result is None or not self.done:
            raise ValueError("the detail is chosen when the run is done: wait() for it, or stop() it.")
        self.result = self.result.adjusted(detail)
        self._growing.adjust(self.result)
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
        ValueError, TypeError, MemoryError, OSError
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

    def as_python(self) -> str:
        """Return a script that makes the result again outside napari; the run is done."""
        from napari_dip.viewer.as_code import python_of

        return python_of(self)

    def __await__(self) -> Generator[Any, None, Restoration]:
        """Wait for the end in a notebook, ``await run``, and return the result as `wait` does."""
        return when_finished(self).__await__()

    def __repr__(self) -> str:
        planes = f" ({self.region.said})" if self.region.said else ""
        return f"<Run: {self.task} {self.source.name!r}{planes}, {how_far(self)}>"

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
        picture = job.picture() if self._growing.wants_picture(now) else None
        return News(step, job.finished, data_term, picture)

    def _take_turn(self) -> bool:
        if self._turn is None and self._job is not None:
            self._turn = turn_of(self._job.engine.device)
        while not self.stopping and not self._has_turn and self._turn is not None:
            self._has_turn = self._turn.acquire(timeout=0.05)
        if self._has_turn and self._job is not None:
            self._cores.take(self._job.engine.device)
        return self._has_turn

    def _give_turn(self) -> None:
        if self._has_turn and self._turn is not None:
            self._has_turn = False
            self._cores.give()
            self._turn.release()

    # ------------------------------------------------------------------------------------- in the main thread

    def _on_news(self, news: News) -> None:
        self.step = news.step
        self.planes.update(news.finished, news.step.run)
        self._time_left.update(news.step, self.paused)
        if news.picture is not None and self._window.is_open:
            self._growing.draw(news.picture, self._progress)
        self._growing.keep_now_and_then()
        self._growing.rename(self._progress)
        self.updated.emit()

    def _look(self) -> None:
        """What the user looks at is restored next."""
        if self._job is not None and self.source.ndim > 2:
            self._job.look_at(position(self._viewer, self.region.layer))

    @property
    def _progress(self) -> str:
        """How many planes of several are done, for the result's name."""
        return f"{sum(self.planes.done)}/{len(self.planes)}" if len(self.planes) > 1 else ""

    def _on_finished(self) -> None:
        job, self._job, self._worker = self._job, None, None
        self._viewer.dims.events.current_step.disconnect(self._look)
        assert job is not None
        self.planes.update(job.finished, None if job.last is None else job.last.run, over=True)
        if self._window.is_open:
            if self.error is not None:
                _tell(self.error)
            if job.warning:
                show_warning(job.warning)
            if self.result is not None and job.last is not None:
                if self.of is None:
                    layer = self._growing.finish(self.result)
                    self._then(self._viewer, self.source, layer)
                self._tell_uncertainty(self.result)
        self._again = job.again() if self.of is None else None
        self._window.forget()
        _LIVE.remove(self)
        # A handle may outlive the window, and must not keep it.
        self._viewer = None
        self._growing.let_go()
        self.finished.emit()

    def _tell_uncertainty(self, result: Restoration) -> None:
        """Show how sure the result is, if that is known now."""
        run = self if self.of is None else self.of
        if result.uncertainty is None or run.result is None or run.layer is None:
            return
        if not run.detail:  # else it is that of another choice
            run.result = replace(run.result, uncertainty=result.uncertainty)
        show_uncertainty(self._viewer, self.source, run.layer, result)


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
_MADE: weakref.WeakKeyDictionary[Image, weakref.ref[Run]] = weakref.WeakKeyDictionary()


def live_runs(viewer: Any) -> list[Run]:
    """Return the runs that are live in `viewer`, the one that computes before those that wait for it."""
    return sorted((run for run in _LIVE if run.is_in(viewer)), key=lambda run: not run._has_turn)


def live_run(viewer: Any, task: str) -> Run | None:
    """Return the run of this task that is live in `viewer`, the newest if there are several."""
    runs = [run for run in _LIVE if run.is_in(viewer) and run.task == task]
    return runs[-1] if runs else None


def run_of(layer: Layer | None) -> Run | None:
    """Return the run that made a layer, if it is a result of this session whose run is still known."""
    made = None if layer is None else _MADE.get(layer)
    return None if made is None else made()


def _tell(error: Exception) -> None:
    if isinstance(error, EXPECTED):
        show_error(str(error))
    else:  # a fault of ours: napari shows where it happened
        notification_manager.receive_error(type(error), error, error.__traceback__)


class _Worker(Steps):
    """napari's worker, which ends by itself soon after its run is stopped."""

    def __init__(self, run: Run) -> None:
        super().__init__(run._walk)
        self._run = run

    def quit(self) -> None:
        """Stop the run, rather than the worker: what the run has so far is kept."""
        self._run.stop()
