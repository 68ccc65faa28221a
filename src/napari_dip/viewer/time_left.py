"""The time that a run has left, as it can be shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dip.step import Step

__all__ = ["TimeLeft"]


class TimeLeft:
    """An estimate of the time left that can be shown: it runs down evenly, and follows the job's own."""

    # The job's estimate jumps with each new best iteration; what is shown follows within some seconds.
    SETTLING = 3.0
    # The first iterations say little: memory is being claimed, and threads started.
    EARLY = 1.0

    def __init__(self) -> None:
        self.progress = 0.0
        self.seconds: float | None = None
        self._last = 0.0

    def go_on(self) -> None:
        """A pause has ended: its time does not count."""
        self._last = time.perf_counter()

    def update(self, step: Step, paused: bool) -> None:
        now = time.perf_counter()
        elapsed, self._last = (0.0 if paused else now - self._last), now
        self.progress = max(self.progress, step.progress)
        if self.seconds is None:
            if step.done > 0 or step.iterate.seconds >= self.EARLY:
                self.seconds = step.seconds_left
            return
        weight = min(1.0, elapsed / self.SETTLING)
        self.seconds = max(0.0, self.seconds - elapsed)
        self.seconds += weight * (step.seconds_left - self.seconds)
