"""The pictures between which a result's detail is chosen are worked out in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_dip.viewer.background import Work, in_background

if TYPE_CHECKING:
    from napari_dip.detail import Detail

__all__ = ["detail_at", "position_of", "when_prepared"]

# The slider's ends. On its way to the image as it was, a little is a lot: it begins slowly.
END = 100
SLOWLY = 1.5


def detail_at(position: int) -> float:
    """Return the detail that is meant by a position of the slider, to a percent."""
    part = abs(position) / END
    return round(part**SLOWLY, 2) if position >= 0 else -round(part, 2)


def position_of(detail: float) -> int:
    """Return the position of the slider that means this detail."""
    return round(END * (detail ** (1 / SLOWLY) if detail > 0 else detail))


def when_prepared(detail: Detail, ready: Callable[[Detail], Any], failed: Callable[[Exception], Any]) -> Work:
    """Work out the pictures in the background; then call one of these in the main thread.

    Return the worker, which the caller holds as long as it wants to be called.
    """
    return in_background(_prepare, detail, then=ready, failed=failed)


def _prepare(detail: Detail) -> Detail:
    from napari_dip.engine.devices import turn_of

    with turn_of(detail.device):
        detail.prepare()
    return detail
