"""A choice of image layers that keeps up with the layer list and its selection."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QWidget

from napari_dip.viewer.layers import image_layers, is_result
from napari_dip.viewer.widgets.narrow import keep_narrow

__all__ = ["LayerChoice"]


class LayerChoice(QComboBox):
    """The image layers of a viewer.

    The choice follows the selection in the layer list, except to results of this package: they are selected
    as they appear, and restoring a restored image is rarely what is meant. It can be chosen here.

    Parameters
    ----------
    viewer
        The viewer itself, not what napari hands to plugins.
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        keep_narrow(self)
        self.setPlaceholderText("no image")
        self._connections = [
            (viewer.layers.events.inserted, self._on_list_changed),
            (viewer.layers.events.removed, self._on_list_changed),
            (viewer.layers.events.reordered, self._on_list_changed),
            (viewer.layers.events.renamed, self._on_list_changed),
            (viewer.layers.selection.events.active, self._on_selection_changed),
        ]
        for event, slot in self._connections:
            event.connect(slot)
        self._on_list_changed()
        self._on_selection_changed()

    @property
    def layer(self) -> Image | None:
        """The chosen layer, None when there is no image."""
        return self.currentData()

    @layer.setter
    def layer(self, layer: Image) -> None:
        self.setCurrentIndex(self._index(layer))

    def let_go(self) -> None:
        """Stop following the viewer."""
        while self._connections:
            event, slot = self._connections.pop()
            event.disconnect(slot)

    def _index(self, layer: Image | None) -> int:
        return next((i for i in range(self.count()) if self.itemData(i) is layer), -1)

    def _on_list_changed(self, event: Any = None) -> None:
        before = self.layer
        images = image_layers(self._viewer)
        fresh = [image for image in images if not is_result(image)] or images
        chosen = before if any(image is before for image in images) else next(iter(fresh), None)
        self.blockSignals(True)
        self.clear()
        for image in images:
            self.addItem(image.name, image)
        self.setCurrentIndex(self._index(chosen))
        self.blockSignals(False)
        if chosen is not before:
            self.currentIndexChanged.emit(self.currentIndex())

    def _on_selection_changed(self, event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if isinstance(active, Image) and not is_result(active) and self.isEnabled():
            self.setCurrentIndex(self._index(active))
