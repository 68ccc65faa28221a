"""Which device, which precision, how much memory a run will take, and whose turn it is."""

from __future__ import annotations

import functools
import re
import threading
import time
from contextlib import AbstractContextManager

import psutil
import torch
from torch import nn

__all__ = [
    "PRECISIONS",
    "DeviceFailure",
    "autocast",
    "available_memory",
    "check_device_name",
    "choose_device",
    "choose_precision",
    "failed",
    "graphics",
    "layout",
    "out_of_memory",
    "repeatable",
    "turn_of",
]

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# One run computes at a time on a device of a process; two side by side, each with all of the processor's
# threads, take more than ten times as long, because threads that spin wait for one another.
_TURNS: dict[str, threading.Lock] = {}

# bfloat16 must be clearly quicker to be taken: at a tie the timing's noise would decide, and the same seed
# would not give the same result twice.
CLEARLY = 1.25


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Raises
    ------
    ValueError
        If there is no such device here; the message lists those there are.
    """
    here = ["cpu"]
    if torch.backends.mps.is_available():
        here.insert(0, "mps")
    count = torch.cuda.device_count()
    here = ["cuda", *(f"cuda:{i}" for i in range(count)), *here] if count else here
    if name == "auto":
        return torch.device(here[0])
    if not isinstance(name, str) or name not in here:
        raise ValueError(f"device {name!r} is not available here. Choose one of: auto, {', '.join(here)}.")
    return torch.device(name)


def graphics() -> dict[str, str]:
    """Return the graphics processors here, by what `choose_device` takes, and what each is called."""
    here = {"mps": "Apple graphics"} if torch.backends.mps.is_available() else {}
    for index in range(torch.cuda.device_count()):
        here[f"cuda:{index}"] = f"GPU {index}: {torch.cuda.get_device_name(index)}"
    return here


def turn_of(name: str) -> threading.Lock:
    """Return what is held by whoever computes on the device called `name`, in this process.

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    device = choose_device(name)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return _TURNS.setdefault(str(device), threading.Lock())


def check_device_name(name: str) -> None:
    """Refuse a name that no device has on any machine; whether there is one here is not asked.

    Raises
    ------
    ValueError
        If there is no such device anywhere.
    """
    if not isinstance(name, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ValueError(
            f"device {name!r} is not available anywhere. Choose one of: auto, cpu, cuda, cuda:0 (and so on), "
            "mps."
        )


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Return a context in which the network computes in `precision`."""
    return torch.autocast(device.type, dtype=PRECISIONS[precision], enabled=precision != "float32")


def layout(device: torch.device, dims: int) -> torch.memory_format:
    """Return how images of so many spatial axes, and a generator's weights, lie best in a device's memory.

    Channels last, but for planes on a processor without AVX-512: oneDNN's gradients of wide kernels take up
    to four times as long there.
    """
    if dims == 3:
        return torch.channels_last_3d
    wide = device.type != "cpu" or torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.channels_last if wide else torch.contiguous_format


class _Repeatable:
    """A context that may be entered by several threads, or several times."""

    def __init__(self) -> None:
        self._inside, self._lock, self._before = 0, threading.Lock(), False

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = torch.backends.cudnn.deterministic
                torch.backends.cudnn.deterministic = True
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                torch.backends.cudnn.deterministic = self._before


_REPEATABLE = _Repeatable()


def repeatable() -> AbstractContextManager[None]:
    """Return a context in which convolutions on a GPU come to the same, bit for bit, each time."""
    return _REPEATABLE


@functools.cache
def choose_precision(device: torch.device, threads: int) -> str:
    """Return the quicker of float32 and bfloat16 on `device`, by a short timing kept for the session.

    Capability flags don't tell: with matrix units for it (AMX) a processor is 3 times quicker in bfloat16,
    one that merely has the instructions is slower.

    Parameters
    ----------
    device
        Where.
    threads
        The number of threads that torch uses; the timing holds for it alone.
    """
    # A processor with AVX2 at most has no instructions for it, and the timing alone would take seconds.
    if device.type == "mps" or (device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"):
        return "float32"
    seconds = {precision: _time_block(device, precision) for precision in PRECISIONS}
    return "bfloat16" if seconds["float32"] > CLEARLY * seconds["bfloat16"] else "float32"


def _time_block(device: torch.device, precision: str) -> float:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        block = nn.Sequential(
            nn.Conv2d(64, 64, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(64, 64, 3, padding=1)
        )
        x = torch.rand(1, 64, 96, 96)
    block = block.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = x.to(device, memory_format=torch.channels_last)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        with autocast(device, precision):
            loss = block(x).float().mean()
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


class DeviceFailure(OSError):
    """A device has failed, and nothing that lies on it can be read any more."""


def failed(error: Exception) -> bool:
    """Return whether torch says with `error` that a device has failed."""
    kinds = getattr(torch, "AcceleratorError", ())
    return isinstance(error, kinds) or "CUDA error" in str(error) or "cuDNN error" in str(error)


def out_of_memory(error: Exception) -> bool:
    """Return whether `error` says that memory ran out, which torch says differently by device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "out of memory" in str(error) or "can't allocate memory" in str(error)


def explained(error: Exception, device: str) -> DeviceFailure | MemoryError | None:
    """Return what a user can make of an error of torch's, and do about it; None if it says neither.

    Parameters
    ----------
    error
        What was raised.
    device
        Where.
    """
    if failed(error):
        said = str(error).strip().splitlines()[0].rstrip(".")
        return DeviceFailure(
            f"{device} has failed: {said}. Start the program anew before you use it again, or choose the "
            "device 'cpu'."
        )
    if out_of_memory(error):
        return MemoryError(
            f"{device} ran out of memory. Close other programs that use it, crop the image, or choose the "
            "preset 'fast' or the device 'cpu'."
        )
    return None


def available_memory(device: torch.device) -> int:
    """Return how many bytes `device` has free now."""
    if device.type == "cuda":
        # What earlier runs have given back torch keeps for the next.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    return int(psutil.virtual_memory().available)
