"""A choice of presets that looks for new ones whenever the user looks at it."""

from __future__ import annotations

from typing import Any, ClassVar

from psygnal import Signal

from napari_dip.viewer.widgets.narrow import Entries, NarrowChoice, offer

__all__ = ["PresetChoice"]


class PresetChoice(NarrowChoice):
    """The presets of a task.

    Attributes
    ----------
    looked_at : psygnal.Signal
        The user is about to choose: presets that were saved meanwhile, in a console or by another program,
        should be among them.
    """

    looked_at: ClassVar[Signal] = Signal()

    def __init__(self, entries: Entries) -> None:
        super().__init__()
        offer(self, entries)

    def showPopup(self) -> None:
        """Open the list."""
        self.looked_at.emit()
        super().showPopup()

    def focusInEvent(self, event: Any) -> None:
        """Be chosen in by keys or the wheel from now on."""
        self.looked_at.emit()
        super().focusInEvent(event)
