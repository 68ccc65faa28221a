"""The planes or volumes of a run: where each of them lies, which are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dip.viewer.regions import Region, kind_of
from napari_dip.viewer.sliders import move_to, position
from napari_dip.viewer.words import place, unfinished

if TYPE_CHECKING:
    from napari_dip.job import Job

__all__ = ["PlanesToDo"]


class PlanesToDo:
    """The planes or volumes of a run: where each of them lies, which are done, which one is under way.

    Parameters
    ----------
    job
        The run's.
    region
        What of the source it restores.

    Attributes
    ----------
    done
        Of each plane, whether it is done.
    under_way
        The number of the one that is being restored, None before the first and when all is done.
    over
        Whether the run has ended.
    kind
        ``"plane"`` or ``"volume"``.
    """

    def __init__(self, job: Job, region: Region) -> None:
        self._region, self._axes = region, job.axes.looped
        of_parts = [
            tuple(at for axis in self._axes if isinstance(at := part.index[axis], int)) for part in job.parts
        ]
        self._places: list[tuple[int, ...]] = list(dict.fromkeys(of_parts))
        numbers = {at: number for number, at in enumerate(self._places)}
        self._numbers = [numbers[at] for at in of_parts]  # a plane may be restored in several tiles
        self.kind = kind_of(job.axes)
        self.done = [False] * len(self._places)
        self._finished: Sequence[int] = ()
        self.under_way: int | None = None
        self.over = False

    def __len__(self) -> int:
        return len(self._places)

    def update(self, finished: Sequence[int], run: int | None, *, over: bool = False) -> None:
        """Take down which parts of the job are finished, which one is under way, and whether it is over."""
        self.over = over
        if finished != self._finished:
            self._finished = finished
            missing = set(range(len(self._numbers))).difference(finished)
            unfinished = {self._numbers[part] for part in missing}
            self.done = [number not in unfinished for number in range(len(self))]
        self.under_way = None if run is None or run in finished else self._numbers[run]

    def say(self, number: int) -> str:
        """Return which plane that is, in the numbers that the sliders show."""
        region = self._region
        named = [
            (region.axes.names[axis], at + (region.where[axis].start or 0))
            for axis, at in zip(self._axes, self._places[number], strict=True)
            if region.shape[axis] > 1
        ]
        return place(named, self.kind)

    def unfinished(self) -> str:
        """Return, in a sentence, how many planes are done when others are not."""
        under_way = "" if self.under_way is None else self.say(self.under_way)
        return unfinished(sum(self.done), len(self), self.kind, under_way)

    def looked_at(self, viewer: Any) -> int | None:
        """Return the number of the plane that the sliders show, None where they show none of them."""
        if viewer.dims.ndim < self._region.layer.ndim:
            return None
        at = position(viewer, self._region.layer)
        shown = tuple(int(np.floor(at[axis] + 0.5)) for axis in self._axes)
        return self._places.index(shown) if shown in self._places else None

    def show(self, viewer: Any, number: int) -> None:
        """Move the sliders to a plane."""
        move_to(viewer, self._region.layer, dict(zip(self._axes, self._places[number], strict=True)))
