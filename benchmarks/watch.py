"""Takes the time and the memory of one run, and follows its quality while the clock stands still."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import torch
from pictures import psnr

PROCESS = Path("/proc/self")


class Look(NamedTuple):
    """The quality of one iterate."""

    seconds: float
    iteration: int
    psnr: float


class Watch:
    """Watches one run: ``with watch: ...``, and `look` now and then in between.

    Parameters
    ----------
    truth
        What the images are compared with.
    device
        Where the run does its work.
    every
        Iterations from look to look.
    clock
        Tells the seconds: those on the wall, or those of the processor (`time.process_time`), which count
        what this process has computed and not what else the machine did meanwhile.

    Attributes
    ----------
    seconds
        Time so far, without the looks.
    memory
        Bytes at the peak, on top of what was held before the run; None where this system does not tell.
    trace
        The looks.
    """

    def __init__(
        self,
        truth: np.ndarray,
        device: str,
        every: int = 10,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.truth, self.every, self.clock = truth, every, clock
        self.device = torch.device(device)
        self.memory: int | None = None
        self.trace: list[Look] = []

    def __enter__(self) -> Watch:
        self._before = self._held()
        self._start = self.clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.seconds = self._now()
        peak = self._peak()
        if peak is not None and self._before is not None:
            self.memory = max(0, peak - self._before)

    def look(
        self, iteration: int, image: Callable[[], np.ndarray], *, every: int | None = None
    ) -> float | None:
        """Take down the quality of an image, if it is time to."""
        if iteration % (every or self.every):
            return None
        seconds, pause = self._now(), self.clock()
        quality = psnr(image(), self.truth)
        self.trace.append(Look(seconds, iteration, quality))
        self._start += self.clock() - pause
        return quality

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
        return self.clock() - self._start

    def _held(self) -> int | None:
        """Return the bytes that are held now, and forget the peak so far."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
            return torch.cuda.memory_allocated(self.device)
        try:
            ctypes.CDLL(None).malloc_trim(0)
            (PROCESS / "clear_refs").write_text("5")
        except (OSError, AttributeError):
            return None
        return _status("VmRSS")

    def _peak(self) -> int | None:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return _status("VmHWM") if self._before is not None else None


def _status(name: str) -> int:
    lines = (PROCESS / "status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
