"""The *Inpaint* widget."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QPushButton, QSizePolicy

from napari_dip.given import pixels_of
from napari_dip.viewer.mask_edits import MaskWatch, follow_mask
from napari_dip.viewer.masks import (
    MASKS,
    damage_in,
    filled_in,
    label_entries,
    mask_over,
    new_mask,
    not_finite,
    paint_on,
    raise_up,
    read_mask,
)
from napari_dip.viewer.suggested_masks import (
    Suggestion,
    found,
    suggested_before,
    suggestion_layer,
    when_suggested,
)
from napari_dip.viewer.widgets.layer_choice import LayerChoice
from napari_dip.viewer.widgets.narrow import Entries, choice, keep_narrow, silently
from napari_dip.viewer.widgets.preset_choice import TO_COMPARE_WITH
from napari_dip.viewer.widgets.task import TaskWidget

if TYPE_CHECKING:
    from napari_dip.job import Job
    from napari_dip.viewer.regions import Region
    from napari_dip.viewer.runs import Run

__all__ = ["InpaintWidget"]

NOT_HERE = "Nothing is masked on the planes that are chosen."
NOT_IN_PART = "Nothing is masked in the part that is to be tried. Bring something that is into view."
NO_MASK = "Paint a mask over what is damaged, or let one be suggested."
# What a mask emits when it is painted or drawn on, and not when a run changes how it looks.
STROKES = ("paint", "labels_update", "data")

PRESETS: Entries = {
    "fast": ("Fast", "The quickest that suits the kind of damage."),
    "best": ("Best", "Full resolution inside: finer detail, slower."),
    "ulyanov2018": (
        "Original (2018)",
        "The published method for this kind of damage, to the letter, for comparison: slow.",
    ),
    **TO_COMPARE_WITH,
}
DAMAGES: Entries = {
    None: ("Auto", "The mask's shape tells what it is."),
    "scattered": ("Scattered pixels", "Single pixels and specks: hot and dead pixels, dust."),
    "scratches": ("Scratches and text", "Thin and long: scratches, text, missing scan lines."),
    "holes": ("Large holes", "Wide areas, of which only the surroundings are known."),
}


class InpaintWidget(TaskWidget):
    """Choose an image, paint over what is damaged, press *Inpaint*, and go on painting meanwhile."""

    TASK = "inpaint"
    VERB = "Inpaint"
    EXPLANATION = "Fill in what is under the mask, from nothing but the rest of the image."
    PRESETS = PRESETS

    def add_rows(self, form: QFormLayout) -> None:
        self.mask_layer = LayerChoice(self.viewer, *MASKS, nothing="no mask")
        self.mask_layer.setToolTip(
            "What is to be filled in: painted on a Labels layer, or drawn on a Shapes layer. "
            "You may go on editing it during a run."
        )
        self.paint = QPushButton("Paint a mask")
        self.paint.setToolTip("Take the brush in hand, over this image. Paint over what is to be filled in.")
        self.suggest = QPushButton("Suggest")
        self.suggest.setToolTip(
            "Look for hot and dead pixels, saturated and missing ones, and line dropouts. "
            "What is found is put on a layer for you to correct."
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.paint, self.suggest):
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            buttons.addWidget(button)
        self.labels = QComboBox()
        self.labels.setToolTip("Which of the mask's labels are to be filled in.")
        keep_narrow(self.labels)
        self.damage = choice(DAMAGES)
        self.denoise = QCheckBox("Also denoise")
        self.denoise.setToolTip(
            "Restore the pixels outside the mask too. Unchecked, they stay what they are, bit for bit."
        )
        form.addRow("Mask", self.mask_layer)
        form.addRow("", buttons)
        form.addRow("Labels", self.labels)
        form.addRow("Damage", self.damage)
        form.addRow("", self.denoise)

        self._mask: np.ndarray | None = None
        self._why_not = ""
        self._seen: str | None = None  # the kind of damage
        self._watch: MaskWatch | None = None
        self._strokes: list[Any] = []  # events, with what hears of them
        self._search: Any = None
        self.layer.currentIndexChanged.connect(self._on_image)
        self.mask_layer.currentIndexChanged.connect(self._on_mask)
        self.labels.currentIndexChanged.connect(self.refresh)
        self.damage.currentIndexChanged.connect(self.show_preset)
        self.paint.clicked.connect(self.paint_mask)
        self.suggest.clicked.connect(self.suggest_mask)
        self.tie(self.mask_layer.let_go)
        self.tie(self._watch_no_more)
        self._watch_mask()

    def settings(self) -> dict[str, Any]:
        return super().settings() | {
            "mask": self.mask_layer.layer,
            "labels": self.labels.currentData(),
            "damage": self.damage.currentData(),
            "denoise": self.denoise.isChecked(),
        }

    def settings_of(self, run: Run) -> dict[str, Any]:
        mask, labels = run.mask or (None, None)
        return super().settings_of(run) | {"mask": mask, "labels": labels}

    def plan(self, layer: Image, settings: dict[str, Any]) -> Job:
        from napari_dip.api import plan_inpaint

        return plan_inpaint(layer, **settings)

    @property
    def mask_in_use(self) -> Layer | None:
        return self.mask_layer.layer

    def presets(self) -> str:
        return str(self.damage.currentData() or self._seen or "scratches")

    def begin(self, layer: Image, settings: dict[str, Any], region: Region) -> Run:
        mask, _ = read_mask(settings["mask"], layer, settings["labels"])  # perhaps not what is chosen now
        painted = settings["mask"]
        if mask is not None and not region.whole and not mask[region.where[: mask.ndim]].any():
            missing = not_finite(layer)
            if missing is None or not missing[region.where[: missing.ndim]].any():
                raise ValueError(NOT_IN_PART if region.cut else NOT_HERE)
            settings = settings | {"mask": None}  # these alone
        if mask is not None and not region.whole and not settings["damage"]:
            # What the whole mask is, to which these settings are to be applied.
            settings = settings | {"damage": damage_in(mask, region.axes)}
        run = super().begin(layer, settings, region)
        if painted is not None:
            follow_mask(run, painted, settings["labels"])
        return run

    def obstacle(self) -> str:
        if self.mask_layer.layer is None and self._mask is None:
            return NO_MASK
        return self._why_not or ("" if self._masked() else NOT_HERE)

    def details(self) -> str:
        if self._mask is None:
            return "" if self.form.isEnabled() else "with the mask as it was"
        mask, missing = self._mask[self._where()], self.form.missing
        return filled_in(mask if missing is None else mask | missing) if self._masked() else ""

    def refresh(self) -> None:
        image, mask = self.layer.layer, self.mask_layer.layer
        self.paint.setEnabled(image is not None)
        self.suggest.setEnabled(image is not None and self._search is None)
        self._show_labels(mask)
        self._mask, self._why_not = read_mask(mask, image, self.labels.currentData())
        self._show_damage()
        super().refresh()

    def _where(self) -> tuple[slice, ...]:
        """Return which planes of the mask are chosen."""
        assert self._mask is not None
        return self.stacks.region().where[: self._mask.ndim]

    def _masked(self) -> bool:
        """Whether there is something to fill in on the planes that are chosen, as far as that is known."""
        if self._mask is None or not self.ready:
            return True
        try:
            missing = self.form.missing
            return bool(self._mask[self._where()].any()) or (missing is not None and bool(missing.any()))
        except ValueError:  # the axes make no sense, which is told
            return True

    # --------------------------------------------------------------------------------------------- the mask

    def paint_mask(self) -> None:
        """Take the brush in hand, on the mask that was made for this image, or on a new one."""
        image = self.layer.layer
        if image is None:
            return
        mask = mask_over(self.viewer, image, self.mask_layer.layer)
        if mask is None:
            mask = new_mask(image)
            self.viewer.add_layer(mask)
        paint_on(self.viewer, mask)

    def suggest_mask(self) -> None:
        """Look for what seems damaged, and put what is found on a layer for the user to correct."""
        image = self.layer.layer
        if image is None or self._search is not None:
            return
        try:
            self._search = when_suggested(image, self._on_found, self._on_not_found)
        except ValueError as error:  # its axes make no sense
            show_error(str(error))
            return
        self._searched, self._searched_in = image, pixels_of(image)
        self.suggest.setText("Looking…")
        self.refresh()

    # ------------------------------------------------------------------------------------------- connections

    def _on_image(self) -> None:
        """Take the mask that was made for the image, where there is one."""
        image, mask = self.layer.layer, self.mask_layer.layer
        made = None if image is None else mask_over(self.viewer, image, mask)
        if made is not None and made is not mask:
            self.mask_layer.layer = made  # which is watched then
        else:
            self._watch_mask()

    def _on_mask(self) -> None:
        self.labels.setCurrentIndex(0)
        self.controls.tell("")
        self._watch_mask()
        self.refresh()

    def _watch_mask(self) -> None:
        self._watch_no_more()
        image, mask = self.layer.layer, self.mask_layer.layer
        if image is not None and mask is not None:
            self._watch = MaskWatch(mask, image)
            self._watch.changed.connect(self.refresh)

            # A function: napari 0.6 compares a method's widget with others when it is gone already.
            def heard(event: object = None) -> None:
                self._on_stroke(event)

            events = [getattr(mask.events, name) for name in STROKES if hasattr(mask.events, name)]
            self._strokes = [(event, heard) for event in events]
            for event in events:
                event.connect(heard)

    def _on_stroke(self, event: object = None) -> None:
        """Have what is painted be seen: when a run has ended its result lies above the mask."""
        mask = self.mask_layer.layer
        if self.form.isEnabled() and mask in self.viewer.layers:
            raise_up(self.viewer, mask)

    def _watch_no_more(self) -> None:
        while self._strokes:
            event, heard = self._strokes.pop()
            event.disconnect(heard)
        if self._watch is not None:
            self._watch.let_go()
            self._watch = None

    def _on_found(self, suggestion: Suggestion) -> None:
        self._end_search()
        if self._searched is not self.layer.layer:  # what it has is no mask of another image
            return
        if self._searched not in self.viewer.layers or pixels_of(self._searched) is not self._searched_in:
            return
        if suggestion.counts:
            layer = suggested_before(self.viewer, self._searched, suggestion)
            if layer is None:
                layer = suggestion_layer(self._searched, suggestion)
                self.viewer.add_layer(layer)
            self.mask_layer.layer = layer
            paint_on(self.viewer, layer)
        self.controls.tell(found(suggestion))

    def _on_not_found(self, error: Exception) -> None:
        self._end_search()
        show_error(str(error))

    def _end_search(self) -> None:
        self._search = None
        self.suggest.setText("Suggest")
        self.refresh()

    # ------------------------------------------------------------------------------------- what the form says

    def _show_labels(self, mask: Layer | None) -> None:
        if not self.form.isEnabled():  # a run is under way with the labels that were chosen
            return
        entries = label_entries(mask)
        chosen = self.labels.currentData()
        several = len(entries) > 1
        with silently(self.labels):
            self.labels.clear()
            self.labels.addItem("Every label", None)
            for label, text in entries.items():
                self.labels.addItem(text, label)
            self.labels.setCurrentIndex(max(0, self.labels.findData(chosen)) if several else 0)
        self.rows.setRowVisible(self.labels, several)

    def _show_damage(self) -> None:
        before, self._seen, name = self._seen, None, DAMAGES[None][0]
        if self._mask is not None and self.ready:
            with suppress(ValueError):  # what is wrong with the image is said below
                self._seen = damage_in(self._mask, self.stacks.axes())
        if self._seen is not None:
            name = f"{name} ({self._seen})"  # in two words: more are cut off in a narrow dock
        self.damage.setItemText(0, name)
        if self._seen != before:
            self.show_preset()
