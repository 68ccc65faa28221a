"""The runs that a widget has seen the end of: of each image the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_dip.viewer.runs import Run

__all__ = ["RunsDone"]

# A run keeps its result, and the pictures between which the detail is chosen.
MOST = 8


class RunsDone:
    """Of each image the newest run that is done, for as long as a layer of that run is in the viewer.

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
        """Keep a run that is done, in place of the one of this image before it."""
        others = [other for other in self._runs if other.source is not run.source]
        self._runs = [*others, run][-MOST:]

    def of(self, layer: Layer | None) -> Run | None:
        """Return the newest run that has restored this layer, else the one that has made it, or None."""
        if layer is None:
            return None
        runs = self._runs[::-1]
        of_it = [run for run in runs if run.source is layer] + [run for run in runs if run.layer is layer]
        return next(iter(of_it), None)

    def _on_removed(self, event: Any = None) -> None:
        there = self._viewer.layers
        self._runs = [run for run in self._runs if run.source in there or run.layer in there]
