"""A choice of another image of the same place, which guides a restoration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from napari.layers import Image
from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_dip.viewer.guides import guide_problem
from napari_dip.viewer.layers import PLACE
from napari_dip.viewer.widgets.layer_choice import LayerChoice

if TYPE_CHECKING:
    from napari_dip.viewer.regions import Region

__all__ = ["GuideChoice"]

NONE = "None"
# What of a layer says where its pixels lie.
MOVES = ("data", *(name for name in PLACE if name not in ("units", "axis_labels")))


class GuideChoice(LayerChoice):
    """The other image layers, and none of them, which is chosen at first.

    Parameters
    ----------
    viewer
        The viewer itself.

    Attributes
    ----------
    changed : psygnal.Signal
        Another guide is chosen, or it or the image lies elsewhere now.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        self._image: Image | None = None
        self._watched: list[Image] = []
        super().__init__(viewer, Image, follow=False, none=NONE, parent=parent)
        self.setToolTip(
            "Another, cleaner picture of the same place, such as a brighter channel: it says where "
            "structures can be. What is there is told by the image alone."
        )
        self.currentIndexChanged.connect(self._on_chosen)

    def show_for(self, image: Image | None) -> None:
        """Offer what may guide this image."""
        self._image = image
        self.leave_out(image)
        self._watch()

    def problem(self, region: Region) -> str:
        """Return why what is chosen can't guide a region of the image, in a sentence, or nothing."""
        return "" if self.layer is None else guide_problem(region, self.layer)

    def let_go(self) -> None:
        super().let_go()
        self._watch_no_more()

    def _on_chosen(self) -> None:
        self._watch()
        self.changed.emit()

    def _watch(self) -> None:
        self._watch_no_more()
        if self.layer is not None and self._image is not None:
            self._watched = [self.layer, self._image]
        for layer in self._watched:
            for name in MOVES:
                getattr(layer.events, name).connect(self._on_moved)

    def _watch_no_more(self) -> None:
        for layer in self._watched:
            for name in MOVES:
                getattr(layer.events, name).disconnect(self._on_moved)
        self._watched = []

    def _on_moved(self, event: Any = None) -> None:
        self.changed.emit()
