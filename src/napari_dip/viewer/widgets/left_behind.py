"""A line that offers results which were not saved when napari ended unexpectedly."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_dip.viewer.unsaved import OFFERS, discard, left_behind, name_of, reopen

__all__ = ["LeftBehind"]

# Names that are said of what was left behind.
MOST = 3


class LeftBehind(QWidget):
    """What was left behind, to be opened or discarded; hidden where nothing was.

    Parameters
    ----------
    viewer
        Where results are opened.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.says = QLabel()
        self.says.setWordWrap(True)
        self.says.setMinimumWidth(1)  # a name may be a long word
        self.open = QPushButton("Open")
        self.open.setToolTip("Show them as layers. Save what you want to keep.")
        self.discard = QPushButton("Discard")
        self.discard.setToolTip("Delete these copies for good.")
        buttons = QHBoxLayout()
        for button in (self.open, self.discard):
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.says)
        layout.addLayout(buttons)
        self.open.clicked.connect(self._on_open)
        self.discard.clicked.connect(self._on_discard)
        OFFERS.changed.connect(self.look)
        self.look()

    def look(self) -> None:
        """Look again for what was left behind."""
        self._copies = left_behind()
        names = [name_of(copy) for copy in self._copies]
        what = "this result was" if len(names) == 1 else "these results were"
        listed = "; ".join(names[:MOST]) + (f"; and {len(names) - MOST} more" if len(names) > MOST else "")
        self.says.setText(f"napari ended before {what} saved: {listed}.")
        if not names or self.parent() is not None:  # without a parent it would be a window
            self.setVisible(bool(names))

    def let_go(self) -> None:
        """Hear of nothing any more."""
        OFFERS.changed.disconnect(self.look, missing_ok=True)

    def _on_open(self) -> None:
        try:
            reopen(self._copies, self._viewer)
        except (OSError, ValueError) as error:
            show_error(f"A result that was left behind can't be opened: {error}")

    def _on_discard(self) -> None:
        try:
            discard(self._copies)
        except OSError as error:
            show_error(f"A result that was left behind can't be deleted: {error}")
