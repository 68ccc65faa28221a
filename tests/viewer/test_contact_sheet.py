"""Settings compared on a part: small pictures, one of which is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from forms import choose, set_advanced
from napari.layers import Image
from qtpy.QtCore import Qt

from napari_dip.viewer import sight
from napari_dip.viewer.alternatives import Alternative, Comparison, picture_of
from napari_dip.viewer.known_runs import run_of
from napari_dip.viewer.widgets.docks import dock_of
from napari_dip.viewer.widgets.task import OPEN

SHORT = {"iterations": 2, "stopping": "fixed", "finish": 0, "device": "cpu", "precision": "float32"}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sight, "LARGEST", {2: 16, 3: 8})
    monkeypatch.setattr(sight, "SMALLEST", 8)


def test_nothing_is_chosen_without_a_click_and_a_closed_widget_begins_nothing(
    viewer, open_denoise, wait_until
):
    viewer.add_image(np.random.default_rng(0).normal(100, 5, (2, 32, 32)).astype("float32"), name="cells")
    widget = open_denoise()
    choose(widget.preset, "fast")
    set_advanced(widget, iterations=3, device="cpu")
    widget.compare()
    comparison = widget.sheet.comparison
    wait_until(lambda: comparison.runs[1] is not None and comparison.runs[1].done)
    assert widget.preset.currentData() == "fast"
    widget.compare()
    comparison = widget.sheet.comparison
    dock = dock_of(widget)
    dock.destroyOnClose()  # as a click on its X does
    assert widget.sheet.comparison is None
    wait_until(lambda: all(run is None or run.done for run in comparison.runs))
    assert len({run for run in comparison.runs if run is not None}) == 1
    comparison = widget = dock = None
    wait_until(lambda: not list(OPEN))  # Qt has deleted it, and nothing tells it of anything
    # Another one goes on where it was closed.
    layer = next(layer for layer in viewer.layers if "denoised" in layer.name)
    assert run_of(layer) is not None
    again = open_denoise()
    assert again.controls.run is not None and again.controls.run.layer in viewer.layers


def test_what_is_chosen_from_the_sheet_is_shown_and_applied_to_the_whole(
    viewer, noisy, open_denoise, click, qtbot, wait_until
):
    viewer.add_image(noisy, name="cells")
    widget = open_denoise()
    sheet, controls = widget.sheet, widget.controls
    assert not sheet.isHidden()
    set_advanced(widget, **SHORT)
    click(sheet.compare)
    assert not any(button.isEnabled() for button in sheet.pictures)
    comparison = sheet.comparison
    wait_until(lambda: comparison.over)
    fast, smoother, best = comparison.runs
    assert fast is smoother and fast is not best
    assert [run.result.settings["preset"] for run in (fast, best)] == ["fast", "best"]
    assert fast.result.image.shape == best.result.image.shape == (16, 16)
    assert all(button.isEnabled() for button in sheet.pictures)
    pictures = {button.icon().pixmap(20, 20).toImage().pixel(3, 3) for button in sheet.pictures}
    assert len(pictures) > 1
    assert sheet.pictures[2].isChecked() and best.layer.visible and not fast.layer.visible
    assert widget.preset.currentData() == "fast"  # nobody has chosen yet

    qtbot.keyClick(sheet.pictures[1], Qt.Key.Key_Space)
    assert fast.layer.visible and not best.layer.visible
    assert viewer.layers.selection.active is fast.layer  # which B and the layer's controls are of
    assert fast.detail == -0.5
    assert controls.run is fast and widget.preset.currentData() == "fast"
    assert widget.form.isEnabled()
    viewer.layers.remove(best.layer)
    click(sheet.pictures[2])  # it is asked for again
    assert best.layer in viewer.layers and best.layer.visible and not fast.layer.visible
    click(sheet.pictures[1])
    click(controls.rest)
    rest = controls.run
    wait_until(lambda: rest.done)
    assert rest.result.image.shape == noisy.shape
    assert not fast.layer.visible  # below the whole one it would be seen in place of the original
    assert rest.result.settings == fast.result.settings
    assert rest.result.settings["detail"] == -0.5
    assert sheet.comparison is comparison
    viewer.add_image(noisy[:16, :16])
    assert sheet.comparison is None and sheet.isHidden()


def test_to_stop_a_run_ends_the_comparison(viewer, noisy, open_denoise, click, wait_until):
    viewer.add_image(noisy)
    widget = open_denoise()
    set_advanced(widget, **SHORT | {"iterations": 100_000})
    click(widget.sheet.compare)
    run = widget.controls.run
    wait_until(lambda: run.step is not None)
    assert not widget.sheet.compare.isEnabled()
    click(widget.controls.main)
    wait_until(lambda: widget.sheet.comparison.over)
    wait_until(lambda: widget.sheet.pictures[1].isEnabled())
    assert widget.sheet.comparison.runs[2] is None
    assert not widget.sheet.pictures[2].isEnabled()
    assert widget.sheet.compare.isEnabled()


def test_nothing_to_try_nothing_to_compare(viewer, open_denoise):
    viewer.add_image(np.zeros((16, 16)))
    assert open_denoise().sheet.isHidden()


def test_what_cannot_begin_ends_the_comparison():
    comparison = Comparison([Alternative("Fast", "", "fast")], lambda preset: None)
    assert comparison.over
    assert comparison.picture(0) is None


def test_a_picture_has_the_layers_colours_and_contrast():
    image = np.arange(400, dtype="uint16").reshape(20, 20)
    layer = Image(image, contrast_limits=(100, 300), colormap="green")
    picture = picture_of(image[None], layer, 10)
    assert picture.shape == (10, 10, 4)
    assert (picture[..., 0] == 0).all() and (picture[..., 3] == 255).all()
    middle = image[5:15, 5:15]
    assert (picture[..., 1][middle < 100] == 0).all()
    assert picture[4, 4, 1] == pytest.approx(255 * (image[9, 9] - 100) / 200, abs=2)
    colours = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype("uint8")
    np.testing.assert_array_equal(picture_of(colours, Image(colours, rgb=True), 10)[..., :3], colours)
