"""What has blurred an image: a width, the optics, or a layer with a bead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from napari.layers import Image
from psygnal import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QSpinBox, QWidget

from napari_dip.viewer.blurs import MEDIA, Grid, bead_problem, likely_bead, optics, widths
from napari_dip.viewer.widgets.layer_choice import LayerChoice
from napari_dip.viewer.widgets.lengths import length, show_length
from napari_dip.viewer.widgets.narrow import Entries, choice, let_shrink, silently
from napari_dip.viewer.words import NARROW

if TYPE_CHECKING:
    from napari_dip.images.axes import Axes

__all__ = ["BlurChoice"]

WIDTH, OPTICS, LAYER = "width", "optics", "layer"
BLURS: Entries = {
    WIDTH: ("A width", "A point becomes a Gaussian spot of this width: a good guess for most images."),
    OPTICS: ("From the optics", "Computed from the objective, the light and the microscope."),
    LAYER: ("A layer", "An image of a bead, or a point spread that was computed elsewhere."),
}
MICROSCOPES: Entries = {
    "widefield": (
        "Widefield",
        "A camera sees the whole field at once.",
    ),
    "confocal": ("Confocal", "A point is scanned, and a small pinhole lets pass what is in focus."),
}
# As a green fluorophore shines, in nanometres.
USUAL_LIGHT, USUAL_MEDIUM = 520, "Oil"
# Which of a layer's properties the proposals are made from.
GRID = ("scale", "units")


class BlurChoice:
    """The rows of a form that ask for the blur; only those of what is chosen are there.

    Parameters
    ----------
    viewer
        The viewer itself.

    Attributes
    ----------
    changed : psygnal.Signal
        Something else is chosen, or the layer says something else of its pixels.
    how
        Which of the three.
    lateral, axial
        Full widths at half maximum, in the units of the layer.
    aperture, light, medium, microscope
        The optics.
    known_pixel, known_step
        The pixel size as the layer says it.
    pixel, step
        Where it doesn't: to be typed, in micrometres.
    bead
        The layer with a bead.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, viewer: Any) -> None:
        self._layer: Image | None = None
        self._followed: Image | None = None  # the bead's layer
        self._grid: Grid | None = None
        self._proposed_for: tuple[Any, Any] = None, None  # for what pixels, and slices, the widths are
        # Until the user types, or chooses, another.
        self._aperture_is_proposed = self._bead_is_proposed = True
        self.how = choice(BLURS)
        self._make_rows(viewer)
        self._propose_aperture()
        for field in (self.how, self.microscope, self.bead):
            field.currentIndexChanged.connect(self._on_changed)
        for number in (self.lateral, self.axial, self.light, self.pixel, self.step):
            number.valueChanged.connect(self._on_changed)
        self.bead.listed.connect(self._on_listed)
        self.bead.activated.connect(self._on_bead_chosen)
        self.medium.currentIndexChanged.connect(self._on_medium)
        self.aperture.valueChanged.connect(self._on_aperture)

    def _make_rows(self, viewer: Any) -> None:
        about = "\nFull width at half maximum."
        self.lateral = length("How wide the image of a point is in X and Y." + about)
        self.axial = length("How long the image of a point is in Z." + about)
        self.aperture = QDoubleSpinBox()
        self.aperture.setRange(0.05, 1.7)
        self.aperture.setSingleStep(0.05)
        self.aperture.setToolTip("The objective's numerical aperture (NA), which is engraved on it.")
        self.light = QSpinBox()
        self.light.setRange(200, 2000)
        self.light.setSingleStep(10)
        self.light.setSuffix(" nm")
        self.light.setValue(USUAL_LIGHT)
        self.light.setToolTip("Wavelength of the light that is seen: of the emission, about 520 nm for GFP.")
        for box in (self.aperture, self.light):
            let_shrink(box)
        self.medium = choice(
            {
                name: (f"{name} ({medium.index:g})", f"Refractive index {medium.index:g}.")
                for name, medium in MEDIA.items()
            }
        )
        self.medium.setToolTip("What is between the objective and the cover glass, and its refractive index.")
        self.medium.setCurrentIndex(self.medium.findData(USUAL_MEDIUM))
        self.microscope = choice(MICROSCOPES)
        self.known_pixel, self.known_step = QLabel(), QLabel()
        for label in (self.known_pixel, self.known_step):
            label.setToolTip("As the layer says it. If it is wrong, set the layer's scale and units.")
        self.pixel = _asked("The side of a pixel in the sample: the camera's pixel over the magnification.")
        self.step = _asked("How far the focus moves from slice to slice.")
        self.bead = LayerChoice(viewer, nothing="no bead", follow=False)
        self.bead.setToolTip(
            "The layer with a single bead in its middle, in pixels of the image's size, its background "
            "subtracted."
        )
        self._rows: dict[str, tuple[str, QWidget]] = {
            "lateral": ("Lateral FWHM", self.lateral),
            "axial": ("Axial FWHM", self.axial),
            "aperture": ("Aperture (NA)", self.aperture),
            "light": ("Wavelength", self.light),
            "medium": ("Medium", self.medium),
            "microscope": ("Microscope", self.microscope),
            "known_pixel": ("Pixel size", self.known_pixel),
            "known_step": ("Z step", self.known_step),
            "pixel": ("Pixel size", self.pixel),
            "step": ("Z step", self.step),
            "bead": ("Bead", self.bead),
        }

    def add_to(self, form: QFormLayout) -> None:
        """Put the rows into a form."""
        self._form = form
        form.addRow("Blur", self.how)
        for name, (label, field) in self._rows.items():
            field.setAccessibleName(label)
            form.addRow(label, field)
            form.setRowVisible(field, name == "lateral")

    def let_go(self) -> None:
        """Stop following the viewer and the layer."""
        self.bead.let_go()
        self._follow(None)
        self._follow_bead(None)

    # -------------------------------------------------------------------------------------- what is chosen

    def psf(self) -> Any:
        """Return what is chosen, as the argument `psf` of `napari_dip.deconvolve`.

        Raises
        ------
        ValueError
            If it can't be used; with a sentence for the user.
        """
        grid, layer = self._grid, self._layer
        if grid is None or layer is None:
            raise ValueError("Choose an image first.")
        if self.how.currentData() == WIDTH:
            return widths(self.lateral.value(), self.axial.value(), grid)
        if self.how.currentData() == OPTICS:
            return optics(
                round(self.aperture.value(), 2),
                self.light.value(),
                MEDIA[self.medium.currentData()],
                self.microscope.currentData(),
                grid,
                (self.pixel.value(), self.step.value()),
            )
        problem = bead_problem(self.bead.layer, layer, grid)
        if problem:
            raise ValueError(problem)
        return self.bead.layer

    @property
    def asks_for_a_layer(self) -> bool:
        """Whether the blur is a layer's."""
        return bool(self.how.currentData() == LAYER)

    @property
    def problem(self) -> str:
        """What is wrong with what is chosen, in a sentence, or nothing."""
        if self._grid is None:
            return ""
        try:
            self.psf()
        except ValueError as error:
            return str(error)
        return ""

    # ---------------------------------------------------------------------------------------- what is shown

    def show(self, layer: Image | None, axes: Axes | None) -> None:
        """Ask for the blur of a layer, whose axes mean this; propose what suits its pixels."""
        new = layer is not self._layer
        if new:
            self._follow(layer)
            self._proposed_for = None, None
            with silently(self.pixel, self.step):  # which were another one's
                self.pixel.setValue(0)
                self.step.setValue(0)
        grid = None if layer is None or axes is None else Grid.of(layer, axes)
        before, self._grid = self._grid, grid
        if grid is not None and (new or before is None or _sizes(grid) != _sizes(before)):
            self._propose(grid)
            self._propose_bead()
        self._follow_bead(self.bead.layer)
        self._show_rows()

    def _propose(self, grid: Grid) -> None:
        """Fill in what suits the pixels, and the slices, where they are not those that it is there for."""
        across, along = (grid.steps[-2:], grid.units[-2:]), (grid.steps[0], grid.units[0])
        before = self._proposed_for
        with silently(self.lateral, self.axial):
            if across != before[0]:
                show_length(self.lateral, grid.lateral, grid.units[-1], zero=True)
            if grid.deep and along != before[1]:
                show_length(self.axial, grid.axial, grid.units[0], zero=True)
        self._proposed_for = across, along if grid.deep else before[1]
        if grid.micrometres is not None:
            for label, size in (
                (self.known_pixel, grid.micrometres[-1]),
                (self.known_step, grid.micrometres[0]),
            ):
                label.setText(f"{size:.3g}{NARROW}µm (layer)")

    def _show_rows(self) -> None:
        grid, how = self._grid, self.how.currentData()
        deep = grid is not None and grid.deep
        unknown = grid is None or grid.micrometres is None
        there = {
            WIDTH: {"lateral": True, "axial": deep},
            OPTICS: {
                **dict.fromkeys(("aperture", "light", "medium", "microscope"), True),
                "known_pixel": not unknown,
                "known_step": not unknown and deep,
                "pixel": unknown,
                "step": unknown and deep,
            },
            LAYER: {"bead": True},
        }[how]
        for name, (_, field) in self._rows.items():
            self._form.setRowVisible(field, there.get(name, False))

    def _propose_bead(self) -> None:
        grid, layer = self._grid, self._layer
        if grid is None or layer is None or not self._bead_is_proposed:
            return
        beads = [self.bead.itemData(index) for index in range(self.bead.count())]
        fit = likely_bead(beads, layer, grid)
        with silently(self.bead):
            self.bead.setCurrentIndex(next((i for i, bead in enumerate(beads) if bead is fit), -1))

    def _propose_aperture(self) -> None:
        with silently(self.aperture):
            self.aperture.setValue(MEDIA[self.medium.currentData()].aperture)

    # ------------------------------------------------------------------------------------------ connections

    def _follow(self, layer: Image | None) -> None:
        for name in GRID:
            if self._layer is not None:
                getattr(self._layer.events, name).disconnect(self._on_layer)
            if layer is not None:
                getattr(layer.events, name).connect(self._on_layer)
        self._layer = layer

    def _follow_bead(self, bead: Image | None) -> None:
        if bead is self._followed:
            return
        if self._followed is not None:
            self._followed.events.data.disconnect(self._on_layer)
        if bead is not None:
            bead.events.data.connect(self._on_layer)
        self._followed = bead

    def _on_layer(self, event: Any = None) -> None:
        self.changed.emit()  # the owner shows the layer anew

    def _on_listed(self) -> None:
        before = self.bead.layer
        self._propose_bead()
        self._follow_bead(self.bead.layer)
        if self.bead.layer is not before:
            self.changed.emit()

    def _on_changed(self) -> None:
        self._follow_bead(self.bead.layer)
        self._show_rows()
        self.changed.emit()

    def _on_bead_chosen(self) -> None:
        self._bead_is_proposed = False

    def _on_aperture(self) -> None:
        self._aperture_is_proposed = False
        self.changed.emit()

    def _on_medium(self) -> None:
        if self._aperture_is_proposed:
            self._propose_aperture()
        self.changed.emit()


def _sizes(grid: Grid) -> tuple[Any, ...]:
    return grid.steps, grid.units


def _asked(tooltip: str) -> QDoubleSpinBox:
    """Return a field for micrometres that are not known at first."""
    box = length(tooltip)
    box.setDecimals(4)
    box.setRange(0, 1000)
    box.setSuffix(" µm")
    box.setSpecialValueText("not known")
    box.setStepType(QDoubleSpinBox.StepType.DefaultStepType)  # from 0, an adaptive one would be tiny
    box.setSingleStep(0.01)
    return box
