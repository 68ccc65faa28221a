"""Where a result goes: into memory, or into a file as it grows."""

from __future__ import annotations

import os
from pathlib import Path

from psygnal import Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_dip.viewer.widgets.narrow import NarrowChoice

__all__ = ["Destination"]

MEMORY, FILE = "In memory", "In a file…"
TOOLTIP = (
    "In memory: save the layer when you like it.\n"
    "In a file: each plane is written as soon as it is done, so that a long stack needs no more memory than "
    "one plane, and nothing is lost when napari or the computer goes down. Choose the same file again "
    "to go on where it ended."
)
KINDS = "OME-Zarr (*.ome.zarr);;OME-TIFF (*.ome.tif)"


class Destination(NarrowChoice):
    """A choice between memory and a file, which a dialog asks for.

    Attributes
    ----------
    changed : psygnal.Signal
        Another place was chosen.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.addItem(MEMORY)
        self.addItem(FILE)
        self.setToolTip(TOOLTIP)
        self.activated.connect(self._on_activated)

    @property
    def details(self) -> str:
        """What is to be said of the place, or nothing."""
        from napari_dip.unfinished import is_begun

        if self.path is None:
            return ""
        if os.path.lexists(self.path):
            return f"{self.path.name} exists already: choose another name"
        return "continuing where an earlier run ended" if is_begun(self.path) else ""

    def choose(self, path: Path | None) -> None:
        """Let results go to a file, or into memory."""
        self.path = path
        while self.count() > 2:
            self.removeItem(1)
        if path is not None:
            self.insertItem(1, path.name)
        self.setCurrentIndex(int(path is not None))
        self.setToolTip(TOOLTIP if path is None else f"{path}\n\n{TOOLTIP}")
        self.changed.emit()

    def _on_activated(self, index: int) -> None:
        if self.itemText(index) == FILE:
            self.choose(self._ask() or self.path)
        elif index == 0:
            self.choose(None)

    def _ask(self) -> Path | None:
        name, kind = QFileDialog.getSaveFileName(
            self,
            "Write the result to",
            "" if self.path is None else str(self.path.parent),
            KINDS,
            # A file that exists is never overwritten; a run that was not finished goes on.
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if not name:
            return None
        path = Path(name)
        if path.name.endswith((".zarr", ".tif", ".tiff")):
            return path
        return path.with_name(path.name + (".ome.tif" if "tif" in kind else ".ome.zarr"))
