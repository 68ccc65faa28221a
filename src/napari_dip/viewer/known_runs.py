"""Which runs there are: those that are live in a viewer, and the one that made a layer."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from napari.layers import Image, Layer
from psygnal import Signal

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = ["RUNS", "has_begun", "has_ended", "has_made", "live_run", "live_runs", "run_of"]


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


def has_begun(run: Run) -> None:
    """Take note of a run that is live from now on, and tell of it."""
    _LIVE.append(run)
    RUNS.begun.emit(run)


def has_ended(run: Run) -> None:
    """Take note of a run that is live no more."""
    _LIVE.remove(run)


def has_made(run: weakref.ref[Run], layer: Image) -> None:
    """Take note of the run that a layer is the result of."""
    _MADE.setdefault(layer, run)


def live_runs(viewer: Any) -> list[Run]:
    """Return the runs that are live in `viewer`, the one that computes before those that wait for it."""
    return sorted((run for run in _LIVE if run.is_in(viewer)), key=lambda run: not run.computes)


def live_run(viewer: Any, task: str) -> Run | None:
    """Return the run of this task that is live in `viewer`, the newest if there are several."""
    runs = [run for run in _LIVE if run.is_in(viewer) and run.task == task]
    return runs[-1] if runs else None


def run_of(layer: Layer | None) -> Run | None:
    """Return the run that made a layer, if it is a result of this session whose run is still known."""
    made = None if layer is None else _MADE.get(layer)
    return None if made is None else made()
