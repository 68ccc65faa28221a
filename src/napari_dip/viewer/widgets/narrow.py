"""Choices that fit in a narrow dock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QSizePolicy

__all__ = ["Entries", "choice", "keep_narrow", "offer"]

# What can be chosen: values, each with what it is called and what it is.
Entries = Mapping[Any, tuple[str, str]]


def keep_narrow(box: QComboBox) -> None:
    """Let `box` shrink below its longest text, which would make the dock wider than the user wants it."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def choice(entries: Entries) -> QComboBox:
    """Return a choice of values, each with what it is called and what it is."""
    box = QComboBox()
    offer(box, entries)
    keep_narrow(box)
    return box


def offer(box: QComboBox, entries: Entries) -> None:
    """Let `box` be a choice of these values, without a word to those who listen to it."""
    box.blockSignals(True)
    box.clear()
    for value, (text, tooltip) in entries.items():
        box.addItem(text, value)
        box.setItemData(box.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
    box.setToolTip("\n".join(f"{text}: {tooltip}" for text, tooltip in entries.values()))
    box.blockSignals(False)
