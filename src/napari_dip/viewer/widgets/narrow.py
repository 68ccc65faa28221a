"""What fits in a narrow dock: choices, and a column that scrolls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFrame,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

__all__ = [
    "Entries",
    "NarrowChoice",
    "choice",
    "keep_narrow",
    "let_shrink",
    "offer",
    "put_before",
    "silently",
    "stack_up",
]

# What can be chosen: values, each with what it is called and what it is.
Entries = Mapping[Any, tuple[str, str]]


class NarrowChoice(QComboBox):
    """A choice that shows of a long name its beginning and its end, which tells files apart."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        keep_narrow(self)

    def paintEvent(self, event: Any) -> None:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        room = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        text = option.currentText or self.placeholderText()
        option.currentText = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room.width())
        with QStylePainter(self) as painter:
            painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
            painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


def keep_narrow(box: QComboBox) -> None:
    """Let `box` shrink below its longest text, which would make the dock wider than the user wants it."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def let_shrink(box: QAbstractSpinBox) -> None:
    """Let a number be as narrow as it can be read, and as wide as the dock."""
    box.setMinimumWidth(60)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def put_before(field: QWidget, *widgets: QWidget) -> None:
    """Let the Tab key come to `widgets` just before `field`; else it goes as they were made."""
    before = field.previousInFocusChain()
    while before is not None and before is not field and not before.focusPolicy() & Qt.FocusPolicy.TabFocus:
        before = before.previousInFocusChain()  # Qt puts nothing behind a label
    for widget in widgets:
        if before is not None:
            QWidget.setTabOrder(before, widget)
        before = widget


@contextmanager
def silently(*widgets: QWidget) -> Iterator[None]:
    """Change what `widgets` show without a word to those who listen to them."""
    before = [widget.blockSignals(True) for widget in widgets]
    try:
        yield
    finally:
        for widget, blocked in zip(widgets, before, strict=True):
            widget.blockSignals(blocked)


def choice(entries: Entries) -> QComboBox:
    """Return a choice of values, each with what it is called and what it is."""
    box = NarrowChoice()
    offer(box, entries)
    return box


def offer(box: QComboBox, entries: Entries) -> None:
    """Let `box` be a choice of these values, without a word to those who listen to it."""
    with silently(box):
        box.clear()
        for value, (text, tooltip) in entries.items():
            box.addItem(text, value)
            box.setItemData(box.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
    box.setToolTip("\n".join(f"{text}: {tooltip}" for text, tooltip in entries.values()))


def stack_up(widget: QWidget, parts: Sequence[QWidget]) -> None:
    """Lay the parts of `widget` out one below the other, to be scrolled where the dock is low."""
    content = QWidget()
    inner = QVBoxLayout(content)
    inner.setContentsMargins(6, 6, 6, 6)
    inner.setSpacing(8)
    # A form layout would give a label of several lines too little room when other rows come and go.
    for part in parts:
        inner.addWidget(part)
    inner.addStretch()
    scroll = QScrollArea()
    scroll.setWidget(content)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it scrolls to what the Tab key comes to
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    outer = QVBoxLayout(widget)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.addWidget(scroll)
