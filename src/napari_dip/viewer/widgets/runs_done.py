"""The runs that a task's widgets have seen the end of: one that is opened later knows them too."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_dip.viewer.runs import Run

__all__ = ["RunsDone", "runs_done"]

# A run keeps its result, and the pictures between which the detail is chosen.
MOST = 8


class RunsDone:
    """The newest runs that are done, each for as long as a layer of it is in the viewer.

    Parameters
    ----------
    viewer
        Where the runs' layers are.
    """

    def __init__(self, viewer: Any) -> None:
        self._layers = weakref.ref(viewer.layers)  # what is known of a viewer is not to keep it
        self._runs: list[Run] = []  # the newest last
        viewer.layers.events.removed.connect(self._on_removed)

    def keep(self, run: Run) -> None:
        """Keep a run that is done."""
        self._runs = [*(other for other in self._runs if other is not run), run][-MOST:]

    def of(self, layer: Layer | None) -> Run | None:
        """Return the newest run that has restored this layer, else the one that has made it, or None."""
        if layer is None:
            return None
        return next((run for run in self._runs[::-1] if run.source is layer), self.that_made(layer))

    def that_made(self, layer: Layer | None) -> Run | None:
        """Return the newest run whose result this layer shows, or None."""
        if layer is None:
            return None
        return next((run for run in self._runs[::-1] if run.layer is layer), None)

    def _on_removed(self, event: Any = None) -> None:
        there = self._layers() or ()
        self._runs = [run for run in self._runs if run.source in there or run.layer in there]


_KNOWN: weakref.WeakKeyDictionary[Any, dict[str, RunsDone]] = weakref.WeakKeyDictionary()


def runs_done(viewer: Any, task: str) -> RunsDone:
    """Return the runs of a task in a viewer, whichever of its widgets has seen their end."""
    known = _KNOWN.setdefault(viewer, {})
    if task not in known:
        known[task] = RunsDone(viewer)
    return known[task]
