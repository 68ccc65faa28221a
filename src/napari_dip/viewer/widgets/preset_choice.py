"""A choice of presets that looks for new ones whenever the user looks at it."""

from __future__ import annotations

from typing import Any, ClassVar

from psygnal import Signal

from napari_dip.viewer.widgets.narrow import Entries, NarrowChoice, offer

__all__ = ["ORIGINAL", "TO_COMPARE_WITH", "PresetChoice"]

# What presets that several tasks have are called, and what they are.
ORIGINAL = ("Original (2018)", "Ulyanov, Vedaldi and Lempitsky, to the letter, for comparison: slow.")
TO_COMPARE_WITH: Entries = {
    "tv": (
        "Total variation",
        "No deep image prior: the picture with the fewest edges, to compare with. Quick.",
    ),
    "tikhonov": ("Tikhonov", "No deep image prior: the smoothest picture, to compare with. Quick."),
}


class PresetChoice(NarrowChoice):
    """The presets of a task: the package's, and the user's own when they were looked for.

    Parameters
    ----------
    task
        The task's name.
    entries
        The package's presets.

    Attributes
    ----------
    looked_at : psygnal.Signal
        The user is about to choose: presets that were saved meanwhile, in a console or by another program,
        should be among them.
    """

    looked_at: ClassVar[Signal] = Signal()

    def __init__(self, task: str, entries: Entries) -> None:
        super().__init__()
        self._task, self._entries = task, entries
        offer(self, entries)

    def offer_own(self) -> None:
        """Offer the user's own presets too, and keep what is chosen; torch has to be there."""
        from napari_dip.presets import names

        chosen = self.currentData()
        own = {name: (f"{name} (own)", "A preset of yours.") for name in names(self._task)}
        offer(self, {**self._entries, **own})
        self.setCurrentIndex(max(0, self.findData(chosen)))

    def showPopup(self) -> None:
        """Open the list."""
        self.looked_at.emit()
        super().showPopup()

    def focusInEvent(self, event: Any) -> None:
        """Be chosen in by keys or the wheel from now on."""
        self.looked_at.emit()
        super().focusInEvent(event)
