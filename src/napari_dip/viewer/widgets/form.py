"""The form that every task has: an image, planes of a stack, a guide, a preset, where the result goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_dip.given import pixels_of
from napari_dip.viewer.layers import axes_of
from napari_dip.viewer.masks import not_finite
from napari_dip.viewer.sight import FLAT, PART, in_sight, is_large
from napari_dip.viewer.widgets.destination import Destination
from napari_dip.viewer.widgets.guide_choice import GuideChoice
from napari_dip.viewer.widgets.layer_choice import LayerChoice
from napari_dip.viewer.widgets.narrow import Entries, choice
from napari_dip.viewer.widgets.preset_choice import PresetChoice
from napari_dip.viewer.widgets.stack_choice import StackChoice
from napari_dip.viewer.words import capital, sentence

if TYPE_CHECKING:
    from napari_dip.viewer.regions import Region

__all__ = ["TaskForm"]

AFTERWARDS: Entries = {
    "keep both": (
        "Keep both",
        "The result lies on top of the original; hold B to see what was before.",
    ),
    "hide the original": ("Hide original", "Only the result stays visible. Nothing is deleted."),
}

NOTHING_SEEN = (
    "None of the pixels is a finite number (all are NaN or infinite): choose another image, or other planes."
)


class TaskForm(QWidget):
    """Asks what is to be restored, and says what that is; it begins nothing. It is disabled during a run.

    Parameters
    ----------
    viewer
        The viewer itself.
    task
        What is done, the `name` of one of `napari_dip.tasks`.
    presets
        The presets that are offered, with what they are called and what they are.
    neighbours
        Along with how many planes on each side a slice is restored unless the user chooses; None for volumes.

    Attributes
    ----------
    layer, guide, preset, stacks, destination, afterwards
        What is asked, in its order but for `stacks`, whose rows follow the image.
    rows
        All of it, and what a task asks besides.
    """

    def __init__(self, viewer: Any, task: str, presets: Entries, neighbours: int | None) -> None:
        super().__init__()
        self._viewer = viewer
        self._shown: Any = None
        self._missing: tuple[Any, np.ndarray | None] = (None, None)  # pixels, and where they are NaN
        self.layer = LayerChoice(viewer)
        self.layer.setToolTip(f"The image to {task}. It is not changed; the result is a new layer.")
        self.guide = GuideChoice(viewer)
        self.preset = PresetChoice(task, presets)
        self.stacks = StackChoice(viewer, neighbours)
        self.destination = Destination()
        self.afterwards = choice(AFTERWARDS)
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setVerticalSpacing(4)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.guide.listed.connect(self._show_guide)

    def lay_out(self, add_rows: Callable[[QFormLayout], None]) -> None:
        """Lay the rows out, with those that a task adds between the image and the guide."""
        self.rows.addRow("Image", self.layer)
        self.stacks.add_to(self.rows)
        add_rows(self.rows)
        self.rows.addRow("Guide", self.guide)
        self.rows.addRow("Preset", self.preset)
        self.rows.addRow("Result", self.destination)
        self.rows.addRow("Then", self.afterwards)

    def let_go(self) -> None:
        """Stop following the viewer and its layers."""
        self.layer.let_go()
        self.guide.let_go()
        self.stacks.let_go()

    def show_for(self, ready: bool) -> None:
        """Ask what there is to ask about the image that is chosen; of a stack only when torch is there."""
        layer = self.layer.layer
        self.stacks.show(layer if ready else None)
        stack = layer is not None and layer.ndim > 2
        self.rows.setRowVisible(self.destination, stack)
        if layer is not self._shown or not stack:  # another one's result goes to a file of its own
            self._shown = layer
            self.destination.choose(None)
        self.guide.show_for(layer)
        self._show_guide()

    def _show_guide(self) -> None:
        # Results of this image alone are no reason to ask.
        self.rows.setRowVisible(self.guide, self.guide.offers_fresh)

    # ------------------------------------------------------------------------------------ what it says

    def settings(self) -> dict[str, Any]:
        """Return what is chosen, as keywords of a task's call."""
        return {
            "preset": self.preset.currentData(),
            "axes": self.axes(),
            "neighbours": self.stacks.neighbours,
            "guide": self.guide.layer,
        }

    def axes(self) -> str | None:
        """Return the axes, when the user wants them otherwise than the layer's labels say."""
        layer = self.layer.layer
        if layer is None:
            return None
        chosen, (own, _) = self.stacks.axes(), axes_of(layer)
        return None if chosen.names == own.names else chosen.names

    @property
    def has_channels(self) -> bool:
        """Whether an axis of the image is its channels, other than those of a colour picture."""
        layer = self.layer.layer
        try:
            return layer is not None and not layer.rgb and self.stacks.axes().channel is not None
        except ValueError:  # the axes make no sense, which is told
            return False

    def volumes(self) -> bool | None:
        """Return whether a stack is taken as volumes; None where there is no stack."""
        chosen = self.stacks.chosen
        return None if chosen is None or not chosen.free else chosen.in_volumes

    @property
    def missing(self) -> np.ndarray | None:
        """Which pixels of the planes that are chosen are NaN or infinite; None where that is not known.

        It is not looked for in images that are not in memory.
        """
        layer = self.layer.layer
        if layer is None:
            return None
        if self._missing[0] is not (pixels := pixels_of(layer)):
            self._missing = pixels, not_finite(layer)
        found = self._missing[1]
        return None if found is None else found[self.stacks.region().where[: found.ndim]]

    @property
    def problem(self) -> str:
        """What is wrong with the image, its axes or the guide, in a sentence, or nothing."""
        if self.stacks.problem:
            return self.stacks.problem
        try:
            region = self.stacks.region()
        except ValueError as error:
            return sentence(error)
        if (missing := self.missing) is not None and missing.all():
            return NOTHING_SEEN
        return self.guide.problem(region)

    @property
    def out(self) -> dict[str, Any]:
        """Where the result goes, as a keyword of a task's call."""
        return {"out": self.destination.path}

    def describe(self, details: Callable[[], str]) -> str:
        """Return what will be restored, in words, or nothing where there is a `problem`.

        The `details` are what a task says of it besides.
        """
        if self.layer.layer is None or self.problem:
            return ""
        try:
            parts = (self.stacks.describe(), details(), self.destination.details)
            return capital(", ".join(part for part in parts if part))
        except ValueError as error:
            return capital(str(error))

    # ------------------------------------------------------------------------------- what is tried alone

    def in_parts(self, enlargement: int) -> bool:
        """Whether what can be tried is a part of a plane or volume, of a result so many times finer."""
        chosen = self.stacks.chosen
        return chosen is not None and not chosen.problem and is_large(chosen.shape, chosen.axes, enlargement)

    def trial(self, enlargement: int) -> tuple[str, str]:
        """Return what can be tried alone: what it is called, or nothing, and what stands in the way."""
        if self.in_parts(enlargement):
            return PART, "" if self._viewer.dims.ndisplay == 2 else FLAT
        return self.stacks.trial, ""

    def looked_at(self, enlargement: int, mask: Layer | None) -> Region:
        """Return what is looked at: a plane of a stack, or of a large one the part in sight.

        Parameters
        ----------
        enlargement
            How many times finer the result is than the image, in rows and columns.
        mask
            The layer that says what is to be restored, where there is one.

        Raises
        ------
        ValueError
            If nothing of the image is in sight.
        """
        assert self.layer.layer is not None
        region = self.stacks.region(current=True)
        if not self.in_parts(enlargement):
            return region
        return region.within(in_sight(self._viewer, self.layer.layer, self.stacks.axes(), enlargement, mask))
