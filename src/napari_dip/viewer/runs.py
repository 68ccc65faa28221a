"""One live run: a job walked through in napari's worker, its picture in a layer, its handle in your hands."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.layers import Image, Layer
from napari.utils.notifications import show_warning
from psygnal import Signal
from qtpy.QtCore import QEventLoop

from napari_dip.viewer.busy import BusyWindow
from napari_dip.viewer.growing import Growing, Unseen
from napari_dip.viewer.known_runs import has_begun, has_ended, has_made
from napari_dip.viewer.layers import unwrap
from napari_dip.viewer.planes_to_do import PlanesToDo
from napari_dip.viewer.regions import Region
from napari_dip.viewer.result_layers import AFTERWARDS
from napari_dip.viewer.sliders import position
from napari_dip.viewer.time_left import TimeLeft
from napari_dip.viewer.troubles import tell
from napari_dip.viewer.uncertainty import show_uncertainty
from napari_dip.viewer.waiting import when_finished
from napari_dip.viewer.walk import News, Walk
from napari_dip.viewer.words import how_far

if TYPE_CHECKING:
    from napari_dip.job import Job
    from napari_dip.restoration import Restoration
    from napari_dip.step import Step
    from napari_dip.viewer.background import Steps

__all__ = ["Run"]


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
        What to do with the window when it has finished, a key of
        `napari_dip.viewer.result_layers.AFTERWARDS`.
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
    mask_edited
        Whether that was edited while the run went on.
    seen, masked
        What `napari_dip.images.prints.print_of` says of the pixels that were restored, and of the mask in the
        end; empty where that is not known.
    task
        What is done, the `name` of one of `napari_dip.tasks`.
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
        self.mask_edited, self.masked, self.seen = False, "", ""
        this = weakref.ref(self)
        self._growing = (Growing if of is None else Unseen)(
            self._viewer,
            self.source,
            self.guide,
            self.region,
            job,
            lambda layer: has_made(this, layer),
        )
        self.step: Step | None = None
        self.result: Restoration | None = None
        self.error: Exception | None = None
        self.rule, self._usual_length = job.engine.stopping.name, job.engine.expected
        self._warm = bool(job.settings["warm"])
        self._then = AFTERWARDS[then]
        self._time_left = TimeLeft()
        self._walk = Walk(job, self._growing.wants_picture)
        self._window = BusyWindow(self)
        self._look()
        self._viewer.dims.events.current_step.connect(self._look)
        self._worker: Steps | None = self._walk.worker(self.stop)
        self._worker.yielded.connect(self._on_news)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()
        has_begun(self)

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
    def restored(self) -> bool:
        """Whether the run has a result that is more than the image: it was not stopped before it began."""
        result = self.result
        return result is not None and not (result.stopped_by == "user" and not result.iterations)

    @property
    def paused(self) -> bool:
        """Whether the run waits to be resumed."""
        return not self.done and self._walk.paused

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop and finishes its last iteration."""
        return self._walk.stopping

    @property
    def waiting(self) -> bool:
        """Whether another run computes, and this one begins when that has ended or pauses."""
        return not self.done and self.step is None and self._walk.waits_for_turn

    @property
    def computes(self) -> bool:
        """Whether it is this run's turn on its device."""
        return self._walk.has_turn

    @property
    def spares(self) -> str:
        """What the run leaves of the processor unused, and why, or nothing."""
        return self._walk.spares

    @property
    def progress(self) -> float:
        """Part of the work that is done, 0 to 1, an estimate; it goes back only where a stack is stopped."""
        if self.done:
            return sum(self.planes.done) / len(self.planes) if len(self.planes) > 1 else float(self.restored)
        return self._time_left.progress

    @property
    def trace(self) -> list[tuple[int, float]]:
        """(iteration, data term) of the plane under way, at the iterations that there was news of."""
        return self._walk.trace

    @property
    def figures(self) -> list[tuple[int, float]]:
        """(iteration, figure) of the plane under way, at the iterations at which the stopping rule looked."""
        return self._walk.figures

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
            self._walk.pause()
            self.updated.emit()

    def resume(self) -> None:
        """Go on after a pause."""
        self._time_left.go_on()
        self._walk.resume()
        self.updated.emit()

    def stop(self) -> None:
        """End the run after the iteration under way and keep its best estimate."""
        if not self.done:
            self._walk.stop()
            self.updated.emit()

    @property
    def adjustable(self) -> bool:
        """Whether the run is done and `adjust` can show its result smoother, or with more detail."""
        return self.done and self.result is not None and self.result.detail is not None and not self._replaced

    @property
    def _replaced(self) -> bool:
        """Whether somebody has given the result's layer other pixels."""
        return self.layer is not None and self.result is not None and self.layer.data is not self.result.image

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
        if self._replaced:
            raise ValueError(
                "the layer has other pixels now than the result, and they would be lost: copy them to a "
                "layer of their own, and give this one run.result.image."
            )
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
        job = self._walk.job
        self.mask_edited = self.mask_edited or job is not None
        if job is not None and job.change_mask(mask) and self.layer is not None:
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

    # -------------------------------------------------------------------------------------------- connections

    def _on_news(self, news: News) -> None:
        self.step = news.step
        self.planes.update(news.finished, news.step.run)
        self._time_left.update(news.step, self.paused)
        if news.picture is not None and self._window.is_open:
            self._growing.draw(news.picture, self._progress)
        if self._window.is_open and not self.stopping:
            self._growing.say_if_gone()
        self._growing.keep_now_and_then()
        self._growing.rename(self._progress)
        self.updated.emit()

    def _look(self) -> None:
        """What the user looks at is restored next."""
        if self._walk.job is not None and self.source.ndim > 2:
            self._walk.job.look_at(position(self._viewer, self.region.layer))

    @property
    def _progress(self) -> str:
        """How many planes of several are done, for the result's name; nothing when all are."""
        done, of = sum(self.planes.done), len(self.planes)
        between = " of " if self.done else "/"  # a name that stays may become a file's
        return f"{done}{between}{of}" if done < of > 1 else ""

    def _on_finished(self) -> None:
        job = self._walk.job
        assert job is not None
        self._worker = self._walk.job = None
        self.result, self.error, self.seen = self._walk.result, self._walk.error, self._walk.seen
        if self.result is not None:
            self.result = replace(self.result, planes=self.region.typed)
        self._viewer.dims.events.current_step.disconnect(self._look)
        self.planes.update(job.finished, None if job.last is None else job.last.run, over=True)
        try:
            if self._window.is_open:
                self._show_end(job)
        finally:  # whoever waits is to hear of the end, whatever listens to the layers
            self._again = job.again() if self.of is None else None
            self._window.forget()
            has_ended(self)
            # A handle may outlive the window, and must not keep it.
            self._viewer = None
            self._growing.let_go()
            self.finished.emit()

    def _show_end(self, job: Job) -> None:
        """Say in the window what became of the run, and show its result."""
        if self.error is not None:
            tell(self.error)
        if job.warning:
            show_warning(job.warning)
        # There may be no step where another run to the same file has done all; or it was stopped before one.
        if self.result is not None and (job.last is not None or job.finished):
            if self.of is None:
                layer = self._growing.finish(self.result, self._progress)
                self._then(self._viewer, self.source, layer)
            self._tell_uncertainty(self.result)

    def _tell_uncertainty(self, result: Restoration) -> None:
        """Show how sure the result is, if that is known now."""
        run = self if self.of is None else self.of
        if result.uncertainty is None or run.result is None or run.layer is None:
            return
        if not run.detail:  # else it is that of another choice
            run.result = replace(run.result, uncertainty=result.uncertainty)
        if run.layer in self._viewer.layers:  # of a result that was removed meanwhile nothing is shown
            show_uncertainty(self._viewer, run, result)
