"""A run's window, which is busy while it is live."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = ["BusyWindow"]


class BusyWindow:
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
            QApplication.alert(self._qt)  # its entry in the task bar, for whoever works elsewhere meanwhile
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
