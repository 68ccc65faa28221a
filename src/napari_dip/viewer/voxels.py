"""The voxels of a layer: how large they are, and whether an axis is depth, as it is said at present."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from napari.layers import Image
from psygnal import Signal

from napari_dip.given import take
from napari_dip.viewer.layers import axes_of

__all__ = ["Voxels"]

# What of a layer says how large its voxels are.
PROPERTIES = ("scale", "units")


class Voxels:
    """The voxels of a layer, as its scale and units, and what the user says of its axes, are now.

    Not the widget's own methods are called when those change: napari could not forget them any more when the
    widget is gone.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, layer: Image, named: Callable[[], str]) -> None:
        self.layer, self._named = layer, named
        for name in PROPERTIES:
            getattr(layer.events, name).connect(self._on_changed)

    def let_go(self) -> None:
        """Hear of changes no more."""
        for name in PROPERTIES:
            getattr(self.layer.events, name).disconnect(self._on_changed)

    def _on_changed(self, event: Any = None) -> None:
        self.changed.emit()

    @property
    def is_deep(self) -> bool:
        """Whether an axis can be depth."""
        return "Z" in self._letters

    @property
    def is_called_deep(self) -> bool:
        """Whether an axis is called so."""
        return self.is_deep and "Z" in self._named()

    @property
    def pixel(self) -> float:
        """The pixel size."""
        return min(self._along(letter) for letter in "YX")

    @property
    def step(self) -> float:
        """The Z step; without one, the pixel size."""
        return self._along("Z") if self.is_deep else self.pixel

    @property
    def ratio(self) -> float:
        """The Z step over the pixel size, in the same unit where both have one of length."""
        there = [self._letters.find(letter) for letter in "ZYX" if letter in self._letters]
        known = take(self.layer, self._letters or None).micrometres(tuple(there)) if self.is_deep else None
        return self.step / self.pixel if known is None else known[0] / min(known[1:])

    def unit(self, letter: str) -> str:
        """Return the unit along an axis, in short."""
        at = self._letters.find(letter)
        return f"{self.layer.units[at]:~P}" if at >= 0 else ""

    def _along(self, letter: str) -> float:
        at = self._letters.find(letter)
        return abs(float(self.layer.scale[at])) if at >= 0 else 1.0

    @property
    def _letters(self) -> str:
        """A letter for each axis, Z where it can be depth."""
        try:
            axes, _ = axes_of(self.layer, True, self._named() or None)
        except ValueError:  # which is told where the image is described
            return ""
        return str(axes.names if len(axes.spatial) == 3 else axes.names.replace("Z", "Q"))
