"""Waiting for a run in an asyncio program, such as a notebook, whoever turns Qt's wheel there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from napari_dip.restoration import Restoration
    from napari_dip.viewer.runs import Run

__all__ = ["when_finished"]

# Seconds between two looks at whether Qt turns.
LOOK = 0.03


async def when_finished(run: Run) -> Restoration:
    """Return the result of a run when it is there, and let all else go on until then.

    Where Qt's event loop drives asyncio, Qt is alive anyway. Where asyncio runs by itself, nobody would hear
    what the run's thread has to say: Qt's events are worked off here then.
    """
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def resolve() -> None:
        if not future.done():
            future.set_result(None)

    run.finished.connect(resolve)
    try:
        while not run.done:
            turns: list[bool] = []
            QTimer.singleShot(0, lambda turns=turns: turns.append(True))
            await asyncio.wait([future], timeout=LOOK)
            if not turns and not run.done:
                QApplication.processEvents()
    finally:
        run.finished.disconnect(resolve, missing_ok=True)
    return run.wait()
