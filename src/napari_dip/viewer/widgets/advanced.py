"""The *Advanced* form: every setting that the preset decides, in a microscopist's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QWidget,
)

from napari_dip.viewer.widgets.narrow import NarrowChoice, let_shrink

__all__ = ["FIELDS", "AdvancedForm", "Field"]


@dataclass(frozen=True)
class Field:
    """One setting in the form.

    Parameters
    ----------
    name
        The keyword of `napari_dip.denoise`.
    label, tooltip
        For the user.
    choices
        Values and what they are called; empty for a number.
    numbers
        Smallest and largest number, and decimals.
    default
        What the first entry is called where the preset does not decide.
    usual
        Of choices, the value that `default` is; None where it can't be asked for.
    """

    name: str
    label: str
    tooltip: str
    choices: tuple[tuple[str | bool, str], ...] = ()
    numbers: tuple[float, float, int] = (0, 0, 0)
    default: str = ""
    usual: str | bool | None = None


# In the order in which a user may want them.
FIELDS = (
    Field(
        "iterations",
        "Iteration limit",
        "The run ends at this iteration at the latest, for each plane or volume.",
        numbers=(1, 1_000_000, 0),
    ),
    Field(
        "seconds",
        "Time limit (s)",
        "The run ends after this time at the latest, for each plane or volume.",
        numbers=(1, 1_000_000, 0),
        default="none",
    ),
    Field(
        "stopping",
        "Stop when",
        "How the run knows that the picture is as good as it will be.\n"
        "Held-out pixels: a few pixels are hidden from the network; it stops when it gets worse at guessing "
        "them.\nRunning variance: it stops when the picture begins to flicker.\n"
        "White residual: it stops when what was removed looks most like pure noise.\n"
        "Limits only: it goes on until a limit, or until you stop it.",
        choices=(
            ("held-out", "Held-out pixels"),
            ("running-variance", "Running variance"),
            ("whiteness", "White residual"),
            ("fixed", "Limits only"),
        ),
    ),
    Field(
        "noise",
        "Noise (std. dev.)",
        "Standard deviation of the noise, in the image's own intensity units. It is measured from the image "
        "unless you know it better.",
        numbers=(0.001, 1e9, 3),
        default="measured",
    ),
    Field(
        "likelihood",
        "Noise model",
        "What kind of noise the camera made.\n"
        "Even: the same in dark and bright places.\nPhoton: more of it in bright places, as when light is "
        "scarce.\nOutliers: with hot or dead pixels.\nHeavy tails: with many strong outliers.\n"
        "Heavy tails, all scales: the same, and errors that many pixels share weigh more.",
        choices=(
            ("gaussian", "Even"),
            ("poisson-gaussian", "Photon"),
            ("huber", "Outliers"),
            ("l1", "Heavy tails"),
            ("laplacian-l1", "Heavy tails, all scales"),
        ),
    ),
    Field(
        "tv",
        "Smoothness",
        "Weight of total variation: more makes flat places flatter and keeps edges; 0 is none, 2 is some, 20 "
        "is much.",
        numbers=(0, 1000, 2),
        default="as suits the noise",
    ),
    Field(
        "penalty",
        "Explicit prior",
        "What one expects of a picture, beside what the network can make. Total variation: few edges. "
        "Tikhonov: no edges, smooth everywhere.\nIt begins strong and becomes weaker until the picture is at "
        "its best.",
        choices=(("none", "None"), ("tv", "Total variation"), ("tikhonov", "Tikhonov")),
    ),
    Field(
        "averaging",
        "Averaging",
        "The result is an average over the latest iterations; nearer to 1 means over more of them: smoother, "
        "and slower to follow.",
        numbers=(0, 0.9999, 4),
    ),
    Field(
        "correction",
        "Correction",
        "A quick classical estimate beside the network's: smooth between the measured pixels, or a mean of "
        "small patches that look alike. Held-out pixels decide how much of it counts.",
        choices=(("none", "None"), ("interpolation", "Smooth"), ("patches", "Similar patches")),
        default="as suits the task",
    ),
    Field(
        "guess",
        "Smooth start",
        "Iterations at the beginning in which what is missing is drawn towards a smooth fill. It keeps large "
        "holes from going dark or bright.",
        numbers=(0, 100_000, 0),
    ),
    Field(
        "finish",
        "Finishing",
        "Iterations at the end in which the network sees all pixels, the held-out ones too.",
        numbers=(0, 100_000, 0),
    ),
    Field(
        "network",
        "Network",
        "Half resolution: quick. Full resolution: finer detail, several times slower.",
        choices=(("subpixel", "Half resolution"), ("hourglass", "Full resolution")),
    ),
    Field(
        "input",
        "Network input",
        "What the network makes the picture from. Random numbers suit most images; coordinates give smoother "
        "pictures; the image itself converges sooner and keeps more noise.",
        choices=(("noise", "Random numbers"), ("coordinates", "Coordinates"), ("image", "The image")),
    ),
    Field(
        "optimiser",
        "Optimiser",
        "How the network is fitted. Muon takes fewer iterations; Adam is the original method's.",
        choices=(("muon", "Muon"), ("adam", "Adam")),
    ),
    Field(
        "seed",
        "Seed",
        "The random start. The same seed gives the same result again; another one shows how much depends on "
        "chance.",
        numbers=(0, 2**31 - 1, 0),
    ),
    Field(
        "device",
        "Compute on",
        "A graphics processor (GPU) is many times quicker than the processor. Runs on different ones go on "
        "side by side; on the same one they take turns.",
        choices=(("auto", "The quickest"), ("cpu", "Processor (CPU)")),
    ),
    Field(
        "precision",
        "Precision",
        "Of the arithmetic. The quicker one on this machine is measured once in a session.",
        choices=(("auto", "The quicker"), ("float32", "32 bit"), ("bfloat16", "16 bit")),
    ),
    Field(
        "tile",
        "Tiles (pixels)",
        "Planes and volumes are restored in overlapping tiles of at most this side. That takes less "
        "memory and more time. Unless you choose otherwise, what fits in memory is restored whole.",
        numbers=(144, 100_000, 0),
        default="as memory allows",
    ),
    Field(
        "warm",
        "Each plane starts",
        "Each plane or volume goes on from the network of the one before, where the two show much the same: "
        "it takes a small part of the time. Or each begins anew.",
        choices=((False, "Anew"),),
        default="Where its neighbour ended",
        usual=True,
    ),
    Field(
        "channels",
        "Channels",
        "Each channel by itself, or all by one run, each by its own noise: it takes less time, and they gain "
        "by one another where they show the same structures.",
        choices=(("together", "Together"),),
        default="One by one",
    ),
    Field(
        "dtype",
        "Result's type",
        "The numbers of the result: as the image has them, or 32-bit floating point, which keeps fractions.",
        choices=(("float32", "Floating point"),),
        default="As the image",
    ),
)

# What no one chooses, and a preset has.
PRESETS_ALONE: dict[Any, str] = {"rounding": "As it was rounded"}


class AdvancedForm(QWidget):
    """The form; each field leaves its setting to the preset until the user changes it.

    Attributes
    ----------
    changed : psygnal.Signal
        A setting is another now.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, fields: tuple[Field, ...] = FIELDS, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        # Labels above their fields: beside them, either would be cut off in a narrow dock.
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.inputs: dict[str, _Choice | _Number] = {}
        for field in fields:
            made = _Choice(field) if field.choices else _Number(field)
            made.setToolTip(field.tooltip)
            made.setAccessibleName(field.label)
            label = QLabel(field.label)
            label.setToolTip(field.tooltip)
            layout.addRow(label, made)
            self.inputs[field.name] = made
            changed = made.currentIndexChanged if isinstance(made, _Choice) else made.valueChanged
            changed.connect(self._on_changed)

    @property
    def device(self) -> QComboBox:
        """The choice of where to compute."""
        choice = self.inputs["device"]
        assert isinstance(choice, _Choice)
        return choice

    def settings(self) -> dict[str, Any]:
        """Return the settings that the user has changed, as keywords of `napari_dip.denoise`."""
        values = {name: field.chosen() for name, field in self.inputs.items()}
        return {name: value for name, value in values.items() if value is not None}

    def show_preset(self, settings: Mapping[str, Any]) -> None:
        """Show beside each untouched field what the preset, in plain JSON, decides."""
        for name, field in self.inputs.items():
            value = settings.get(name)
            field.show_default(value.get("name", value) if isinstance(value, Mapping) else value)

    def show_devices(self, devices: Mapping[str, str]) -> None:
        """Offer the graphics processors that this machine has, each with what it is called."""
        for name, called in devices.items():
            if self.device.findData(name) < 0:
                self.device.addItem(called, name)
                self.device.setItemData(self.device.count() - 1, called, Qt.ItemDataRole.ToolTipRole)

    def _on_changed(self, value: object) -> None:
        self.changed.emit()


