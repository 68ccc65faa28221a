"""What the axes of a stack are, and which of its planes are to be restored."""

from __future__ import annotations

from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from napari.layers import Image
from psygnal import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_dip.images.axes import COUNTED, Axes
from napari_dip.viewer.regions import Region
from napari_dip.viewer.sliders import position
from napari_dip.viewer.stacking import ALL, BESIDE, CURRENT, Stacking
from napari_dip.viewer.widgets.narrow import Entries, choice, keep_narrow, offer, put_before, silently

__all__ = ["StackChoice"]

STACKS: Entries = {
    0: ("Plane by plane", "Each plane is restored by itself: for time series, channels and few slices."),
    1: (
        "With 1 neighbour",
        "Each plane is restored along with the one before and the one after it, which say more about it: for "
        "movies in which little moves from frame to frame.",
    ),
    BESIDE: (
        "With 2 neighbours",
        "Each plane is restored along with the two before and the two after it, which say more about it: for "
        "volumes of large slices. In a movie what is there for a moment alone fades.",
    ),
    None: (
        "Volumes (3-D)",
        "Along the axis that is depth whole volumes are restored at once, in 3-D, which is best. Of large "
        "slices the pictures come slowly.",
    ),
}
# What an axis of a stack can be, what is said of it after its length, and what it is.
MEANINGS = {
    "T": ("time points", "Moments of a movie."),
    "Z": ("slices (depth)", "Focal planes of a volume."),
    "C": ("channels", "Stains or wavelengths."),
    "P": ("positions", "Places on the stage, wells, or samples."),
    "Q": ("images", "None of these, or not known."),
}


