"""What the axes of a stack are, and which of its planes are to be restored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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
from napari_dip.viewer.layers import axes_of, with_depth
from napari_dip.viewer.stacks import Planes, Region, kind_of, position
from napari_dip.viewer.widgets.narrow import Entries, choice, keep_narrow, offer

__all__ = ["StackChoice"]

STACKS: Entries = {
    False: ("Plane by plane", "Each plane is restored by itself: for time series, channels and few slices."),
    True: ("Volumes (3-D)", "Along the axis that is depth whole volumes are restored at once, in 3-D."),
}
# What an axis of a stack can be, what is said of it after its length, and what it is.
MEANINGS = {
    "T": ("time points", "Moments of a movie."),
    "Z": ("slices (depth)", "Focal planes of a volume."),
    "C": ("channels", "Stains or wavelengths."),
    "P": ("positions", "Places on the stage, wells, or samples."),
    "Q": ("images", "None of these, or not known."),
}
NAMES = {"T": "time", "Z": "depth", "C": "channels", "P": "positions"}
ALL, CURRENT = "all", "current"


@dataclass
class _Chosen:
    """What was chosen for a layer."""

    shape: tuple[int, ...]
    letters: str
    volumes: bool
    corrected: bool = False
    planes: str | int = ALL  # or the axis of a range
    first: int = 0
    last: int = 0


class StackChoice:
    """The rows of a form that only stacks have; what is chosen for a layer is remembered.

    Parameters
    ----------
    viewer
        The viewer itself, whose sliders say what is being looked at.

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted when the user chose something else, or the layer's axes were named otherwise.
    looked_at : psygnal.Signal
        Emitted when another plane is chosen by moving a slider.
    deep
        Whether the stack is taken as volumes, whatever is chosen here.
    kinds
        What each axis of the stack is: a choice for each that has more than one entry.
    how, planes, first, last
        Plane by plane or in volumes; which planes; the first and last of a range.
    """

    changed: ClassVar[Signal] = Signal()
    looked_at: ClassVar[Signal] = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Image | None = None
        self._chosen: _Chosen | None = None
        self._remembered: WeakKeyDictionary[Image, _Chosen] = WeakKeyDictionary()
        self.deep = False
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
    def letters(self) -> str:
        """A letter for each axis of the layer, as the user knows them; S for colours."""
        chosen = self._chosen
        if chosen is None:
            return ""
        return with_depth(chosen.letters) if self.volumes else chosen.letters

    @property
    def named(self) -> str:
        """The letters, whether or not volumes are chosen: an axis is depth only where it is called so."""
        return "" if self._chosen is None else self._chosen.letters

    @property
    def volumes(self) -> bool:
        """Whether the stack is taken as volumes."""
        return self._chosen is not None and (self.deep or self._chosen.volumes)

    @property
    def problem(self) -> str:
        """What is wrong with the axes, in a sentence, or nothing."""
        letters = self.letters
        for letter, name in NAMES.items():
            if letters.count(letter) > 1:
                return f"Two axes are {name}. Say what the other one is."
        if self.volumes and "Z" not in letters:
            return "No axis is depth, as volumes need. Say which one is, or choose plane by plane."
        return ""

    def axes(self) -> Axes:
        """Return what a run takes the axes of the layer to be.

        Raises
        ------
        ValueError
            If they can't be that.
        """
        assert self._layer is not None
        axes: Axes
        axes, _ = axes_of(self._layer, self.volumes if self._chosen else None, self.named or None)
        return axes

    def region(self, *, current: bool = False) -> Region:
        """Return the planes that are chosen, or with `current` the one that is looked at.

        Raises
        ------
        ValueError
            If the axes can't be what is chosen.
        """
        assert self._layer is not None
        axes = self._spoken()
        planes = CURRENT if current else self._planes(axes)
        return Region.of(self._layer, axes, planes, position(self._viewer, self._layer))

    def runs(self) -> int:
        """Return how many planes or volumes the whole stack has."""
        try:
            return math.prod(self._chosen.shape[axis] for axis in self.axes().looped) if self._chosen else 1
        except ValueError:  # what is wrong is told elsewhere
            return 1

    @property
    def kind(self) -> str:
        """What is restored one by one, ``"plane"`` or ``"volume"``."""
        return kind_of(self.axes())

    @property
    def current(self) -> bool:
        """Whether what is looked at is chosen, alone."""
        return self._chosen is not None and self._chosen.planes == CURRENT

    def describe(self) -> str:
        """Return what will be restored, for people.

        Raises
        ------
        ValueError
            If the axes can't be what is chosen.
        """
        assert self._layer is not None
        axes, (_, shape) = self._spoken(), axes_of(self._layer)
        said = self.region().said
        return f"{said} of {axes.describe(shape)}" if said else axes.describe(shape)

    def _spoken(self) -> Axes:
        """Return the axes under the names that the user gave them."""
        return replace(self.axes(), names=self.letters) if self._chosen else self.axes()

    def _planes(self, axes: Axes) -> Planes:
        chosen = self._chosen
        if chosen is None or chosen.planes == ALL:
            return None
        if chosen.planes == CURRENT:
            return CURRENT
        return tuple(
            slice(chosen.first, chosen.last + 1) if axis == chosen.planes else slice(None)
            for axis in axes.looped
        )

    # ------------------------------------------------------------------------------------- what is shown

    def show(self, layer: Image | None) -> None:
        """Show what is chosen for `layer`, or what its labels say."""
        self._follow(layer)
        self._chosen = None if layer is None or layer.ndim < 3 else self._recall(layer)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        chosen, letters = self._chosen, self.letters
        free = [
            axis
            for axis, letter in enumerate(letters)
            if letter not in "YXS" and chosen is not None and chosen.shape[axis] > 1
        ]
        self._make_kinds(free)
        for axis, box in self.kinds.items():
            assert chosen is not None
            offer(box, {k: (f"{chosen.shape[axis]} {t}", tip) for k, (t, tip) in MEANINGS.items()})
            box.setToolTip("What this axis of the image is, if the choice is wrong.\n" + box.toolTip())
            _choose(box, letters[axis])
        form = self._form
        form.setRowVisible(self._axes, bool(free))
        # What is asked to be finer in depth can only be taken as volumes.
        form.setRowVisible(self.how, bool(letters) and not self.deep)
        _choose(self.how, chosen is not None and chosen.volumes)
        self._show_planes()

    def _show_planes(self) -> None:
        chosen, several = self._chosen, self.runs() > 1 and not self.problem
        self._form.setRowVisible(self.planes, several)
        self._form.setRowVisible(
            self._range, several and chosen is not None and chosen.planes not in (ALL, CURRENT)
        )
        if chosen is None or not several:
            return
        axes = self._spoken()
        kind, along = kind_of(axes), [axis for axis in axes.looped if chosen.shape[axis] > 1]
        if chosen.planes not in (ALL, CURRENT, *along):
            chosen.planes = ALL
        entries: dict[str | int, tuple[str, str]] = {
            ALL: (f"All {self.runs()}", f"Every {kind} of the stack."),
            CURRENT: (
                "This one",
                f"The {kind} that you are looking at, alone: to see what it will be like.",
            ),
        }
        for axis in along:
            many = COUNTED[axes.names[axis]][1]
            entries[axis] = (f"Some {many}", f"From one of the {many} to another, in the slider's numbers.")
        label = self._form.labelForField(self.planes)
        if isinstance(label, QLabel):
            label.setText(f"{kind.capitalize()}s")
        offer(self.planes, entries)
        _choose(self.planes, chosen.planes)
        if isinstance(chosen.planes, int):
            for box, value in ((self.first, chosen.first), (self.last, chosen.last)):
                box.blockSignals(True)
                box.setRange(0, chosen.shape[chosen.planes] - 1)
                box.setValue(value)
                box.blockSignals(False)

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

    # ------------------------------------------------------------------------------------- connections

    def _recall(self, layer: Image) -> _Chosen | None:
        try:
            own, shape = axes_of(layer)
        except ValueError:  # which is told where the image is described
            return None
        chosen = self._remembered.get(layer)
        letters = own.names[:-1] + "S" if own.joint_channels else own.names
        if chosen is None or chosen.shape != shape:
            chosen = _Chosen(shape, letters, "Z" in letters)
            self._remembered[layer] = chosen
        elif not chosen.corrected and letters != chosen.letters:
            chosen.letters, chosen.volumes = letters, "Z" in letters
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
        chosen = self._chosen
        assert chosen is not None
        before = self.letters
        letters = list(before)
        for axis, box in self.kinds.items():
            letters[axis] = box.currentData()
        for axis, size in enumerate(chosen.shape):
            # An axis of one entry gives way: what it is makes no difference.
            if size == 1 and letters[axis] not in "YXS" and letters.count(letters[axis]) > 1:
                letters[axis] = "Q"
        chosen.letters, chosen.corrected = "".join(letters), True
        if ("Z" in letters) != ("Z" in before):  # as a layer whose labels say so
            chosen.volumes = "Z" in letters
        self._tell()

    def _on_how(self) -> None:
        if self._chosen is not None:
            self._chosen.volumes = bool(self.how.currentData())
            self._tell()

    def _on_planes(self) -> None:
        chosen = self._chosen
        if chosen is not None and chosen.planes != self.planes.currentData():
            chosen.planes = self.planes.currentData()
            if isinstance(chosen.planes, int):
                chosen.first, chosen.last = 0, chosen.shape[chosen.planes] - 1
            self._tell()

    def _on_first(self, value: int) -> None:
        if self._chosen is not None:
            self._chosen.first, self._chosen.last = value, max(value, self._chosen.last)
            self._tell()

    def _on_last(self, value: int) -> None:
        if self._chosen is not None:
            self._chosen.first, self._chosen.last = min(value, self._chosen.first), value
            self._tell()

    def _on_slider(self, event: Any = None) -> None:
        if self._chosen is not None and self._chosen.planes == CURRENT:
            self.looked_at.emit()

    def _tell(self) -> None:
        self.refresh()
        self.changed.emit()


def _choose(box: QComboBox, value: object) -> None:
    """Show the entry of `value`, without a word to those who listen."""
    box.blockSignals(True)
    box.setCurrentIndex(next((i for i in range(box.count()) if box.itemData(i) == value), -1))
    box.blockSignals(False)


def _number(what: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(f"{what}, as the slider under the image numbers them.")
    # As napari's style has them, two don't fit beside each other in a narrow dock.
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    box.setStyleSheet("min-width: 44px; padding: 1px 6px;")
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box
