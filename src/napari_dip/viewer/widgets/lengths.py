"""Numbers with a unit of length."""

from __future__ import annotations

import math

from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox

from napari_dip.viewer.widgets.narrow import let_shrink

__all__ = ["length", "show_length"]


def length(tooltip: str) -> QDoubleSpinBox:
    """Return a field for a length that fits in a narrow dock."""
    box = QDoubleSpinBox()
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setToolTip(tooltip)
    let_shrink(box)
    return box


def show_length(box: QDoubleSpinBox, value: float, unit: str, *, zero: bool = False) -> None:
    """Propose a length, to three digits; whether 0 can be typed too."""
    decimals = max(0, 2 - math.floor(math.log10(value)))
    box.setDecimals(decimals)
    box.setRange(0.0 if zero else 10.0**-decimals, 1000 * value)
    box.setSuffix(f" {unit}" if unit else "")
    box.setValue(value)
