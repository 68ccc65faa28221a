"""The Advanced form knows every setting that the call knows, and passes on only what the user changed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from napari_dip.api import denoise, plan_denoise
from napari_dip.engine.presets import EXPLICIT, PRESETS, preset
from napari_dip.viewer.widgets.advanced import FIELDS, AdvancedForm
from napari_dip.viewer.widgets.deconvolution import DeconvolutionWidget
from napari_dip.viewer.widgets.denoise import PRESETS as NAMED
from napari_dip.viewer.widgets.denoise import DenoiseWidget
from napari_dip.viewer.widgets.inpaint import InpaintWidget
from napari_dip.viewer.widgets.super_resolution import SuperResolutionWidget

ELSEWHERE = {
    *("image", "preset", "axes", "neighbours", "detail", "guide", "guided_by", "out", "progress", "callback"),
    *("planes", "repeat", "repeated", "expected", "uncertainty"),
}


@pytest.fixture
def form(qtbot):
    form = AdvancedForm()
    qtbot.addWidget(form)
    return form


def test_every_keyword_of_the_call_has_a_field():
    assert {field.name for field in FIELDS} == set(inspect.signature(denoise).parameters) - ELSEWHERE


def test_every_preset_has_a_name_for_people():
    assert set(NAMED) == set(PRESETS["denoise"])


def test_every_field_explains_itself():
    assert all(len(field.tooltip) > 30 for field in FIELDS)


def test_an_untouched_form_leaves_everything_to_the_preset(form):
    assert form.settings() == {}
    noise = form.inputs["noise"]
    assert noise.text() == "measured"
    form.show_preset(preset("best").to_dict() | {"noise": {"gain": 1.0, "read_noise": 2.0}})
    assert form.settings() == {} and noise.text() == "as in the preset"
    form.show_preset(preset("best").to_dict())
    assert noise.text() == "measured"


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_value_that_can_be_chosen_can_be_used(form, field):
    image = np.random.default_rng(0).random((160, 160))
    widget = form.inputs[field.name]
    low, high, _ = field.numbers
    values = [value for value, _ in field.choices] or [low, max(low, 2) if high >= 2 else 0.5]
    for value in values:
        if field.choices:
            widget.setCurrentIndex(widget.findData(value))
        else:
            widget.setValue(value)
        assert form.settings() == {field.name: value}
        stack, axes = (image[None], "CYX") if field.name == "channels" else (image, None)
        job = plan_denoise(stack, axes=axes, **form.settings())
        kept = job.settings[field.name]
        if field.name == "noise":
            assert kept["read_noise"] == pytest.approx(value)
        else:
            assert (kept["name"] if isinstance(kept, dict) else kept) == value or value == "auto"


def test_the_presets_values_are_shown(form):
    form.show_preset(preset("fast").to_dict())
    assert form.inputs["network"].currentText() == "Full resolution (preset)"
    assert form.inputs["iterations"].text() == f"{preset('fast').iterations} (preset)"
    form.inputs["iterations"].stepBy(1)
    assert form.settings() == {"iterations": preset("fast").iterations}


def test_what_only_some_presets_decide_is_shown_and_can_be_undone(form):
    inputs, usual = form.inputs, form.inputs["warm"].itemText(0)
    form.show_preset(preset("fast").to_dict() | {"correction": None})
    assert inputs["correction"].currentText() == "as suits the task"
    assert inputs["seconds"].text() == "none"
    form.show_preset({"seconds": 60, "correction": "patches", "warm": False})
    assert inputs["seconds"].text() == "60 (preset)"
    assert inputs["correction"].currentText() == "Similar patches (preset)"
    assert inputs["warm"].currentText() == "Anew (preset)"
    assert form.settings() == {}
    inputs["warm"].setCurrentIndex(inputs["warm"].findText(usual))
    assert form.settings() == {"warm": True}
    inputs["warm"].setCurrentIndex(0)
    form.show_preset({"warm": True})
    assert (inputs["warm"].currentText(), inputs["seconds"].text()) == (usual, "none")
    assert form.settings() == {}


@pytest.mark.parametrize("kind", [DenoiseWidget, InpaintWidget, SuperResolutionWidget, DeconvolutionWidget])
@pytest.mark.parametrize("name", EXPLICIT)
def test_every_widget_offers_what_there_is_to_compare_with(kind, name):
    called, said = kind.PRESETS[name]
    assert called in ("Total variation", "Tikhonov")
    assert "No deep image prior" in said and "to compare with" in said
