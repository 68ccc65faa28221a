"""A sheet with a small picture of each of some ways to restore a part; a click chooses one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from napari.layers import Image
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_dip.viewer.alternatives import Alternative, Comparison, picture_of

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run
    from napari_dip.viewer.widgets.theme import Colours

__all__ = ["ContactSheet"]

# Pixels of a picture; three fit side by side in a narrow dock.
SIDE = 70
EXPLANATION = (
    "Restore what you see in different ways, one after the other: {names}. Then click on the one that you "
    "like, and apply it to all of the image."
)


class ContactSheet(QWidget):
    """A button that begins a comparison, and the pictures of what came of it.

    Parameters
    ----------
    alternatives
        What is compared.
    viewer
        For its layers.

    Attributes
    ----------
    requested : psygnal.Signal
        A comparison is wanted.
    chosen : psygnal.Signal(Run, Alternative, bool)
        A result was chosen: by the user, or because it is the newest.
    """

    requested: ClassVar[Signal] = Signal()
    chosen: ClassVar[Signal] = Signal(object, object, bool)

    def __init__(
        self, alternatives: Sequence[Alternative], viewer: Any, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.alternatives, self._viewer = alternatives, viewer
        self.comparison: Comparison | None = None
        self._shown: set[int] = set()
        self._picked: int | None = None  # by the user
        self.compare = QPushButton("Compare settings")
        self.compare.setMinimumHeight(28)
        self._sheet = QWidget()
        row = QHBoxLayout(self._sheet)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self._group = QButtonGroup(self)
        self.pictures: list[QToolButton] = []
        for number, alternative in enumerate(alternatives):
            button = QToolButton()
            button.setCheckable(True)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setIconSize(QSize(SIDE, SIDE))
            button.setFixedSize(SIDE + 8, SIDE + 26)  # a frame, and a line of text
            button.setText(alternative.name)
            button.setToolTip(f"{alternative.name}: {alternative.explanation}")
            button.setAccessibleName(alternative.name)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self._group.addButton(button, number)
            self.pictures.append(button)
            row.addWidget(button)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.compare)
        layout.addWidget(self._sheet)
        self._sheet.hide()
        self.compare.clicked.connect(self.requested.emit)
        self._group.idClicked.connect(self._on_clicked)

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        for button in self.pictures:
            button.setStyleSheet(
                "QToolButton { padding: 1px; border: 2px solid transparent; }"
                f"QToolButton:focus {{ border-color: {colours.muted}; }}"
                f"QToolButton:checked {{ border-color: {colours.signal}; }}"
            )

    def offer(self, offered: bool, obstacle: str = "") -> None:
        """Offer a comparison, or say in a sentence what stands in the way."""
        self.setVisible(offered or self.comparison is not None)
        self.compare.setEnabled(offered and not obstacle)
        names = ", ".join(alternative.name for alternative in self.alternatives)
        self.compare.setToolTip(obstacle or EXPLANATION.format(names=names))

    def begin(self, begin: Callable[[str], Run | None]) -> None:
        """Compare; `begin` begins a run with a preset."""
        self.forget()
        self._shown, self._picked = set(), None
        blank = QPixmap(SIDE, SIDE)
        blank.fill(Qt.GlobalColor.transparent)
        self._group.setExclusive(False)
        for button in self.pictures:
            button.setIcon(QIcon(blank))
            button.setEnabled(False)
            button.setChecked(False)
        self._group.setExclusive(True)
        comparison = Comparison(self.alternatives, begin)
        if comparison.runs[0] is None:
            return
        self.comparison = comparison
        self._sheet.show()
        comparison.changed.connect(self._on_changed)

    def forget(self) -> None:
        """Begin no more runs of the comparison, and forget what came of it."""
        if self.comparison is not None:
            self.comparison.changed.disconnect(self._on_changed, missing_ok=True)
            self.comparison.give_up()
        self.comparison = None
        self._sheet.hide()

    def keep_for(self, layer: Image | None) -> None:
        """Forget what came of a comparison, if it was of another image than this one."""
        runs = [] if self.comparison is None else self.comparison.runs
        if not any(run is not None and run.source is layer for run in runs):
            self.forget()

    def choose(self, number: int) -> None:
        """Show a result in the viewer in place of the others."""
        comparison = self.comparison
        if comparison is None or not comparison.is_ready(number):
            return
        run = comparison.runs[number]
        assert run is not None
        for other in comparison.runs:
            if other is not None and other.layer is not None and other.layer in self._viewer.layers:
                other.layer.visible = other is run or not other.done
        if run.layer is not None and run.layer in self._viewer.layers:  # which B and its controls are of
            self._viewer.layers.selection.active = run.layer
        if run.adjustable and run.detail != self.alternatives[number].detail:
            run.adjust(self.alternatives[number].detail)
        self.pictures[number].setChecked(True)
        self.chosen.emit(run, self.alternatives[number], number == self._picked)

    def _on_clicked(self, number: int) -> None:
        self._picked = number
        comparison = self.comparison
        run = comparison.runs[number] if comparison is not None and comparison.is_ready(number) else None
        if run is not None and run.layer is not None and run.layer not in self._viewer.layers:
            self._viewer.add_layer(run.layer)  # it was removed, and is asked for again
        self.choose(number)

    def _on_changed(self) -> None:
        comparison, newest = self.comparison, None
        assert comparison is not None
        for number, button in enumerate(self.pictures):
            picture, run = comparison.picture(number), comparison.runs[number]
            if picture is None or run is None or run.layer is None or number in self._shown:
                continue
            self._shown.add(number)
            mapped = picture_of(picture, run.layer, SIDE)
            height, width = mapped.shape[:2]
            image = QImage(mapped.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
            button.setIcon(QIcon(QPixmap.fromImage(image.copy()).scaled(SIDE, SIDE)))
            button.setEnabled(True)
            if not self.alternatives[number].detail:
                newest = number
        if newest is not None:
            self.choose(newest if self._picked is None else self._picked)
