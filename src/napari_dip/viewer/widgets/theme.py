"""napari's colours, for what its style sheet does not reach."""

from __future__ import annotations

from dataclasses import dataclass

import napari
from napari.utils.theme import get_theme
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF

__all__ = ["Colours"]


@dataclass(frozen=True)
class Colours:
    """The colours of a theme, as hexadecimal numbers."""

    background: str
    surface: str
    text: str
    faint: str
    disabled: str
    muted: str
    accent: str
    accent_bright: str
    on_accent: str
    signal: str

    @classmethod
    def of(cls, viewer: napari.viewer.Viewer) -> Colours:
        """Return the colours of the viewer's theme."""
        theme = get_theme(viewer.theme)

        def named(name: str) -> str:
            return QColor(*getattr(theme, name).as_rgb_tuple(alpha=False)).name()

        # By what is seen: napari 0.6 does not say it.
        dark = QColor(named("background")).lightness() < 128
        return cls(
            background=named("background"),
            surface=named("foreground"),
            text=named("text"),
            faint=named("highlight" if dark else "primary"),
            disabled=_between(named("foreground"), named("text")),
            muted="#a9afb8" if dark else "#6b7178",
            accent="#1f6fd0",
            accent_bright="#2f83ea",
            on_accent="#ffffff",
            signal="#ffb347" if dark else "#c05a00",
        )

    def arrow(self, down: bool) -> QIcon:
        """Return the arrow of a fold, down when it is open, right when it is closed."""
        pixmap = QPixmap(32, 32)
        pixmap.fill(Qt.GlobalColor.transparent)
        corners = [(4, 10), (28, 10), (16, 24)] if down else [(10, 4), (10, 28), (24, 16)]
        with QPainter(pixmap) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self.text))
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
        return QIcon(pixmap)


def _between(ground: str, text: str) -> str:
    """Return the colour of a text that can be read, and is seen not to count at present."""
    low, high = QColor(ground), QColor(text)
    mixed = [round(a + 0.45 * (b - a)) for a, b in zip(low.getRgb()[:3], high.getRgb()[:3], strict=True)]
    return str(QColor(*mixed).name())
