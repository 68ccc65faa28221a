"""The detail of a result, chosen by slider, keys and button when the run is done."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QStyle, QStyleOptionSlider

import napari_dip as dip
from napari_dip.given import KEY
from napari_dip.viewer.detail import END, detail_at, position_of
from napari_dip.viewer.words import how_detailed


@pytest.fixture
def denoised(viewer, noisy, open_denoise, wait_until):
    """The widget, its choice of detail and the run, which is done."""
    viewer.add_image(noisy, name="cell")
    widget = open_denoise()
    widget.advanced.inputs["iterations"].setValue(5)
    run = widget.start()
    assert widget.controls.detail.isHidden()  # there is nothing to choose from yet
    wait_until(lambda: run.done)
    choice = widget.controls.detail
    wait_until(choice.slider.isEnabled)
    return widget, choice, run


def settings_of(run):
    return run.layer.metadata[KEY]["settings"]


def roughness(picture):
    return np.abs(np.diff(picture.astype(float))).mean()


def distance(one, other):
    return np.abs(one - other.astype(float)).mean()


def middle(slider):
    """Where the middle of the slider's handle is."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    return (
        slider.style()
        .subControlRect(QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, slider)
        .center()
    )


def drag(qtbot, slider, x):
    """Move the slider's handle to `x` with the mouse."""
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=middle(slider))
    qtbot.mouseMove(slider, QPoint(round(x), slider.height() // 2))
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(x), slider.height() // 2))


def test_the_slider_shows_at_once_what_the_settings_make_again(denoised, noisy, qtbot, click):
    _, choice, run = denoised
    automatic = run.result.image.copy()
    assert choice.said.text() == "automatic"
    assert not choice.automatic.isEnabled()
    for position, less in ((-60, True), (50, False)):
        choice.slider.setValue(position)
        detail = detail_at(position)
        assert run.result.settings["detail"] == detail
        assert settings_of(run) == run.result.settings
        assert run.layer.metadata[KEY]["residual"] == run.result.residual
        assert run.layer.data is run.result.image
        if less:
            assert roughness(run.layer.data) < roughness(automatic)
        else:
            assert distance(run.layer.data, noisy) < distance(automatic, noisy)
    assert choice.said.text() == how_detailed(detail) == "35\N{NO-BREAK SPACE}% put back"
    again = dip.denoise(noisy, **settings_of(run))
    np.testing.assert_array_equal(run.layer.data, again.image)
    click(choice.automatic)
    np.testing.assert_array_equal(run.layer.data, automatic)
    assert "detail" not in settings_of(run)
    assert choice.slider.value() == 0

    run.adjust(-0.4)  # from the console
    assert choice.slider.value() == -40
    with pytest.raises(ValueError, match="from -1"):
        run.adjust(3)


def test_mouse_and_keys_move_it_and_the_wheel_does_not(denoised, noisy, qtbot, viewer):
    _, choice, run = denoised
    slider = choice.slider
    slider.resize(240, 18)
    assert slider.focusPolicy() & Qt.FocusPolicy.TabFocus
    qtbot.keyClick(slider, Qt.Key.Key_Left)
    assert run.detail == -0.05
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert run.detail == 1
    np.testing.assert_array_equal(run.layer.data, noisy)
    assert choice.said.text() == "the image as it was"
    drag(qtbot, slider, 30)
    assert -0.95 < run.detail < -0.6
    drag(qtbot, slider, slider.width() / 2 + 2)  # near the mark
    assert run.detail == slider.value() == 0
    end, none = QPointF(30, 9), Qt.MouseButton.NoButton
    wheel = QWheelEvent(
        end, end, QPoint(), QPoint(0, 120), none, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase(0), False
    )
    QApplication.sendEvent(slider, wheel)
    assert run.detail == 0


def test_the_original_is_seen_at_the_same_contrast_while_b_is_held(denoised, viewer, qtbot):
    _, _, run = denoised
    source, result = run.source, run.layer
    source.visible, own = False, tuple(source.contrast_limits)
    result.contrast_limits = (350, 500)
    viewer.layers.selection.active = result
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyPress(canvas, Qt.Key.Key_B)
    assert (source.visible, result.visible) == (True, False)
    assert tuple(source.contrast_limits) == (350, 500)
    qtbot.keyRelease(canvas, Qt.Key.Key_B)
    assert (source.visible, result.visible) == (False, True)
    assert tuple(source.contrast_limits) == own


def test_what_somebody_has_put_into_the_layer_is_not_lost(denoised, noisy, notifications):
    _, choice, run = denoised
    run.layer.data = noisy + 1
    choice.slider.setValue(20)
    np.testing.assert_array_equal(run.layer.data, noisy + 1)
    assert choice.isHidden() and run.detail == 0
    assert notifications[-1].message.startswith("The layer has other pixels now than the result")
    run.layer.data = run.result.image
    run.adjust(0.5)
    assert run.layer.data is run.result.image


def test_it_goes_when_there_is_nothing_to_choose_from(denoised, viewer, wait_until, qtbot):
    widget, choice, run = denoised
    assert not choice.isHidden()
    viewer.layers.remove(run.layer)
    assert choice.isHidden()
    choice.slider.setValue(20)  # nothing breaks
    second = widget.start()
    assert choice.isHidden()
    with pytest.raises(ValueError, match="done"):
        second.adjust(0.5)
    wait_until(lambda: second.step is not None)
    second.stop()
    wait_until(lambda: second.done)
    wait_until(choice.slider.isEnabled)
    assert choice.run is second
    assert choice.said.text() == "automatic"

    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.wait(50)
    second.adjust(0.2)  # the widget is gone, the run can still be adjusted
    viewer.layers.remove(second.layer)
    assert second.detail == 0.2


def test_a_tried_plane_s_detail_is_applied_to_all(viewer, noisy, open_denoise, click, wait_until):
    stack = np.stack([noisy, noisy[::-1]])
    viewer.add_image(stack, name="movie", axis_labels=("t", "y", "x"))
    widget = open_denoise()
    widget.advanced.inputs["iterations"].setValue(3)
    tried = widget.try_one()
    wait_until(lambda: tried.done)
    choice = widget.controls.detail
    wait_until(choice.slider.isEnabled)
    choice.slider.setValue(-50)
    click(widget.controls.rest)
    run = widget.controls.run
    assert run is not tried
    wait_until(lambda: run.done)
    assert settings_of(run)["detail"] == -0.5
    np.testing.assert_array_equal(run.layer.data, dip.denoise(stack, **run.result.settings).image)
    wait_until(choice.slider.isEnabled)
    assert choice.slider.value() == -50
    choice.slider.setValue(END)
    np.testing.assert_array_equal(run.layer.data, stack)


@pytest.mark.parametrize("position", [-100, -37, 0, 5, 40, 100])
def test_positions_and_details_are_told_from_one_another(position):
    assert abs(position_of(detail_at(position)) - position) <= 1
