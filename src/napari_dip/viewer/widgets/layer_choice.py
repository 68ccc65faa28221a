"""A choice of layers that keeps up with the layer list and its selection."""

from __future__ import annotations

from typing import Any, ClassVar

from napari.layers import Image, Layer
from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_dip.viewer.layers import is_result
from napari_dip.viewer.widgets.narrow import NarrowChoice, silently

__all__ = ["LayerChoice"]


class LayerChoice(NarrowChoice):
    """The layers of a viewer, of one kind or several.

    The choice follows the selection in the layer list, and so the newest layer, except to results of this
    package: they are selected as they appear, and restoring a restored image is rarely what is meant. It can
    be chosen here.

    Parameters
    ----------
    viewer
        The viewer itself, not what napari hands to plugins.
    *kinds
        The classes of layers that are offered; images where none is named.
    nothing
        What is shown while there is no such layer.
    follow
        Whether the choice follows the selection; otherwise the layer list alone.
    none
        What choosing no layer is called, where that can be chosen.

    Attributes
    ----------
    listed : psygnal.Signal
        The layer list has changed, and with it what is offered.
    """

    listed: ClassVar[Signal] = Signal()

    def __init__(
        self,
        viewer: Any,
        *kinds: type[Layer],
        nothing: str = "no image",
        follow: bool = True,
        none: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._kinds, self.follow = viewer, kinds or (Image,), follow
        self._none = none
        self._without: Layer | None = None
        self.setPlaceholderText(nothing)
        self._connections = [
            (viewer.layers.events.inserted, self._on_list_changed),
            (viewer.layers.events.removed, self._on_list_changed),
            (viewer.layers.events.reordered, self._on_list_changed),
            (viewer.layers.selection.events.active, self._on_selection_changed),
        ]
        for event, slot in self._connections:
            event.connect(slot)
        self._named: list[Layer] = []
        self._on_list_changed()
        self._on_selection_changed()

    @property
    def layer(self) -> Layer | None:
        """The chosen layer, None when there is none."""
        return self.currentData()

    @layer.setter
    def layer(self, layer: Layer) -> None:
        self.setCurrentIndex(self._index(layer))

    def leave_out(self, layer: Layer | None) -> None:
        """Offer every layer but this one from now on."""
        if layer is not self._without:
            self._without = layer
            self._on_list_changed()

    @property
    def offers_fresh(self) -> bool:
        """Whether there is a layer to choose that is no result of this package."""
        return any(
            not is_result(layer) for at in range(self.count()) if (layer := self.itemData(at)) is not None
        )

    def let_go(self) -> None:
        """Stop following the viewer."""
        while self._connections:
            event, slot = self._connections.pop()
            event.disconnect(slot)
        self._follow_names([])

    def _index(self, layer: Layer | None) -> int:
        return next((i for i in range(self.count()) if self.itemData(i) is layer), -1)

    def _follow_names(self, layers: list[Layer]) -> None:
        # Each layer's own event: the list's, of a layer renamed, is not there in napari 0.6.
        for layer in self._named:
            layer.events.name.disconnect(self._on_list_changed)
        for layer in layers:
            layer.events.name.connect(self._on_list_changed)
        self._named = layers

    def _on_list_changed(self, event: Any = None) -> None:
        before = self.layer
        layers = [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, self._kinds) and layer is not self._without
        ]
        self._follow_names(layers)
        fresh = [layer for layer in layers if not is_result(layer)] or layers
        proposed = None if self._none else next(iter(fresh), None)
        chosen = before if any(layer is before for layer in layers) else proposed
        with silently(self):
            self.clear()
            if self._none:
                self.addItem(self._none, None)
            for layer in layers:
                self.addItem(layer.name, layer)
            self.setCurrentIndex(self._index(chosen))
        if chosen is not before:
            self.currentIndexChanged.emit(self.currentIndex())
        self.listed.emit()

    def _on_selection_changed(self, event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        wanted = isinstance(active, self._kinds) and not is_result(active)
        if wanted and self.follow and self.isEnabled():
            self.setCurrentIndex(self._index(active))
