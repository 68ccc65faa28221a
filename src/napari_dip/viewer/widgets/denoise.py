"""The *Denoise* widget."""

from __future__ import annotations

import napari.viewer
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_dip.viewer.layers import axes_of, unwrap
from napari_dip.viewer.runs import RUNS, Run, live_run
from napari_dip.viewer.warmup import when_warm
from napari_dip.viewer.widgets.advanced import AdvancedForm
from napari_dip.viewer.widgets.layer_choice import LayerChoice
from napari_dip.viewer.widgets.narrow import keep_narrow
from napari_dip.viewer.widgets.run_controls import RunControls
from napari_dip.viewer.widgets.theme import Colours

__all__ = ["DenoiseWidget"]

TASK = "denoise"
NO_IMAGE = "Open an image, or try File > Open Sample > Deep Image Prior."
LOADING = "Getting ready…"

PRESETS = {
    "fast": ("Fast", "Half resolution inside: the quickest."),
    "best": ("Best", "Full resolution inside: finer detail, several times slower."),
    "ulyanov2018": ("Original (Ulyanov 2018)", "The published method to the letter, for comparison: slow."),
}
AFTERWARDS = {
    "keep both": ("Keep both layers", "The result lies on top of the original; press V to hide and show it."),
    "hide the original": ("Hide the original", "Only the result stays visible. Nothing is deleted."),
}
STACKS = {
    False: ("Plane by plane", "Each plane is restored by itself: for time series, channels and few slices."),
    True: ("Volumes (3-D)", "The last stack axis is depth: whole volumes are restored at once, in 3-D."),
}


