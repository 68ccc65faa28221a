"""What is chosen in a task's widget is chosen in the next session too."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox
from superqt import QCollapsible

from napari_dip.viewer.remembered import recall, remember

__all__ = ["Remembering"]


class Remembering:
    """Remembers a preset, a device, and whether *Advanced* is open, as the user chooses them.

    Parameters
    ----------
    task
        Of which task they are.
    preset, device, fold
        Where they are chosen.
    """

    def __init__(self, task: str, preset: QComboBox, device: QComboBox, fold: QCollapsible) -> None:
        self._task, self._preset, self._device, self._fold = task, preset, device, fold
        preset.activated.connect(self.on_preset)
        device.activated.connect(self._on_device)
        fold.toggleButton().clicked.connect(self._on_folded)

    def recall(self) -> None:
        """Choose what was chosen in the last session, as far as it is there."""
        known = recall(self._task)
        if known.get("advanced") and not self._fold.isExpanded():
            self._fold.expand(animate=False)
        for box, name in ((self._preset, "preset"), (self._device, "device")):
            at = box.findData(known[name]) if name in known else -1
            if at >= 0:
                box.setCurrentIndex(at)

    def on_preset(self) -> None:
        """Remember the preset; to be called when it was chosen otherwise than in its box."""
        remember(self._task, preset=self._preset.currentData())

    def _on_device(self) -> None:
        remember(self._task, device=self._device.currentData())

    def _on_folded(self) -> None:
        remember(self._task, advanced=self._fold.isExpanded())
