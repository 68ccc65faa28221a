"""Work in the background that has ended when Python does."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Any

from napari.qt.threading import FunctionWorker, GeneratorWorker
from qtpy.QtCore import QThreadPool

__all__ = ["LEAVING", "Steps", "Work", "in_background"]

# Set when Python is about to end: what is not done yet is not wanted any more.
LEAVING = threading.Event()
# Seconds that the end is held up, at most, for what can't be broken off, such as loading torch.
PATIENCE = 60.0

_UNDER_WAY: dict[Any, threading.Event] = {}


class _Ending:
    """A worker of napari's that Python waits for at its end.

    A window may be closed while torch is being loaded. The thread would go on among the ruins of Qt and torch
    and end in tracebacks about what is gone.
    """

    def run(self) -> None:
        """Do the work, in a thread of Qt's."""
        over = _UNDER_WAY[self] = threading.Event()
        try:
            if not LEAVING.is_set():
                super().run()  # type: ignore[misc]
        finally:
            del _UNDER_WAY[self]
            over.set()


class Work(_Ending, FunctionWorker):  # type: ignore[misc]
    """A function called in the background."""


class Steps(_Ending, GeneratorWorker):  # type: ignore[misc]
    """A generator walked through in the background, in a thread of its own.

    A thread that has been made nice can't be made otherwise again, and those of Qt's pool are everybody's.
    """

    def run(self) -> None:
        """Do the work, while a thread of Qt's waits for it, in whose place another one may work."""
        thread = threading.Thread(target=super().run, name="Deep Image Prior")
        pool = QThreadPool.globalInstance()
        assert pool is not None
        pool.releaseThread()
        try:
            thread.start()
            thread.join()
        finally:
            pool.reserveThread()


def in_background(
    function: Callable[..., Any], *args: Any, then: Callable[[Any], Any], failed: Callable[[Exception], Any]
) -> Work:
    """Call a function in the background; then one of these, with what came of it, in the main thread.

    Return the worker, which the caller holds as long as it wants to be called.
    """
    worker = Work(function, *args)
    worker.returned.connect(then)
    worker.errored.connect(failed)
    worker.start()
    return worker


def _leave() -> None:
    LEAVING.set()
    under_way = dict(_UNDER_WAY)
    for worker in under_way:  # all of them: one may wait for another
        worker.quit()
    for over in under_way.values():
        over.wait(PATIENCE)


atexit.register(_leave)
