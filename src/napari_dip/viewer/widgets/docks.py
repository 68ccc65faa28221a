"""Where the widgets of several tasks lie: in one place, a tab for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

__all__ = ["dock_of", "share_a_place"]


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget is in."""
    above: Any = widget
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above


def share_a_place(widget: QWidget, others: Iterable[QWidget]) -> None:
    """Put a widget that has just been opened into the place of another, as a tab in front of it.

    napari would put it below, and leave the one above with room for three lines. What the user draws out of
    the tabs stays where it is put.
    """
    docks = [dock_of(other) for other in others if other is not widget]
    soon = QTimer(widget)  # napari has not put it anywhere yet
    soon.setSingleShot(True)
    soon.timeout.connect(lambda: _join(dock_of(widget), docks))
    soon.start(0)


def _join(dock: QDockWidget | None, docks: Iterable[QDockWidget | None]) -> None:
    window = None if dock is None else dock.parentWidget()
    if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
        return
    if any(one in docks for one in window.tabifiedDockWidgets(dock)):  # both were opened at once
        return
    for other in docks:
        if other is None or other.parentWidget() is not window or other.isFloating() or other.isHidden():
            continue
        window.tabifyDockWidget(other, dock)
        for one in (other, dock):
            _shorten(one)
        dock.raise_()
        return


def _shorten(dock: QDockWidget) -> None:
    """Have a dock's tab say what it is for, without the plugin's name; the *Window* menu says both."""
    action = dock.toggleViewAction()
    assert action is not None
    said = action.text()
    dock.setWindowTitle(dock.windowTitle().partition(" (")[0])
    action.setText(said)
