"""Choices that fit in a narrow dock."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QSizePolicy

__all__ = ["keep_narrow"]


def keep_narrow(box: QComboBox) -> None:
    """Let `box` shrink below its longest text, which would make the dock wider than the user wants it."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
