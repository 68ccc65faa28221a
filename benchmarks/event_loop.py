"""Waits in a window while it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from qtpy.QtCore import QEventLoop, QTimer


def until(condition: Callable[[], object], seconds: float = math.inf) -> bool:
    """Run the event loop until `condition()`, for some seconds at most; return whether it came true."""
    end = time.monotonic() + seconds
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: (condition() or time.monotonic() > end) and loop.quit())
    timer.start(1)
    loop.exec()
    return bool(condition())
