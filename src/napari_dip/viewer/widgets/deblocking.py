"""The *Remove JPEG artefacts* widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QFormLayout, QSpinBox

from napari_dip.given import pixels_of
from napari_dip.images.jpeg import quality_of, quantisation_at
from napari_dip.viewer.jpegs import file_table, is_grey, on_blocks
from napari_dip.viewer.widgets.narrow import Entries, choice, let_shrink, offer
from napari_dip.viewer.widgets.preset_choice import ORIGINAL
from napari_dip.viewer.widgets.task import TaskWidget

if TYPE_CHECKING:
    from napari_dip.job import Job
    from napari_dip.viewer.regions import Region

__all__ = ["DeblockWidget"]

PRESETS: Entries = {
    "fast": ("Fast", "Ends by what the compression has rounded, where that is known: the quickest."),
    "ulyanov2018": ORIGINAL,
}
FILE, QUALITY, UNKNOWN = "file", "quality", "unknown"
COMPRESSIONS: Entries = {
    FILE: ("From the file", "The JPEG file that this layer shows says how it was compressed."),
    QUALITY: ("A quality", "As programs ask for it when they save a JPEG: for a grey picture of 8 bits."),
    UNKNOWN: (
        "Not known",
        "The run ends after 350 iterations, which suits small, strongly compressed pictures. Of colours the "
        "compression can't be told.",
    ),
}
USUAL_QUALITY = 75
VOLUMES = "JPEG compresses planes: choose Plane by plane for this stack."
NOT_THE_FILE = "The layer is not what is in its file any more: say at which quality it was compressed."


class DeblockWidget(TaskWidget):
    """Choose a layer, press *Remove artefacts*, and watch the blocks go."""

    TASK = "deblock"
    VERB = "Remove artefacts"
    EXPLANATION = "Take away the blocks and rings that JPEG's compression has put into this picture."
    PRESETS = PRESETS
    ALTERNATIVES = ()
    NEIGHBOURS = 0

    def add_rows(self, form: QFormLayout) -> None:
        self.compression = choice(COMPRESSIONS)
        self.quality = QSpinBox()
        self.quality.setRange(1, 100)
        self.quality.setValue(USUAL_QUALITY)
        let_shrink(self.quality)
        self.quality.setToolTip("The quality at which the picture was saved, from 1 to 100.")
        form.addRow("Compression", self.compression)
        form.addRow("Quality", self.quality)
        self._asked: Image | None = None  # the layer that the choice was offered for
        self._quality: int | None = None  # of its file
        self.compression.currentIndexChanged.connect(self._on_compression)

    def settings(self) -> dict[str, Any]:
        return {"table": self._table()} | super().settings()

    def plan(self, layer: Image, settings: dict[str, Any]) -> Job:
        from napari_dip.api import plan_deblock

        return plan_deblock(layer, **settings)

    def begin(self, layer: Image, settings: dict[str, Any], region: Region) -> Any:
        return super().begin(layer, settings, on_blocks(region))

    def obstacle(self) -> str:
        chosen = self.stacks.chosen
        return VOLUMES if chosen is not None and chosen.in_volumes else ""

    def details(self) -> str:
        chosen = self.compression.currentData()
        if chosen == FILE:
            return "" if self._quality is None else f"compressed at quality {self._quality}"
        if chosen != UNKNOWN:
            return ""
        layer = self.layer.layer
        few = layer is None or pixels_of(layer).dtype == np.uint8
        return "compression not known" + ("" if few else "; more than the 8 bits of a JPEG file")

    def refresh(self) -> None:
        self._offer_compressions()
        self.rows.setRowVisible(self.quality, self.compression.currentData() == QUALITY)
        super().refresh()

    def _on_compression(self) -> None:
        self.controls.tell("")  # of what was in the way before
        self.refresh()

    def _table(self) -> list[list[int]] | None:
        if self.compression.currentData() == QUALITY:
            return quantisation_at(self.quality.value())
        if self.compression.currentData() == UNKNOWN or self.layer.layer is None:
            return None
        table = file_table(self.layer.layer)
        if table is None:
            raise ValueError(NOT_THE_FILE)
        return table

    def _offer_compressions(self) -> None:
        layer = self.layer.layer
        if layer is self._asked:
            return
        self._asked = layer
        table = None if layer is None else file_table(layer)
        self._quality = None if table is None else quality_of(table)
        entries = dict(COMPRESSIONS)
        if table is None:
            entries.pop(FILE)
        if layer is not None and not is_grey(layer):
            entries.pop(QUALITY)
        chosen = self.compression.currentData()
        if table is not None:
            chosen = FILE
        elif chosen not in entries:
            chosen = UNKNOWN
        offer(self.compression, entries)
        self.compression.setCurrentIndex(self.compression.findData(chosen))
