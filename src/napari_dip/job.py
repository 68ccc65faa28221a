"""A restoration under way: an array becomes runs of the engine, and their estimates an array again.

Blocking calls, the viewer's worker and the tasks of a dask graph all walk through a `Job`; it is the one
place that knows how a picture's numbers and axes meet the engine.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_dip.detail import MOST_BYTES, Detail, Plane
from napari_dip.detail import memory_of as memory_of_pictures
from napari_dip.doubt import Doubt
from napari_dip.engine.devices import DeviceFailure, available_memory, explained
from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.neighbours import Neighbour
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.engine.solver import Iterate, iterate, resolve
from napari_dip.history import History, root_mean_square
from napari_dip.images.intensities import Intensities, cast, check_image
from napari_dip.images.prints import fingerprint
from napari_dip.order import Order
from napari_dip.outcome import Outcome
from napari_dip.parts import Cutting, Index, Place, place
from napari_dip.piece import Piece
from napari_dip.plan import Plan
from napari_dip.restoration import Restoration, origin
from napari_dip.results import whole
from napari_dip.source import Measured
from napari_dip.step import Pace, Step
from napari_dip.tasks import Inpaint, Task
from napari_dip.warm import Warm

__all__ = ["Job"]

NOTHING_KNOWN = (
    "no pixel of the image is a finite number, but at least one is needed: check how it was saved or masked."
)
# A run may take this part of the memory that is free when it is planned.
SPARE = 0.8


class Job:
    """A planned and checked restoration; iterate over it to do it.

    Parameters
    ----------
    plan
        What is to be done.

    Attributes
    ----------
    image, axes, guide, task, factors, dtype
        As the plan has them; the task may be changed on the way.
    shape
        The result's.
    engine
        The engine's settings, as this machine does them.
    settings
        The complete settings, plain JSON, in the words of the verbs of `napari_dip`.
    memory
        About how many bytes a run will take.
    parts
        What the runs restore, in their order.
    last
        The newest step, or None.
    stopped_by
        ``"user"``, ``"out of memory"``, ``"unreadable image"`` or ``"device failure"`` when that ended the
        job; else None, and the last iterate tells.
    warning
        A sentence for the user, or None.
    """

    def __init__(self, plan: Plan) -> None:
        check_image(plan.image)
        self._plan = plan
        self.image, self.axes, self.guide, self.task = plan.image, plan.axes, plan.guide, plan.task
        self.factors, self.dtype = plan.factors, plan.result_dtype
        self._source = plan.source()
        settings, tile = self.task.suit(plan.settings), plan.tile
        self._outcome = Outcome(plan, self._source, settings, self._made_from)
        if (begun := self._outcome.begun) is not None:  # what was decided then holds now
            settings = settings.changed(device=begun["device"], precision=begun["precision"])
            tile = begun["tile"]
        self.engine = resolve(settings)
        self._outcome.refuse_too_large()
        self.shape = self._outcome.shape
        self._result, self._doubt = self._outcome.result, self._outcome.doubt
        tile = self._cut(tile)
        self.settings = plan.in_full(self.engine, tile)
        fits = plan.out is None and memory_of_pictures(self.shape, self.dtype) <= MOST_BYTES
        self._keeps_pictures = self.task.adjustable and fits
        self._planes: dict[Place, Plane] = {}  # that were restored and whose pictures are kept
        self._warm = Warm(self.axes, plan.warm)
        self._history = History()
        self._order = Order(self.parts)
        self._pace = Pace(self.engine, len(self.parts), max(1, plan.uncertainty))
        self._open = False  # whether there is an estimate that the result does not have yet
        self._asked: Task | None = None  # for what, in place of the task at hand
        self._asking = threading.Lock()  # in the thread of the window, while the run's takes it
        self._measured: Measured | None = None
        self._piece: Piece  # the part at hand, from when it is made ready
        self._finished = False
        self.last: Step | None = None
        self.stopped_by: str | None = None
        self.warning: str | None = self.task.doubt or None

    def _cut(self, tile: int | None) -> int | None:
        """Cut the image into parts whose runs fit in memory; return the largest side of a tile, if any."""
        free = SPARE * available_memory(torch.device(self.engine.device)) - self._outcome.memory
        memory = functools.cache(lambda *size: self._plan.memory(self.engine, size))
        cutting = Cutting(self.axes, tuple(self.image.shape), self.factors, self.task.slabs)
        if tile is None:
            tile = cutting.largest_tile(lambda size: memory(*size) <= free)
        self.memory = memory(*cutting.size(tile)) + self._outcome.memory
        self.parts = cutting.parts(tile)
        return tile

    # ------------------------------------------------------------------------------------------ doing it

    @property
    def finished(self) -> tuple[int, ...]:
        """Which of `parts` are done."""
        return tuple(self._order.finished)

    @property
    def file(self) -> Path | None:
        """Where the result goes, in full; None for one in memory."""
        return None if self._plan.out is None else Path(self._plan.out).absolute()

    def stop(self) -> None:
        """End the job after the iteration under way; what it has so far is kept."""
        self.stopped_by = "user"

    def look_at(self, place: Sequence[float]) -> None:
        """Restore what lies at a place of the image next, and from there on what lies nearest to it.

        Parameters
        ----------
        place
            A position along each axis of the image, in pixels.
        """
        self._order.look_at(place)

    def again(self) -> Callable[[np.ndarray, int], Job] | None:
        """Return what makes, of the result and a number of runs, a job that tells how sure the result is.

        It holds what the job was planned with, and nothing that came of it. None where that can't be told.
        """
        partly = 1 < len(self.parts) > len(self._order.finished)
        unfinished = self._result.lasts and not self._finished
        rule = self.engine.stopping
        if partly or unfinished or not self.task.assessable or not isinstance(rule, HeldOut):
            return None
        planned = replace(self._plan, settings=self.engine, task=self.task, tile=self.settings["tile"])
        plan = replace(planned, detail=0.0, out=None, description=None)
        usual = self._history.mean_length

        def make(image: np.ndarray, runs: int) -> Job:
            job = Job(replace(plan, uncertainty=runs))
            assert job._doubt is not None
            job._doubt.given, job._keeps_pictures = image, False
            job._pace = Pace(job.engine, len(job.parts), runs - 1, usual)
            return job

        return make

    def change_mask(self, mask: np.ndarray) -> bool:
        """Fill in other pixels from the next iteration on; the run under way goes on from where it is.

        Parts that are done and whose mask is another now are done again, at the end.

        Parameters
        ----------
        mask
            True where a pixel is to be filled in, of the image's shape without its colours; it is copied.

        Returns
        -------
        bool
            Whether `picture`'s array shows the change already: what is masked newly is filled in smoothly
            until the run gets there, and what is masked no more is the original's.
        """
        task = self._asked or self.task
        if not isinstance(task, Inpaint):
            raise TypeError(f"only inpainting has a mask to change, and this job is to {task.name}.")
        asked = task.of_mask(mask.copy(), self.axes)
        with self._asking:
            self._asked = asked
        if self.last is None or asked.denoise:
            return False
        piece = self._piece  # the thread of the run may go over to another one at any moment
        shown = self._result.shown(piece.part.goes)
        if shown is not None:
            piece.show_mask(asked, shown)
        return shown is not None

    def __iter__(self) -> Generator[Step]:
        try:
            self._take_up()
            while self._order.waiting and not self.stopped_by:
                yield from self._restore(self._order.take_next())
                self._take_task()
            # A stack that was stopped goes on another time; of a single plane the best estimate is kept.
            self._finished = not self.stopped_by or (len(self.parts) == 1 and self.last is not None)
            if self._finished:
                self._outcome.finish(self._record())
        finally:
            self._outcome.close()

    def _take_up(self) -> None:
        """Go on from where another run to the same file ended."""
        indices = {place(part.index): part.index for part in self.parts}
        done = self._outcome.take_up(list(indices.values()), self.settings)
        self._order.begin(lambda part: place(part.index) in done)
        for past in done.values():
            self._history.of |= past
        self._warm.take_up(self._result.starts())

    def _restore(self, run: int) -> Iterator[Step]:
        """Restore a part, and note that its plane or volume is done if it was the last of it."""
        self._part = part = self.parts[run]
        self._take_task()
        given = None if self._doubt is None else self._doubt.given
        try:
            problem = self._prepare(run)
            if problem is not None and given is None:
                self._open = True
                yield from self._run(run, problem)
        except OSError as error:
            self._open = False
            if not self._order.finished or self._result.lasts:
                raise
            self.warning = f"{str(error)[:1].upper()}{str(error)[1:]} What was done before is kept."
            self.stopped_by = "device failure" if isinstance(error, DeviceFailure) else "unreadable image"
            return
        if problem is not None:
            if given is None:
                self._write()
                self._judge(run)
                self._open = False
                if self.last is not None:
                    self._warm.note(part, self.last.iterate.neighbour())
            else:
                self._result[part.goes] = given[part.goes]
            if self._doubt is not None and not self.stopped_by:
                yield from self._look_again(run, self._doubt)
        self._end(run)

    def _end(self, run: int) -> None:
        """Note that a part is done, and with the last its plane or volume; or keep what there is of it."""
        if self.stopped_by:
            self._adjust()
            self._outcome.keep()
            return
        index = self._part.index
        self._order.finished.append(run)
        self._take_task()
        if self._order.is_done(index):
            self._adjust()
            runs = self._order.of(index)
            left = self._warm.kept(self.parts[run] for run in runs)
            self._outcome.complete(index, self._history.among(runs), left)

    def _adjust(self) -> None:
        """Let the plane or volume at hand, which has come to its end, have the detail that was asked for."""
        index, measured = self._part.index, self._measured
        if measured is None or measured.of[0] != index or not (self._plan.detail or self._keeps_pictures):
            return  # nothing of it was restored, or nothing is to be done with it
        pasts = list(self._history.among(self._order.of(index)).values())
        block = self._source[index]
        plane = Plane(
            index,
            block,
            self._result[index].copy(),
            self.task.known(block, index),
            self.axes,
            measured.intensities,
            measured.noise,
            self.engine.device,
            root_mean_square([past.residual for past in pasts]),
        )
        if self._plan.detail:
            self._result[index] = plane.at(self._plan.detail)
            for past in pasts:
                past.residual = plane.residual_at(self._plan.detail)
        if self._keeps_pictures:
            self._planes[place(index)] = plane

    def _run(self, run: int, problem: Problem) -> Iterator[Step]:
        for it in self._iterate(problem, self.engine, self._warm.before(self._part)):
            self.last = self._step(run, it)
            self._history.take_down(self.last)
            yield self.last
            if self.stopped_by:
                return

    def _step(self, run: int, it: Iterate, number: int = 0) -> Step:
        """Return where the job stands with an iterate, of the part's own run or of a further one."""
        waiting, usual = len(self._order.waiting), self._history.usual
        return self._pace.step(run, self._part.goes, it, waiting, usual, number)

    def _look_again(self, run: int, doubt: Doubt) -> Iterator[Step]:
        """Find out how sure the result of the part at hand is."""
        own = self.last.iterate if self.last is not None and doubt.given is None else None
        starts = self._warm.others(self._part)
        try:
            for number, it in doubt.look(
                self._piece, own, self.engine, starts, self._iterate, self._is_to_end
            ):
                self.last = self._step(run, it, number)
                yield self.last
        except (DeviceFailure, MemoryError) as error:  # the result is there
            self.warning = f"{error} How sure the result is was not told."
            self.stopped_by = "device failure" if isinstance(error, DeviceFailure) else "out of memory"
            return
        if self._asked is None and not doubt.tell(self._piece):
            self.warning = "How sure the result is was not told everywhere: it was stopped before that."

    def _is_to_end(self) -> bool:
        return self.stopped_by is not None or self._asked is not None

    def _iterate(self, problem: Problem, engine: Settings, neighbour: Neighbour | None) -> Iterator[Iterate]:
        run, it, changed = iterate(problem, engine, neighbour), None, None
        try:
            while it is None or it.stopped_by is None:
                it = next(run) if changed is None else run.send(changed)
                yield it
                if it.stopped_by is None:  # else the part is done again, as one that is done
                    changed = self._changed() if self._take_task() else None
        except (RuntimeError, MemoryError) as error:
            told = explained(error, self.engine.device)
            if told is None or (it is None and isinstance(error, MemoryError)):
                raise
            if it is None or isinstance(told, DeviceFailure):
                raise told from error
            self.warning = f"{told} The best estimate so far was kept."
            self.stopped_by = "out of memory"

    def _nothing_known_of(self, block: np.ndarray) -> None:
        """Say that the part at hand stays as it is."""
        if len(self.parts) == 1 and not np.isfinite(block).any():
            raise ValueError(NOTHING_KNOWN)
        self.warning = (
            "Nothing is known of some planes, which stay as they are. Restore the stack as volumes, in 3-D, "
            "to fill them in from their neighbours."
        )

    def _changed(self) -> Problem | None:
        """Return the problem for what is asked of the part now; None if nothing is known of it any more."""
        piece = self._piece.asked(self.task)
        if not piece.known.any():
            return None
        self._piece = piece
        return piece.problem()

    def _take_task(self) -> bool:
        """Go over to the task that was asked for meanwhile, if any; return whether the part is affected."""
        with self._asking:
            asked, self._asked = self._asked, None
        if asked is None:
            return False
        before, self.task = self.task, asked
        self._order.again(lambda part: not asked.same(before, part.where))
        return not asked.same(before, self._part.where)

    def _prepare(self, run: int) -> Problem | None:
        """Get the part at hand ready, and return its problem; None where there is nothing to restore."""
        part = self._part
        self._outcome.begin(part.index)
        block = self._source[part.where]
        known = self.task.known(block, part.where)
        under = self._result[part.goes]
        if not known.any():
            self._nothing_known_of(block)
        if not known.any() or not self.task.needed(known):
            self._result.as_it_was(part.where, part.goes)
            return None
        flat = self._flat(block, known, under)
        if flat is not None:
            self._result[part.goes] = self.task.compose(block, cast(flat, self.dtype), known, part.where)
            return None
        if self._measured is None or self._measured.of != (part.index, self.task):
            self._measured = self._source.measure(part.index, self.task, self._plan.noise)
            self._warn_of_shift(self._measured)
            self._warn_of_units(self._measured)
        under = under.copy() if part.tile is not None else under
        self._piece = Piece(
            self._source,
            part,
            block,
            self.task,
            self._measured,
            self.guide,
            self.factors,
            self.dtype,
            under,
            again=run in self._history.of,
        )
        return self._piece.problem()

    def _flat(self, block: np.ndarray, known: np.ndarray, under: np.ndarray) -> np.ndarray | None:
        """Return what stands in the result for a part of one intensity, None where there is something in it.

        Each channel may have its own; one of which nothing is known stays as it is.
        """
        stains = [self.axes.to_engine(one) for one in (block, known, under)]
        values = [one[seen] for one, seen in zip(*stains[:2], strict=True)]
        if any(one.size and one.min() < one.max() for one in values):
            return None
        pairs = zip(values, stains[2], strict=True)
        flat = [np.full(one.shape, own[0]) if own.size else one for own, one in pairs]
        return self.axes.from_engine(np.stack(flat))

    def _warn_of_shift(self, measured: Measured) -> None:
        if measured.apart is not None:
            names = [self.axes.names[axis] for axis in self.axes.spatial]
            away = " and ".join(
                f"{pixels:g} in {name}" for pixels, name in zip(measured.apart, names, strict=True)
            )
            self.warning = (
                f"The repeat does not lie on the image, and their mean is blurred: move it by {away} pixels "
                "first (scipy.ndimage.shift)."
            )

    def _warn_of_units(self, measured: Measured) -> None:
        """Warn where noise was given that is of an image in other units."""
        own = measured.intensities
        if (
            self._plan.noise is None
            or not isinstance(own, Intensities)
            or measured.level <= own.high - own.low
        ):
            return
        self.warning = (
            f"The noise that was given has a standard deviation of {measured.level:.3g}, but the image lies "
            f"between {own.low:.3g} and {own.high:.3g}, and the result is of no use: leave noise out, or the "
            "preset that brings it, or scale the image as it was when that noise was measured."
        )

    def _made_from(self, index: Index) -> tuple[str, str]:
        """Return a text that changes with the image at a plane, and one that changes with what is known."""
        places = [whole(where) for where in self._source.beside(index)]
        blocks = [self._source[where] for where in places]
        knowns = [self.task.known(block, where) for block, where in zip(blocks, places, strict=True)]
        return fingerprint(*blocks), fingerprint(*knowns)

    # -------------------------------------------------------------------------------------- what there is

    def _judge(self, run: int) -> None:
        """Take down how well the run's result explains what was measured."""
        assert self.last is not None and self._measured is not None
        residual = self._piece.residual(self.last.iterate.residuals())
        past = self._history.of[run]
        past.residual, past.noise = residual, self._measured.level

    def _write(self) -> None:
        if self.last is not None:
            self._result[self.last.index] = self._piece.restored(self.last.iterate.best())

    def preview(self) -> tuple[Index, np.ndarray]:
        """Return where the newest estimate lies in the result, and the estimate itself."""
        if self.last is None:
            raise RuntimeError("There is no estimate before the first iteration: iterate over the job first.")
        return self.last.index, self._piece.restored(self.last.iterate.estimate())

    def settled(self) -> np.ndarray:
        """Return what the part at hand would come to if its stopping rule ended the run now."""
        if self.last is None:
            raise RuntimeError("There is no estimate before the first iteration: iterate over the job first.")
        return self._piece.restored(self.last.iterate.settled())

    def picture(self) -> Any:
        """Return the whole result so far, the newest estimate in its place.

        It is one array that this fills in again and again, and in the end the result's.
        """
        if self._open and self._asked is None:  # else the estimate is of what was asked for before
            index, estimate = self.preview()
            self._result[index] = estimate
        return self._result.array

    def result(self) -> Restoration:
        """Return what has been restored so far; parts that were not reached are the original's."""
        if self.stopped_by and not self._finished:
            kind = "planes" if len(self.axes.spatial) == 2 else "volumes"
            missing = self._outcome.missing(kind, len({place(part.index) for part in self.parts}))
            if missing not in (self.warning or ""):
                self.warning = f"{self.warning or ''} {missing}".lstrip()
        ended = "stopping rule"  # nothing had to be done
        if self.last is not None:
            ended = self._history.ended or "user"
            if self._open:
                self._write()
                self._judge(self.last.run)
                self._adjust()
        history = self._history.columns()
        return Restoration(
            self._result.final,
            len(history["run"]),
            self.stopped_by or ended,
            history,
            self.settings,
            residual=self._history.residual,
            noise=self._history.noise,
            detail=Detail(self._result.array, list(self._planes.values())) if self._planes else None,
            task=self.task.name,
            uncertainty=self._outcome.uncertainty,
            planes=self._plan.planes,
        )

    def _record(self) -> dict[str, Any]:
        """Return how the result came about, as plain JSON, without every iteration."""
        record = origin(self.task.name) | self.result().to_dict()
        del record["history"]
        return record
