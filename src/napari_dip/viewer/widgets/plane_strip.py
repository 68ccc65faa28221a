"""A strip with a cell for each plane of a run: done, under way, to do."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_dip.viewer.widgets.theme import Colours
from napari_dip.viewer.words import capital

if TYPE_CHECKING:
    from napari_dip.viewer.planes_to_do import PlanesToDo

__all__ = ["PlaneStrip"]

HEIGHT, CELL = 16, 10
# Pixels: cells that are wider than this have a gap between them, and no mark is narrower.
WIDE, GAP, NARROWEST = 5, 1, 3


class PlaneStrip(QWidget):
    """Shows how far each plane is; a click, or the arrow keys, move the viewer's sliders to one.

    Parameters
    ----------
    viewer
        The viewer itself, whose sliders are moved.
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._colours = Colours.of(viewer)
        self.planes: PlanesToDo | None = None
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMouseTracking(True)
        self.setAccessibleName("Planes done")
        self.hide()
        viewer.dims.events.current_step.connect(self._on_slider)

    def let_go(self) -> None:
        """Stop following the viewer."""
        self._viewer.dims.events.current_step.disconnect(self._on_slider)

    def follow(self, planes: PlanesToDo | None) -> None:
        """Show how far these planes are from now on, or nothing; one alone needs no strip."""
        self.planes = planes
        self.setVisible(planes is not None and len(planes) > 1)
        self.update()

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self._colours = colours
        self.update()

    def say(self, number: int) -> str:
        """Return what is to be known of a plane, in words."""
        planes = self.planes
        assert planes is not None
        where, click = planes.say(number), "Click to look at it."
        if planes.done[number]:
            how = "done"
        elif number == planes.under_way:
            how = "restored as far as it got" if planes.over else "under way"
        else:
            how = "as it was" if planes.over else "to do"
            click = click if planes.over else "Click to look at it, and it is next."
        return f"{capital(where)}: {how}.\n{click}"

    def legend(self) -> str:
        """Return what the colours mean, and the arrow, as rich text."""
        colours = self._colours
        signs = {
            "done": (colours.accent_bright, "\N{BLACK SQUARE}"),
            "under way": (colours.signal, "\N{BLACK SQUARE}"),
            "looked at": (colours.text, "\N{BLACK UP-POINTING TRIANGLE}"),
        }
        return "&nbsp; ".join(
            f'<span style="color:{colour}">{sign}</span> {what}' for what, (colour, sign) in signs.items()
        )

    def plane_at(self, x: float) -> int:
        """Return the number of the plane whose cell is at `x`."""
        assert self.planes is not None
        return min(max(int(x / self.width() * len(self.planes)), 0), len(self.planes) - 1)

    def cell(self, number: int) -> QRectF:
        """Return where the cell of a plane is."""
        assert self.planes is not None
        size = self.width() / len(self.planes)
        gap = GAP if size > WIDE else 0
        return QRectF(number * size, 0, size - gap, CELL)

    # ------------------------------------------------------------------------------------- what Qt calls

    def paintEvent(self, event: Any) -> None:
        planes, colours = self.planes, self._colours
        if planes is None:
            return
        with QPainter(self) as painter:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.fillRect(QRectF(0, 0, self.width(), CELL), QColor(colours.background))
            for first, last in self._alike(planes.done):
                colour = colours.accent_bright if planes.done[first] else colours.surface
                painter.fillRect(self.cell(first).united(self.cell(last)), QColor(colour))
            if planes.under_way is not None:
                painter.fillRect(self._mark(planes.under_way), QColor(colours.signal))
            shown = planes.looked_at(self._viewer)
            if shown is not None:  # a small arrow from below: you are here
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setBrush(QColor(colours.text if self.hasFocus() else colours.muted))
                tip = QPointF(min(max(self.cell(shown).center().x(), 4), self.width() - 4), CELL + 1)
                painter.drawPolygon(
                    [tip, tip + QPointF(4, HEIGHT - CELL - 1), tip + QPointF(-4, HEIGHT - CELL - 1)]
                )

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._show(self.plane_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton and self.planes is not None:
            number = self.plane_at(event.position().x())
            if number != self.planes.looked_at(self._viewer):
                self._show(number)

    def keyPressEvent(self, event: Any) -> None:
        planes = self.planes
        if planes is None:
            return
        here = planes.looked_at(self._viewer) or 0
        to = {
            Qt.Key.Key_Left: here - 1,
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(planes) - 1,
        }.get(event.key())
        if to is None:
            super().keyPressEvent(event)
        elif 0 <= to < len(planes):
            self._show(to)

    def focusInEvent(self, event: Any) -> None:
        self.update()

    def focusOutEvent(self, event: Any) -> None:
        self.update()

    def event(self, event: Any) -> bool:
        """Tell of the plane under the pointer."""
        if event.type() == QEvent.Type.ToolTip and self.planes is not None:
            said = self.say(self.plane_at(event.pos().x())).replace("\n", "<br>")
            QToolTip.showText(event.globalPos(), f"{said}<hr>{self.legend()}", self)
            return True
        return bool(super().event(event))

    def _alike(self, done: list[bool]) -> list[tuple[int, int]]:
        """Return the first and last of cells that are drawn as one: thousands would take too long."""
        if self.cell(0).width() > WIDE - GAP:
            return [(number, number) for number in range(len(done))]
        starts = [0, *(np.flatnonzero(np.diff(done)) + 1).tolist(), len(done)]
        return [(first, after - 1) for first, after in itertools.pairwise(starts)]

    def _mark(self, number: int) -> QRectF:
        """Return a cell, as wide as can be seen."""
        cell = self.cell(number)
        if cell.width() < NARROWEST:
            left = min(max(cell.center().x() - NARROWEST / 2, 0), self.width() - NARROWEST)
            cell = QRectF(left, 0, NARROWEST, CELL)
        return cell

    def _show(self, number: int) -> None:
        assert self.planes is not None
        self.planes.show(self._viewer, number)

    def _on_slider(self, event: Any = None) -> None:
        self.update()