class DenoiseWidget(QWidget):
    """Choose a layer and a preset, press *Denoise*, and watch the result grow.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = unwrap(napari_viewer)
        self.layer = LayerChoice(self.viewer)
        self.layer.setToolTip("The image to denoise. It is not changed; the result is a new layer.")
        self.preset = _choice(PRESETS)
        self.stack = _choice(STACKS)
        self.afterwards = _choice(AFTERWARDS)
        self.what = QLabel()
        self.what.setWordWrap(True)
        self.what.setToolTip("What will be restored.")
        self.controls = RunControls(
            "Denoise", "Remove the noise of this image, using nothing but the image itself.", self.viewer
        )
        self.advanced = AdvancedForm()
        self.fold = QCollapsible("Advanced")
        self.fold.setDuration(0)
        self._lay_out()

        self._warm = False
        self.layer.currentIndexChanged.connect(self._on_layer)
        self.stack.currentIndexChanged.connect(self._describe)
        self.preset.currentIndexChanged.connect(self._on_preset)
        self.controls.start_requested.connect(self.start)
        self.controls.live_changed.connect(self._on_live)
        self.viewer.events.theme.connect(self._on_theme)
        RUNS.begun.connect(self._on_begun)
        ties = _Ties(self)
        self.destroyed.connect(lambda: ties.cut())  # Qt holds a lambda, and not the object of a bound method
        self._on_theme()
        self._on_layer()
        self._warmup = when_warm(self._on_warm, self._on_cold)
        run = live_run(self.viewer)
        if run is not None:  # begun in the console, or in a widget that was closed
            self.controls.follow(run)

    def start(self) -> Run | None:
        """Begin a run with what is chosen; a notification says why not, when that can't be."""
        from napari_dip.api import plan_denoise

        layer = self.layer.layer
        if layer is None:
            return None
        try:
            settings = {"preset": self.preset.currentData(), "axes": self._axes()} | self.advanced.settings()
            job = plan_denoise(layer, **settings)
            return Run(self.viewer, layer, job, task=TASK, then=self.afterwards.currentData())
        except (ValueError, TypeError, MemoryError) as error:
            show_error(str(error))
            return None

    # ------------------------------------------------------------------------------------------------ layout

    def _lay_out(self) -> None:
        self.form = QWidget()
        form = QFormLayout(self.form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Image", self.layer)
        form.addRow("Preset", self.preset)
        form.addRow("Stack", self.stack)
        form.addRow("Then", self.afterwards)
        form.addRow(self.what)
        self._rows = form
        frame = self.fold.layout()
        assert frame is not None
        frame.setContentsMargins(0, 0, 0, 0)
        self.fold.addWidget(self.advanced)

        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(6, 6, 6, 6)
        inner.setSpacing(8)
        for part in (self.form, self.controls, self.fold):
            inner.addWidget(part)
        inner.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.setMinimumWidth(260)

    # ------------------------------------------------------------------------------------------- connections

    def _on_warm(self, devices: list[str]) -> None:
        self._warm = True
        self.advanced.show_devices(devices)
        self._on_preset()
        self._on_layer()

    def _on_cold(self, error: Exception) -> None:
        self.controls.allow(f"PyTorch could not be loaded: {error}")

    def _on_preset(self) -> None:
        if self._warm:
            from napari_dip.engine.presets import preset

            self.advanced.show_preset(preset(self.preset.currentData()).to_dict())

    def _on_layer(self) -> None:
        layer = self.layer.layer
        self.controls.allow(NO_IMAGE if layer is None else "" if self._warm else LOADING)
        stacked = layer is not None and layer.ndim > 2
        self._rows.setRowVisible(self.stack, stacked)
        if layer is not None and self._warm:
            axes, _ = axes_of(layer)
            self.stack.setCurrentIndex(self.stack.findData("Z" in axes.names))
        self._describe()

    def _describe(self) -> None:
        layer = self.layer.layer
        sentence = ""
        if layer is not None and self._warm:
            try:
                axes, shape = axes_of(layer, self._volumes())
                sentence = axes.describe(shape)
            except ValueError as error:
                sentence = str(error)
        self.what.setText(sentence[:1].upper() + sentence[1:])

    def _on_begun(self, run: Run) -> None:
        """Follow a run in this window, also one that the console began, unless another is being followed."""
        busy = self.controls.run is not None and not self.controls.run.done
        if run.is_in(self.viewer) and run.task == TASK and not busy:
            self.controls.follow(run)

    def _on_live(self, live: bool) -> None:
        self.form.setEnabled(not live)
        self.advanced.setEnabled(not live)

    def _on_theme(self, event: object = None) -> None:
        colours = Colours.of(self.viewer)
        self.controls.set_colours(colours)
        self.fold.setExpandedIcon(colours.arrow(down=True))
        self.fold.setCollapsedIcon(colours.arrow(down=False))

    # ------------------------------------------------------------------------------------- what the form says

    def _volumes(self) -> bool | None:
        layer = self.layer.layer
        return bool(self.stack.currentData()) if layer is not None and layer.ndim > 2 else None

    def _axes(self) -> str | None:
        """Return the axes, when the user wants them otherwise than the layer's labels say."""
        layer = self.layer.layer
        if layer is None or self._volumes() is None:
            return None
        chosen, _ = axes_of(layer, self._volumes())
        own, _ = axes_of(layer)
        return None if chosen == own else chosen.names


def _choice(entries: dict[str, tuple[str, str]] | dict[bool, tuple[str, str]]) -> QComboBox:
    box = QComboBox()
    for value, (text, tooltip) in entries.items():
        box.addItem(text, value)
        box.setItemData(box.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
    box.setToolTip("\n".join(f"{text}: {tooltip}" for text, tooltip in entries.values()))
    keep_narrow(box)
    return box


class _Ties:
    """What ties a widget to a viewer that outlives it."""

    def __init__(self, widget: DenoiseWidget) -> None:
        self.layer, self.controls = widget.layer, widget.controls
        self.theme, self.on_theme = widget.viewer.events.theme, widget._on_theme
        self.on_begun = widget._on_begun

    def cut(self) -> None:
        """The widget is gone; its runs go on."""
        self.layer.let_go()
        self.controls.let_go()
        self.theme.disconnect(self.on_theme)
        RUNS.begun.disconnect(self.on_begun, missing_ok=True)
