"""The runs that a widget has seen the end of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_dip.viewer.runs import Run

__all__ = ["RunsDone"]

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
        self._viewer = viewer
        self._runs: list[Run] = []  # the newest last
        viewer.layers.events.removed.connect(self._on_removed)

    def let_go(self) -> None:
        """Stop following the viewer, and keep no run."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._runs.clear()

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
        there = self._viewer.layers
        self._runs = [run for run in self._runs if run.source in there or run.layer in there]
