"""torch is loaded, and this machine measured, while a widget opens: not at the click."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_dip.viewer.background import LEAVING, Work, in_background

__all__ = ["warm_up", "when_warm"]


def warm_up() -> dict[str, str]:
    """Load torch, measure which precision is quicker, do a tiny run; return the graphics processors."""
    import numpy as np

    if LEAVING.is_set():
        return {}

    from napari_dip.api import plan_denoise
    from napari_dip.engine.devices import graphics

    ramp = np.add.outer(np.arange(32.0), np.arange(32.0))
    for _ in plan_denoise(ramp, iterations=2):
        if LEAVING.is_set():
            return {}
    return graphics()


def when_warm(ready: Callable[[dict[str, str]], Any], failed: Callable[[Exception], Any]) -> Work:
    """Warm up in the background; then call one of these in the main thread.

    Return the worker, which the caller holds as long as it wants to be called.
    """
    return in_background(warm_up, then=ready, failed=failed)
