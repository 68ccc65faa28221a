"""The live plot of a run: the data term, the stopping rule's figure, the best point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_dip.viewer.widgets.theme import Colours

__all__ = ["Plot"]

Points = Sequence[tuple[int, float]]


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """Two curves over the iterations on a logarithmic axis, and a mark on the best.

    Parameters
    ----------
    colours
        The window's.
    """

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setLabel("bottom", "iteration")
        self.setToolTip(
            "How the run goes. Data term: how far the picture is from the measured pixels; it always falls, "
            "because in the end the network would copy the noise too.\n"
            "Estimated error: how far it is from the image without noise, judged by pixels that the network "
            "never sees. Where this is lowest, the picture is best, and that is what you get."
        )
        item = self.getPlotItem()
        item.setLogMode(y=True)
        item.getViewBox().setLimits(xMin=0, minXRange=20)
        # How errors compare is what matters; their unit means nothing to the user.
        item.getAxis("left").setTicks([[]])
        item.getAxis("left").setWidth(4)
        self._data, self._figure = item.plot(antialias=True), item.plot(antialias=True)
        self._best = item.plot(pen=None, symbol="o", symbolSize=9)
        self._ratio = 0.0  # of the screen's pixels to Qt's, that the pens were made for
        self._figure_name = "estimated error"
        self.set_colours(colours)

    def sizeHint(self) -> QSize:
        """As high as curves need to be read."""
        return QSize(240, 140)

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.setBackground(colours.background)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(colours.faint)
            axis.setTextPen(colours.text)
        self._colours = colours
        self._show_legend()
        self._set_pens()
        self._best.setSymbolBrush(colours.signal)
        self._best.setSymbolPen(colours.background)

    def _set_pens(self) -> None:
        # pyqtgraph's pens are as wide as the screen's own pixels, of which there are more on a fine screen.
        self._ratio = self.devicePixelRatioF()
        for curve, colour in ((self._data, self._colours.muted), (self._figure, self._colours.accent_bright)):
            curve.setPen(pg.mkPen(colour, width=2 * self._ratio))

    def _show_legend(self) -> None:
        # Above the curves: pyqtgraph's own legend lies on them.
        entries = [
            (self._colours.muted, "\u2501", "data term"),
            (self._colours.accent_bright, "\u2501", self._figure_name),
            (self._colours.signal, "\u25cf", "best"),
        ]
        words = [
            f'<span style="color:{colour}">{mark}</span>&nbsp;{name.replace(" ", "&nbsp;")}'
            for colour, mark, name in entries
        ]
        self.getPlotItem().setTitle(" &nbsp;".join(words), color=self._colours.text, size="8pt")

    def clear_curves(self) -> None:
        """Show nothing: another run begins."""
        for curve in (self._data, self._figure, self._best):
            curve.setData([], [])

    def show_curves(self, data_terms: Points, figures: Points, figure_name: str) -> None:
        """Draw (iteration, value) points; the lowest figure is marked as the best.

        Parameters
        ----------
        data_terms, figures
            The curves. An estimate of an error can fall to 0 and below, where a logarithm can't follow: such
            points are drawn as low as the lowest others.
        figure_name
            What the figure is.
        """
        values = [value for _, value in figures if math.isfinite(value)]
        data_terms, figures = _drawable(data_terms), _drawable(figures)
        if figure_name != self._figure_name:
            self._figure_name = figure_name
            self._show_legend()
        if self.devicePixelRatioF() != self._ratio:  # the window has moved to another screen
            self._set_pens()
        self._data.setData(*_columns(data_terms))
        self._figure.setData(*_columns(figures))
        best = figures[values.index(min(values)) :][:1] if values else []
        self._best.setData(*_columns(best))


def _drawable(points: Points) -> Points:
    points = [(x, y) for x, y in points if math.isfinite(y)]
    lowest = min((y for _, y in points if y > 0), default=1.0)
    return [(x, max(y, lowest)) for x, y in points]


def _columns(points: Points) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
