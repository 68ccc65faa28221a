"""Memory that each step of a run asks for anew stays with the process until the run is over."""

from __future__ import annotations

import ctypes
import sys
import threading
from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["kept"]

# glibc's mallopt(3): what it is asked for, and how large blocks may be that are not handed back at once.
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
USUAL, LARGE, ALL = 32 << 20, 64 << 20, (1 << 31) - 1


class _Kept:
    """A context that may be entered by several threads, or several times."""

    def __init__(self) -> None:
        self._inside, self._lock = 0, threading.Lock()
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._libc = libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._say(LARGE, ALL)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._say(USUAL, 2 * USUAL)  # what it comes to by itself where large blocks are freed
                if self._libc is not None:
                    self._libc.malloc_trim(0)

    def _say(self, large: int, trimmed: int) -> None:
        if self._libc is not None:
            self._libc.mallopt(MMAP_THRESHOLD, large)
            self._libc.mallopt(TRIM_THRESHOLD, trimmed)


_KEPT = _Kept()


def kept(device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which the processor's memory, once it was asked for, is used over and over.

    A step on 1024 x 1024 pixels makes and frees more than a gigabyte. If it goes back to the system in
    between, it comes back page by page, each filled with zeros, which takes two fifths of the step. Only
    where the C library is glibc, as on most Linux.
    """
    return _KEPT if device.type == "cpu" else nullcontext()