class StackChoice:
    """The rows of a form that only stacks have; what is chosen for a layer is remembered.

    Parameters
    ----------
    viewer
        The viewer itself, whose sliders say what is being looked at.
    usual
        How slices are restored unless the user chooses: with so many neighbours where volumes are large, or,
        for None, as volumes.

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted when the user chose something else, or the layer's axes were named otherwise.
    looked_at : psygnal.Signal
        Emitted when another plane is chosen by moving a slider.
    chosen
        What is chosen for the layer; None where there is none that can be restored.
    kinds
        What each axis of the stack is: a choice for each that has more than one entry.
    how, planes, first, last
        Plane by plane or in volumes; which planes; the first and last of a range.
    """

    changed: ClassVar[Signal] = Signal()
    looked_at: ClassVar[Signal] = Signal()

    def __init__(self, viewer: Any, usual: int | None = None) -> None:
        self._viewer, self._usual = viewer, usual
        self._layer: Image | None = None
        self.chosen: Stacking | None = None
        self._remembered: WeakKeyDictionary[Image, Stacking] = WeakKeyDictionary()
        self._deep = self._together = False
        self.kinds: dict[int, QComboBox] = {}
        self._axes = QWidget()
        self._column = QVBoxLayout(self._axes)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self.how = choice(STACKS)
        self.planes = QComboBox()
        keep_narrow(self.planes)
        self.first, self.last = _number("The first one"), _number("The last one")
        self._range = QWidget()
        row = QHBoxLayout(self._range)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for part in (self.first, QLabel("to"), self.last):
            row.addWidget(part)
        self.how.currentIndexChanged.connect(self._on_how)
        self.planes.currentIndexChanged.connect(self._on_planes)
        self.first.valueChanged.connect(self._on_first)
        self.last.valueChanged.connect(self._on_last)
        viewer.dims.events.current_step.connect(self._on_slider)

    def add_to(self, form: QFormLayout) -> None:
        """Put the rows into a form."""
        self._form = form
        form.addRow("Axes", self._axes)
        form.addRow("Stack", self.how)
        form.addRow("Planes", self.planes)
        form.addRow("", self._range)

    def let_go(self) -> None:
        """Stop following the viewer and the layer."""
        self._viewer.dims.events.current_step.disconnect(self._on_slider)
        self._follow(None)

    # ------------------------------------------------------------------------------------- what is chosen

    @property
    def deep(self) -> bool:
        """Whether the stack has to be taken as volumes, whatever is chosen here."""
        return self._deep

    @deep.setter
    def deep(self, deep: bool) -> None:
        self._deep = deep
        self.refresh()

    @property
    def together(self) -> bool:
        """Whether all channels of a plane are restored by one run."""
        return self._together

    @together.setter
    def together(self, together: bool) -> None:
        self._together = together
        self.refresh()

    @property
    def problem(self) -> str:
        """What is wrong with the axes, in a sentence, or nothing."""
        return "" if self.chosen is None else self.chosen.problem

    @property
    def trial(self) -> str:
        """Which plane or volume can be tried alone; nothing where there is one, or one is chosen already."""
        chosen = self.chosen
        if chosen is None or chosen.problem or chosen.runs < 2 or chosen.planes == CURRENT:
            return ""
        return chosen.kind

    def axes(self) -> Axes:
        """Return what a run takes the axes of the layer to be.

        Raises
        ------
        ValueError
            If they can't be that.
        """
        assert self._layer is not None
        if self.chosen is None:
            self.chosen = Stacking.of(self._layer)  # which says why not
        return self.chosen.axes

    def region(self, *, current: bool = False) -> Region:
        """Return the planes that are chosen, or with `current` the one that is looked at.

        Raises
        ------
        ValueError
            If the axes can't be what is chosen.
        """
        self.axes()
        assert self._layer is not None
        assert self.chosen is not None
        planes = CURRENT if current else self.chosen.wanted
        at = position(self._viewer, self._layer)
        return Region.of(self._layer, self.chosen.named_axes, planes, at)

    def describe(self) -> str:
        """Return what will be restored, for people.

        Raises
        ------
        ValueError
            If the axes can't be what is chosen.
        """
        region = self.region()
        whole = region.axes.describe(region.shape)
        described = f"{region.said} of {whole}" if region.said else whole
        if not self.neighbours:
            return described
        many = "1 neighbour" if self.neighbours == 1 else f"{self.neighbours} neighbours"
        return f"{described}, along with {many} on each side"

    # ------------------------------------------------------------------------------------- what is shown

    @property
    def neighbours(self) -> int | None:
        """How many planes on each side go with each plane; None for volumes, and where there is no stack."""
        chosen = self.chosen
        return None if chosen is None or not chosen.free or chosen.deep else chosen.neighbours

    def show(self, layer: Image | None) -> None:
        """Show what is chosen for `layer`, or what its labels say."""
        self._follow(layer)
        self.chosen = None if layer is None else self._recall(layer)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        chosen, form = self.chosen, self._form
        if chosen is not None:
            chosen.deep, chosen.together = self.deep, self.together
        free = [] if chosen is None else chosen.free
        self._make_kinds(free)
        # What is asked to be finer in depth can only be taken as volumes.
        form.setRowVisible(self.how, bool(free) and not self.deep)
        form.setRowVisible(self._axes, bool(free))
        several = chosen is not None and not chosen.problem and chosen.runs > 1
        form.setRowVisible(self.planes, several)
        form.setRowVisible(self._range, several and chosen is not None and chosen.planes in chosen.along)
        if chosen is None:
            return
        for axis, box in self.kinds.items():
            offer(box, {k: (f"{chosen.shape[axis]} {t}", tip) for k, (t, tip) in MEANINGS.items()})
            box.setToolTip("What this axis of the image is, if the choice is wrong.\n" + box.toolTip())
            _choose(box, chosen.letters[axis])
        offer(self.how, {k: v for k, v in STACKS.items() if not (k and chosen.rgb)})
        _choose(self.how, chosen.neighbours)
        if several:
            self._show_planes(chosen)

    def _show_planes(self, chosen: Stacking) -> None:
        kind = chosen.kind
        entries: dict[str | int, tuple[str, str]] = {
            ALL: (f"All {chosen.runs}", f"Every {kind} of the stack."),
            CURRENT: (
                "This one",
                f"The {kind} that you are looking at, alone: to see what it will be like.",
            ),
        }
        for axis in chosen.along:
            letter = chosen.letters[axis]
            many = COUNTED[letter][1]
            which = f" of axis {axis}" if chosen.letters.count(letter) > 1 else ""
            entries[axis] = (
                f"Some {many}{which}",
                f"From one of the {many} to another, in the slider's numbers.",
            )
        label = self._form.labelForField(self.planes)
        if isinstance(label, QLabel):
            label.setText(f"{kind.capitalize()}s")
        offer(self.planes, entries)
        _choose(self.planes, chosen.planes if chosen.planes in entries else ALL)
        if isinstance(chosen.planes, int):
            for box, value in ((self.first, chosen.first), (self.last, chosen.last)):
                with silently(box):
                    box.setRange(0, chosen.shape[chosen.planes] - 1)
                    box.setValue(value)

    def _make_kinds(self, axes: list[int]) -> None:
        if list(self.kinds) == axes:
            return
        for box in self.kinds.values():
            self._column.removeWidget(box)
            box.deleteLater()
        self.kinds = {}
        for axis in axes:
            self.kinds[axis] = box = QComboBox()
            keep_narrow(box)
            box.setAccessibleName(f"Axis {axis}")
            box.currentIndexChanged.connect(self._on_kind)
            self._column.addWidget(box)
        put_before(self.how, *self.kinds.values())

    # ------------------------------------------------------------------------------------- connections

    def _recall(self, layer: Image) -> Stacking | None:
        try:
            own = Stacking.of(layer, self._usual)
        except ValueError:  # which is told where the image is described
            return None
        chosen = self._remembered.setdefault(layer, own)
        if chosen.shape != own.shape or not (chosen.corrected or chosen.named == own.named):
            self._remembered[layer] = chosen = own
        return chosen

    def _follow(self, layer: Image | None) -> None:
        for name in ("axis_labels", "data"):
            if self._layer is not None:
                getattr(self._layer.events, name).disconnect(self._on_layer)
            if layer is not None:
                getattr(layer.events, name).connect(self._on_layer)
        self._layer = layer

    def _on_layer(self, event: Any = None) -> None:
        self.show(self._layer)
        self.changed.emit()

    def _on_kind(self) -> None:
        if self.chosen is not None:
            for axis, box in self.kinds.items():
                if box.currentData() != self.chosen.letters[axis]:
                    self.chosen.name(axis, box.currentData())
            self._tell()

    def _on_how(self) -> None:
        if self.chosen is not None:
            self.chosen.neighbours = self.how.currentData()
            self._tell()

    def _on_planes(self) -> None:
        if self.chosen is not None:
            self.chosen.want(self.planes.currentData())
            self._tell()

    def _on_first(self, value: int) -> None:
        if self.chosen is not None:
            self.chosen.first, self.chosen.last = value, max(value, self.chosen.last)
            self._tell()

    def _on_last(self, value: int) -> None:
        if self.chosen is not None:
            self.chosen.first, self.chosen.last = min(value, self.chosen.first), value
            self._tell()

    def _on_slider(self, event: Any = None) -> None:
        if self.chosen is not None and self.chosen.planes == CURRENT:
            self.looked_at.emit()

    def _tell(self) -> None:
        self.refresh()
        self.changed.emit()


def _choose(box: QComboBox, value: object) -> None:
    """Show the entry of `value`, without a word to those who listen."""
    with silently(box):
        box.setCurrentIndex(next((i for i in range(box.count()) if box.itemData(i) == value), -1))


def _number(what: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(f"{what}, as the slider under the image numbers them.")
    # As napari's style has them, two don't fit beside each other in a narrow dock.
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    box.setStyleSheet("min-width: 44px; padding: 1px 6px;")
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box
