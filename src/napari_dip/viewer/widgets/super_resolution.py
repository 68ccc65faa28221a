"""The *Super-resolution* widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QSizePolicy, QSpinBox

from napari_dip.viewer.layers import axes_of
from napari_dip.viewer.voxels import Voxels
from napari_dip.viewer.widgets.denoise import PRESETS
from napari_dip.viewer.widgets.lengths import length, show_length
from napari_dip.viewer.widgets.look_ahead import LookAhead, takes
from napari_dip.viewer.widgets.narrow import Entries, choice
from napari_dip.viewer.widgets.task import TaskWidget
from napari_dip.viewer.words import MOST_FINER, becomes, steps

if TYPE_CHECKING:
    from napari_dip.job import Job

__all__ = ["SuperResolutionWidget"]

FINER: Entries = {
    "YX": ("X and Y", "More pixels in each plane."),
    "Z": ("Z only", "More slices: for stacks whose Z step is larger than their pixels."),
    "ZYX": ("X, Y and Z", "More voxels along every axis of a volume."),
}
KERNELS: Entries = {
    # In a word or two: more is cut off in a narrow dock.
    "lanczos": ("Resampling", "As a program makes images smaller (Lanczos): a good guess for most images."),
    "box": ("Camera binning", "A pixel is the mean of the finer ones in it, as a binning camera makes it."),
    "gaussian": (
        "Optics (Gauss)",
        "A pixel saw its surroundings through a Gaussian point spread function of this width, and what it "
        "blurred becomes sharper.",
    ),
}
USUAL_FACTOR = 2
# Z steps that are larger than the pixels by this factor are to be mended in the first place.
ANISOTROPIC = 1.5


class SuperResolutionWidget(TaskWidget):
    """Choose a layer and what is to be finer, press *Super-resolve*, and watch the result grow."""

    TASK = "super-resolve"
    VERB = "Super-resolve"
    EXPLANATION = "Make this image finer, so that the result downsampled is the image without its noise."
    PRESETS = PRESETS

    def add_rows(self, form: QFormLayout) -> None:
        self.finer = choice(FINER)
        self.factor = QSpinBox()
        self.factor.setRange(2, 16)
        self.factor.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.factor.setToolTip("How many pixels, or slices, are made from each one.")
        self.hint = QLabel()
        self.measured = choice(KERNELS)
        self.lateral = _width("Resolution of the optics in X and Y: how wide the image of a point is.")
        self.axial = _width("Resolution of the optics in Z: how long the image of a point is.")
        form.addRow("Make finer", self.finer)
        form.addRow("Factor", self.factor)
        form.addRow(self.hint)
        form.addRow("Measured by", self.measured)
        form.addRow("Lateral FWHM", self.lateral)
        form.addRow("Axial FWHM", self.axial)

        self._voxels: Voxels | None = None  # of the layer that the proposals were made for
        self._kernel_is_proposed = True  # until the user chooses another
        self._ahead = LookAhead(self._ask, self)
        self._ahead.answered.connect(self.describe)
        self.tie(self._follow_no_more)
        self._letters = ""  # of the axes that the proposals were made for
        self.finer.currentIndexChanged.connect(self._on_finer)
        self.finer.currentIndexChanged.connect(self.show_preset)
        self.stacks.changed.connect(self._on_stack)
        self.measured.activated.connect(self._on_kernel_chosen)
        self.advanced.changed.connect(self.refresh)
        for field in (self.finer, self.measured, self.preset):
            field.currentIndexChanged.connect(self.refresh)
        for number in (self.factor, self.lateral, self.axial):
            number.valueChanged.connect(self.refresh)

    def settings(self) -> dict[str, Any]:
        return self._asked() | super().settings()

    def plan(self, layer: Image, settings: dict[str, Any]) -> Job:
        from napari_dip.api import plan_super_resolve

        return plan_super_resolve(layer, **settings)

    def presets(self) -> str:
        return "super-resolve volumes" if self.form.volumes() else self.TASK

    def obstacle(self) -> str:
        return self._ahead.why_not

    @property
    def enlargement(self) -> int:
        return self.factor.value() if "X" in self.finer.currentData() else 1

    def refresh(self) -> None:
        """Say anew what will be restored; what it takes is found out in the background, and follows."""
        layer = self.layer.layer
        proposed = None if self._voxels is None else self._voxels.layer
        if layer is not proposed and (self.ready or layer is None):
            self._follow(layer)
            self._propose()
        self._show_rows()
        self._ahead.anew()
        super().refresh()

    @property
    def in_depth(self) -> bool:
        """Whether Z is made finer."""
        return "Z" in self.finer.currentData()

    # ----------------------------------------------------------------------------------- what the form says

    def _asked(self) -> dict[str, Any]:
        """Return what this part of the form says, as keywords of `napari_dip.super_resolve`."""
        axes = self.stacks.axes()
        finer = self.finer.currentData()
        letters = [axes.names[axis] for axis in axes.spatial]
        factor = tuple(self.factor.value() if letter in finer else 1 for letter in letters)
        if self.measured.currentData() != "gaussian":
            return {"factor": factor, "kernel": self.measured.currentData()}
        widths = {"Z": self.axial.value(), "Y": self.lateral.value(), "X": self.lateral.value()}
        return {"factor": factor, "psf": tuple(widths[letter] for letter in letters)}

    def description(self) -> str:
        sentence, layer = super().description(), self.layer.layer
        if not sentence or layer is None:
            return sentence
        if self._ahead.why_not:
            return ""
        try:
            asked = self._asked()
        except ValueError:
            return sentence
        axes, (_, shape) = self.stacks.axes(), axes_of(layer)
        fine = [shape[axis] * factor for axis, factor in zip(axes.spatial, asked["factor"], strict=True)]
        return becomes(sentence, fine) + self._ahead.told

    def _show_rows(self) -> None:
        finer, optics = self.finer.currentData(), self.measured.currentData() == "gaussian"
        self.rows.setRowVisible(self.finer, self._voxels is not None and self._voxels.is_deep)
        self.rows.setRowVisible(self.hint, self.in_depth)
        self.rows.setRowVisible(self.lateral, optics and "X" in finer)
        self.rows.setRowVisible(self.axial, optics and "Z" in finer)

    # ------------------------------------------------------------------------------------------- proposals

    def _propose(self) -> None:
        """Fill in what suits the image: Z alone is made finer where it is labelled as such and coarse."""
        voxels = self._voxels
        coarse = voxels is not None and voxels.is_called_deep and voxels.ratio >= ANISOTROPIC
        self._letters = self._named
        self.finer.setCurrentIndex(self.finer.findData("Z" if coarse else "YX"))
        self._propose_rest()
        if voxels is not None:
            show_length(self.lateral, voxels.pixel, voxels.unit("X"))
            show_length(self.axial, voxels.step, voxels.unit("Z"))

    def _propose_rest(self) -> None:
        """Fill in what suits the axes that are made finer."""
        coarser = 1.0 if self._voxels is None else self._voxels.ratio
        only_z = self.finer.currentData() == "Z"
        finer = min(max(USUAL_FACTOR, round(coarser)), MOST_FINER)
        self.factor.setValue(finer if only_z else USUAL_FACTOR)
        self.hint.setText(steps(coarser))
        if self._kernel_is_proposed:
            # A slice is seen through optics; nothing resampled it.
            self.measured.setCurrentIndex(self.measured.findData("gaussian" if self.in_depth else "lanczos"))

    def _follow(self, layer: Image | None) -> None:
        """Look at the voxels of another layer from now on."""
        self._follow_no_more()
        if layer is not None:
            self._voxels = Voxels(layer, lambda: self._named)
            self._voxels.changed.connect(self._on_voxels)

    def _follow_no_more(self) -> None:
        if self._voxels is not None:
            self._voxels.let_go()
            self._voxels = None

    def _on_voxels(self) -> None:
        self._propose()
        self.refresh()

    def _on_finer(self) -> None:
        # What is finer in Z is taken as volumes: there is no other choice.
        self.stacks.deep = self.in_depth
        self._propose_rest()

    @property
    def _named(self) -> str:
        return "" if self.stacks.chosen is None else self.stacks.chosen.named

    def _on_stack(self) -> None:
        if self._named != self._letters:
            self._propose()
        self.show_preset()

    def _on_kernel_chosen(self) -> None:
        self._kernel_is_proposed = False

    # -------------------------------------------------------------------------------------- what it will take

    def _ask(self) -> Callable[[], str] | None:
        if self.layer.layer is None or not self.ready:
            return None
        settings, part = self.settings(), self.stacks.region().layer
        return lambda: _needs(part, settings)


def _needs(layer: Image, settings: dict[str, Any]) -> str:
    """Return what a run would take."""
    from napari_dip.api import plan_super_resolve

    return ", " + takes(plan_super_resolve(layer, **settings))


def _width(tooltip: str) -> QDoubleSpinBox:
    return length(f"{tooltip}\nFull width at half maximum of the point spread function.")
