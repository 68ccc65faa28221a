"""How much of the processor a run in a window takes: the window, and whoever else is at work, come first."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

import psutil

__all__ = ["Cores", "on_battery", "use_cores"]

# Beside a run of this nice level the window's longest waits were shorter, on two cores with other work on
# them, and the run made as many iterations. Linux alone has a level for each thread. torch's own threads take
# over that of the thread that they are begun from.
NICE = 5
_WANTED: int | None = None


def use_cores(number: int | None) -> None:
    """Say how many of the processor's cores runs in napari use from now on, on battery too.

    Parameters
    ----------
    number
        How many; None leaves it to the package again: all that torch would use, but one of more than two for
        the window, and on battery half of them.

    Raises
    ------
    ValueError
        If it is not a whole number, 1 or more.
    """
    global _WANTED
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
        raise ValueError(f"use_cores takes a whole number of cores, 1 or more, or None, but got {number!r}.")
    _WANTED = number


class Cores:
    """The processor's cores, as one run uses them. Make it in the main thread.

    Attributes
    ----------
    allowed
        How many threads torch would use by itself, or as the user has told it.
    """

    def __init__(self) -> None:
        import torch

        self.allowed = torch.get_num_threads()
        self._said = ""

    def __str__(self) -> str:
        """Return what the user is to know, or nothing."""
        return self._said

    def take(self, device: str) -> None:
        """Have the thread that calls this compute with its part of the cores, from now on."""
        import torch

        if sys.platform == "linux":
            with suppress(OSError):
                this = threading.get_native_id()
                os.setpriority(os.PRIO_PROCESS, this, max(NICE, os.getpriority(os.PRIO_PROCESS, this)))
        self._said = ""
        if torch.device(device).type != "cpu":
            return
        number = _WANTED or min(self.allowed, max(2, _cores() - 1))
        if _WANTED is None and number > 1 and on_battery():
            number = max(1, self.allowed // 2)
            self._said = f"on battery: uses {number} of {self.allowed} cores"
        torch.set_num_threads(number)

    def give(self) -> None:
        """Leave torch as it was, for whoever else uses it."""
        import torch

        self._said = ""
        torch.set_num_threads(self.allowed)


def on_battery() -> bool:
    """Whether this computer runs on its battery; where that can't be told, it doesn't."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):  # not on every system
        return False
    return battery is not None and battery.power_plugged is False


def _cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
