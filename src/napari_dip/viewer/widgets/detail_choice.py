"""The slider with which the detail of a result is chosen when it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSlider, QWidget

from napari_dip.viewer.detail import END, detail_at, position_of, when_prepared
from napari_dip.viewer.widgets.narrow import silently
from napari_dip.viewer.widgets.theme import Colours
from napari_dip.viewer.words import how_detailed, sentence

if TYPE_CHECKING:
    from napari_dip.detail import Detail
    from napari_dip.viewer.runs import Run

__all__ = ["DetailChoice"]

EXPLANATION = (
    "What you see is the result, whatever you choose here; nothing is computed anew.\n"
    "Too smooth? Move right: part of what was taken away from the image comes back, fine detail and noise "
    "alike, until it is the image as it was.\n"
    "Too grainy? Move left: more is taken away.\n"
    "The mark in the middle is the automatic choice."
)
# Positions of the slider: what a key moves it by, and how near to the mark it is drawn there.
STEP, PAGE, NEAR = 5, 20, 3
MARK = 2  # pixels
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class DetailChoice(QWidget):
    """Makes the result of a run smoother, or gives it more detail.

    Parameters
    ----------
    viewer
        For its theme's colours and its layers.
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.run: Run | None = None
        self._worker: Any = None
        self._prepared = False
        self.slider = MarkedSlider(Colours.of(viewer))
        self.slider.setAccessibleName("Detail")
        self.said = QLabel()
        self.said.setAlignment(RIGHT)
        self.automatic = QPushButton("Automatic")
        self.automatic.setToolTip("Back to the automatic choice.")
        self._ends = QLabel("Smoother"), QLabel("More detail")
        self._ends[1].setAlignment(RIGHT)
        for part in (self, self.slider):
            part.setToolTip(EXPLANATION)

        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(2)
        layout.addWidget(QLabel("Detail"), 0, 0)
        layout.addWidget(self.said, 0, 1, 1, 2)
        layout.addWidget(self.slider, 1, 0, 1, 3)
        layout.addWidget(self._ends[0], 2, 0)
        layout.addWidget(self.automatic, 2, 1)
        layout.addWidget(self._ends[1], 2, 2)
        for column, stretch in enumerate((1, 0, 1)):
            layout.setColumnStretch(column, stretch)
        self.set_colours(Colours.of(viewer))
        self.hide()

        self.slider.valueChanged.connect(self._on_moved)
        self.slider.sliderReleased.connect(self._on_released)
        self.automatic.clicked.connect(lambda: self.slider.setValue(0))
        viewer.layers.events.removed.connect(self._on_removed)

    def let_go(self) -> None:
        """Stop following the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.follow(None)

    def follow(self, run: Run | None) -> None:
        """Choose the detail of this run's result from now on, where that can be chosen."""
        self.run, self._prepared = run, False
        self._worker = None
        if run is not None and run.result is not None and run.result.detail is not None:
            self._worker = when_prepared(run.result.detail, self._on_prepared, self._on_failed)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        run = self.run
        if run is None or not run.adjustable or run.layer not in self._viewer.layers:
            self.hide()
            return
        if detail_at(self.slider.value()) != run.detail:
            with silently(self.slider):
                self.slider.setValue(position_of(run.detail))
        self.slider.setEnabled(self._prepared)
        self.automatic.setEnabled(self._prepared and run.detail != 0)
        self.said.setText(how_detailed(run.detail) if self._prepared else "getting ready…")
        self.show()

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.slider.set_colours(colours)
        for label in (*self._ends, self.said):
            label.setStyleSheet(f"color: {colours.muted};")

    # -------------------------------------------------------------------------------------------- connections

    def _on_prepared(self, detail: Detail) -> None:
        result = None if self.run is None else self.run.result
        if result is not None and result.detail is detail:  # else of a run that was followed before
            self._worker, self._prepared = None, True
            self.refresh()

    def _on_failed(self, error: Exception) -> None:
        self._worker, self.run = None, None
        self.refresh()

    def _on_moved(self, position: int) -> None:
        if abs(position) <= NEAR and self.slider.isSliderDown():
            position = 0
        if self.run is not None and detail_at(position) != self.run.detail:
            try:
                self.run.adjust(detail_at(position))
            except ValueError as error:  # the layer is not the run's any more
                show_warning(sentence(error))
                self.refresh()

    def _on_released(self) -> None:
        if abs(self.slider.value()) <= NEAR:
            self.slider.setValue(0)

    def _on_removed(self, event: Any = None) -> None:
        self.refresh()


class MarkedSlider(QSlider):
    """A slider with a mark in its middle; the wheel, which scrolls the dock, does not move it."""

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._colours = colours
        self.setRange(-END, END)
        self.setSingleStep(STEP)
        self.setPageStep(PAGE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self._colours = colours
        self.update()

    def wheelEvent(self, event: Any) -> None:
        event.ignore()

    def paintEvent(self, event: Any) -> None:
        with QPainter(self) as painter:
            middle = (self.width() - MARK) // 2
            if self.value() != 0:  # the handle would lie on it
                painter.fillRect(middle, 0, MARK, self.height(), QColor(self._colours.signal))
            if self.hasFocus():  # the keys move it
                painter.setPen(QColor(self._colours.muted))
                painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        super().paintEvent(event)
