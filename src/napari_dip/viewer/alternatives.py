"""The same part restored in two or three ways, one after the other, for a choice between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from psygnal import Signal

from napari_dip.viewer.detail import when_prepared

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = ["Alternative", "Comparison", "picture_of"]


@dataclass(frozen=True)
class Alternative:
    """A way to restore an image.

    Parameters
    ----------
    name, explanation
        What it is called, and what it is.
    preset
        The preset's name.
    detail
        As `napari_dip.viewer.runs.Run.adjust` takes it. Alternatives that differ in this alone share a run.
    """

    name: str
    explanation: str
    preset: str
    detail: float = 0.0


class Comparison:
    """Does the runs of alternatives, one after the other, and has their results.

    Parameters
    ----------
    alternatives
        What is compared.
    begin
        Begins a run with a preset, or returns None where that can't be.

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted in the main thread when another result is there, or there will be no more.
    runs
        Of each alternative, its run; None before it has begun.
    over
        Whether there will be no more.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, alternatives: Sequence[Alternative], begin: Callable[[str], Run | None]) -> None:
        self.alternatives, self._begin = alternatives, begin
        self.runs: list[Run | None] = [None] * len(alternatives)
        self.over = False
        self._run: Run | None = None
        self._ready: set[int] = set()
        self._worker: Any = None
        self._next()

    def give_up(self) -> None:
        """Begin no more runs."""
        self.over = True

    def is_ready(self, number: int) -> bool:
        """Whether the result of an alternative is there."""
        return number in self._ready

    def picture(self, number: int) -> NDArray[Any] | None:
        """Return the result of an alternative, or None where it is not there."""
        run = self.runs[number]
        if run is None or run.result is None or number not in self._ready:
            return None
        detail = self.alternatives[number].detail
        return np.asarray(run.result.adjusted(detail).image if run.adjustable else run.result.image)

    def _next(self) -> None:
        if self.over or None not in self.runs:
            self.over = True
            return
        preset = self.alternatives[self.runs.index(None)].preset
        run = self._begin(preset)
        if run is None:
            self.over = True
            return
        for number, alternative in enumerate(self.alternatives):
            if alternative.preset == preset:
                self.runs[number] = run
        self._run = run
        run.finished.connect(self._on_finished)

    def _on_finished(self) -> None:
        run, self._run = self._run, None
        assert run is not None
        if run.result is None or run.result.stopped_by == "user":
            self.over = True
        numbers = [
            number for number, other in enumerate(self.runs) if other is run and run.result is not None
        ]
        self._ready.update(number for number in numbers if not self.alternatives[number].detail)
        others = [number for number in numbers if self.alternatives[number].detail]
        if others and run.result is not None and run.result.detail is not None:
            # Before the next run, which would have it wait.
            self._worker = when_prepared(
                run.result.detail, lambda _: self._go_on(others), lambda _: self._go_on([])
            )
            self.changed.emit()
        else:
            self._go_on([])

    def _go_on(self, ready: list[int]) -> None:
        self._worker = None
        self._ready.update(ready)
        self.changed.emit()
        self._next()
        self.changed.emit()


def picture_of(image: NDArray[Any], layer: Image, side: int) -> NDArray[np.uint8]:
    """Return the middle of an image as its layer would show it, pixel by pixel.

    Parameters
    ----------
    image
        The layer's array, or one like it.
    layer
        Says in which colours and with which contrast.
    side
        Pixels, at most.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 4)
    """
    colours = int(bool(layer.rgb))
    while image.ndim > 2 + colours:
        image = image[len(image) // 2]
    middle = tuple(slice(max(0, (size - side) // 2), (size + side) // 2) for size in image.shape[:2])
    pixels = np.asarray(image[middle])
    if colours:
        scale = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "ui" else 1
        mapped = np.ones((*pixels.shape[:2], 4))
        mapped[..., : pixels.shape[2]] = pixels / scale
    else:
        low, high = layer.contrast_limits
        unit = np.clip((pixels.astype(np.float64) - low) / (high - low), 0, 1)
        unit = np.nan_to_num(unit) ** layer.gamma
        mapped = np.asarray(layer.colormap.map(unit.ravel())).reshape(*unit.shape, 4)
    return np.ascontiguousarray(np.clip(255 * mapped, 0, 255).astype(np.uint8))