class _Choice(NarrowChoice):
    """A setting with names; the first entry leaves it to the preset."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._field = field
        self._names: dict[Any, str] = {**PRESETS_ALONE, **dict(field.choices)}
        self.addItem(field.default or "As the preset", None)
        for value, text in field.choices:
            self.addItem(text, value)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def chosen(self) -> str | bool | None:
        value: str | bool | None = self.currentData()
        return value

    def show_default(self, value: object) -> None:
        default, usual = self._field.default, self._field.usual
        if value is None or value == usual:  # the preset leaves it to the task, or says the same
            self.setItemText(0, default or "As the preset")
            return
        self.setItemText(0, f"{self._names.get(value, value)} (preset)")
        if usual is not None and self.findData(usual) < 0:
            self.addItem(default, usual)

    def wheelEvent(self, event: Any) -> None:
        """Scroll the form rather than change a setting by accident."""
        event.ignore()


class _Number(QDoubleSpinBox):
    """A setting that is a number; its lowest stop leaves it to the preset."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._field = field
        low, high, decimals = field.numbers
        self._whole = decimals == 0
        self._default: float | None = None
        self.setDecimals(decimals)
        self._preset = low - 10.0**-decimals
        self.setRange(self._preset, high)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setSpecialValueText(field.default or "as the preset")
        let_shrink(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setValue(self._preset)

    def chosen(self) -> float | int | None:
        value = self.value()
        if value <= self._preset:
            return None
        return round(value) if self._whole else value

    def show_default(self, value: object) -> None:
        self._default = float(value) if isinstance(value, int | float) else None
        if self._default is not None:
            self.setSpecialValueText(f"{value:g} (preset)")
        else:
            default = self._field.default or "as the preset"
            self.setSpecialValueText("as in the preset" if isinstance(value, Mapping) else default)

    def stepBy(self, steps: int) -> None:
        """Step from the preset's number when the first step is taken."""
        if self.value() <= self._preset and self._default is not None:
            self.setValue(self._default)
        else:
            super().stepBy(steps)

    def wheelEvent(self, event: Any) -> None:
        """Scroll the form rather than change a setting by accident."""
        event.ignore()
