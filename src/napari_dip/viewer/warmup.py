"""torch is loaded, and this machine measured, while a widget opens: not at the click."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_dip.viewer.background import LEAVING, Work, in_background

__all__ = ["warm_up", "when_warm"]


def warm_up() -> list[str]:
    """Load torch, measure which precision is quicker, do a tiny run; return the devices there are."""
    import numpy as np
    import torch

    if LEAVING.is_set():
        return []

    from napari_dip.api import plan_denoise
    from napari_dip.engine.devices import choose_device

    ramp = np.add.outer(np.arange(32.0), np.arange(32.0))
    for _ in plan_denoise(ramp, iterations=2):
        if LEAVING.is_set():
            return []
    devices = ["auto", "cpu"]
    for name, here in (("mps", torch.backends.mps.is_available()), ("cuda", torch.cuda.is_available())):
        if here:
            choose_device(name)
            devices.append(name)
    return devices


def when_warm(ready: Callable[[list[str]], Any], failed: Callable[[Exception], Any]) -> Work:
    """Warm up in the background; then call one of these in the main thread.

    Return the worker, which the caller holds as long as it wants to be called.
    """
    return in_background(warm_up, then=ready, failed=failed)
