"""The Denoise widget as a user meets it: clicks, layers that come and go, wrong input, a closed window."""

from __future__ import annotations

import numpy as np
import pytest
from forms import set_advanced
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

import napari_dip as dip
from napari_dip.viewer import denoise
from napari_dip.viewer.widgets.denoise import DenoiseWidget
from napari_dip.viewer.widgets.task import NO_IMAGE

LONG = {"iterations": 100_000, "stopping": "fixed"}


def test_a_click_denoises_the_selected_layer_as_the_call_does(viewer, noisy, open_denoise, click, wait_until):
    layer = viewer.add_image(noisy, name="cell", scale=(0.1, 0.1), units=("um", "um"), colormap="viridis")
    widget = open_denoise()
    set_advanced(widget, iterations=12)
    click(widget.controls.main)
    run = widget.controls.run
    wait_until(lambda: run.done)
    result = viewer.layers["cell [denoised]"]
    np.testing.assert_array_equal(result.data, dip.denoise(noisy, preset="fast", iterations=12).image)
    np.testing.assert_array_equal(result.scale, layer.scale)
    assert result.units == layer.units
    assert result.colormap.name == "viridis"
    assert "limit of iterations" in widget.controls.status.text()
    assert widget.controls.main.text() == "Denoise"
    assert widget.controls.main.isEnabled()


def test_the_buttons_stop_pause_and_continue(viewer, noisy, open_denoise, click, wait_until, qtbot):
    viewer.add_image(noisy)
    widget = open_denoise()
    controls = widget.controls
    set_advanced(widget, **LONG)
    assert not controls.pause.isEnabled()
    click(controls.main)
    run = controls.run
    assert controls.main.text() == "Stop and keep"
    assert not widget.form.isEnabled()
    wait_until(lambda: run.layer is not None)
    click(controls.pause)
    assert controls.pause.text() == "Continue"
    qtbot.wait(200)
    assert "paused" in controls.status.text()
    iteration = run.step.iterate.iteration
    click(controls.pause)
    assert controls.pause.text() == "Pause"
    wait_until(lambda: run.step.iterate.iteration > iteration)
    click(controls.main)
    wait_until(lambda: run.done)
    assert run.result.stopped_by == "user"
    assert "kept" in controls.status.text()
    assert controls.main.text() == "Denoise"
    assert widget.form.isEnabled()


def test_an_open_widget_follows_a_run_that_the_console_began(viewer, noisy, open_denoise, click, wait_until):
    layer = viewer.add_image(noisy)
    widget = open_denoise()
    run = denoise(viewer, layer, **LONG)
    assert widget.controls.run is run
    assert widget.controls.main.text() == "Stop and keep"
    wait_until(lambda: run.step is not None)
    click(widget.controls.main)
    wait_until(lambda: run.done)
    assert "kept" in widget.controls.status.text()


def test_a_second_run_follows_the_first_and_the_source_stays_chosen(
    viewer, noisy, open_denoise, click, wait_until
):
    viewer.add_image(noisy, name="cell")
    widget = open_denoise()
    set_advanced(widget, iterations=3)
    for _ in range(2):
        click(widget.controls.main)
        wait_until(lambda: widget.controls.run.done)
        assert widget.layer.layer.name == "cell"
    assert [layer.name for layer in viewer.layers] == ["cell", "cell [denoised]", "cell [denoised] [1]"]


def test_what_is_shown_below_is_of_the_image_that_is_chosen(viewer, noisy, open_denoise, wait_until):
    one, two = viewer.add_image(noisy, name="one"), viewer.add_image(noisy[::-1], name="two")
    widget = open_denoise()
    controls = widget.controls
    set_advanced(widget, iterations=3)

    def restore(layer):
        viewer.layers.selection.active = layer
        run = widget.start()
        wait_until(lambda: run.done)
        wait_until(controls.detail.slider.isEnabled)
        return run

    first = restore(one)
    label = controls.more.recent[0].label
    viewer.layers.selection.active = two
    assert controls.run is None
    assert controls.detail.isHidden() and controls.plot.isHidden()
    assert not controls.more.isHidden()  # what was done can be done again
    assert controls.status.text() == ""
    assert controls.bar.value() == 0
    second = restore(two)
    viewer.layers.selection.active = one
    assert controls.run is controls.detail.run is first
    assert "Finished" in controls.status.text()
    wait_until(controls.detail.slider.isEnabled)
    before = second.layer.data
    controls.detail.slider.setValue(50)
    assert first.detail > 0 and second.detail == 0 and second.layer.data is before
    assert controls.more.recent[1].label == label
    # Its result is another image, of which the same is known.
    widget.layer.layer = second.layer
    assert controls.run is second
    third = denoise(viewer, one, iterations=3)
    assert widget.layer.layer is one and controls.run is third
    third.wait()
    viewer.layers.remove(one)
    assert controls.run is second
    viewer.layers.remove(third.layer)
    viewer.layers.remove(two)
    assert controls.run is second and widget.layer.layer is second.layer
    viewer.layers.remove(second.layer)
    assert controls.run is first and widget.layer.layer is first.layer
    viewer.layers.remove(first.layer)
    assert controls.run is None


def test_what_is_shown_below_is_of_the_result_that_is_selected(viewer, noisy, open_denoise, wait_until):
    viewer.add_image(noisy, name="one")
    widget = open_denoise()
    runs = []
    for seed in (1, 2):
        set_advanced(widget, iterations=3, seed=seed)
        runs.append(widget.start())
        wait_until(lambda: runs[-1].done)
    assert widget.controls.run is runs[1]
    viewer.layers.selection.active = runs[0].layer
    assert widget.controls.run is widget.controls.detail.run is runs[0]
    viewer.layers.selection.active = runs[1].layer
    assert widget.controls.run is runs[1]
    set_advanced(widget, iterations=100_000, stopping="fixed")
    live = widget.start()
    viewer.layers.selection.active = runs[0].layer
    assert widget.controls.run is live  # until that has ended
    live.stop()
    wait_until(lambda: live.done)


def test_a_run_of_an_image_that_was_removed_says_whose_it_is(viewer, noisy, open_denoise, wait_until):
    other, image = viewer.add_image(noisy, name="other"), viewer.add_image(noisy, name="cell")
    widget = open_denoise()
    set_advanced(widget, **LONG)
    run = widget.start()
    wait_until(lambda: run.step is not None)
    viewer.layers.remove(image)
    wait_until(lambda: widget.controls.status.text().startswith("'cell' (removed): Iteration"))
    assert widget.layer.layer is other
    run.stop()
    wait_until(lambda: run.done)
    assert widget.controls.status.text().startswith("'cell' (removed): Stopped")


def test_pixels_that_are_nan_are_told(viewer, noisy, open_denoise):
    stack = np.stack([noisy, noisy]).astype("f4")
    stack[1, 3, 3:5] = np.nan
    viewer.add_image(stack, axis_labels=("t", "y", "x"))
    widget = open_denoise()
    assert widget.what.text().endswith(", 2 pixels to be filled in (NaN or infinite)")
    viewer.add_image(noisy)
    assert "NaN" not in widget.what.text()
    stack[0] = np.nan
    widget.layer.layer = viewer.add_image(stack.copy(), axis_labels=("t", "y", "x"))
    told = ", 2 pixels to be filled in (NaN or infinite), 1 of which nothing is known stays as it is"
    assert widget.what.text().endswith(told)


def test_what_was_in_the_way_of_one_image_is_not_said_of_another(viewer, noisy, open_denoise, click):
    viewer.add_image(np.full((8, 8), np.nan))
    widget = open_denoise()
    click(widget.controls.main)
    assert "finite" in widget.controls.status.text()
    viewer.add_image(noisy)
    assert widget.controls.status.text() == ""


def test_the_choice_follows_the_selection_names_and_removals(viewer, noisy, open_denoise):
    one, two = viewer.add_image(noisy, name="one"), viewer.add_image(noisy, name="two")
    widget = open_denoise()
    assert widget.layer.layer is two
    viewer.layers.selection.active = one
    assert widget.layer.layer is one
    one.name = "renamed"
    assert widget.layer.currentText() == "renamed"
    viewer.layers.remove(one)
    assert widget.layer.layer is two
    viewer.layers.remove(two)
    assert widget.layer.layer is None
    assert not widget.controls.main.isEnabled()
    assert widget.controls.status.text() == NO_IMAGE


def test_a_wrong_setting_is_told_in_a_sentence_and_the_button_is_ready_again(
    viewer, noisy, open_denoise, click, notifications, wait_until
):
    viewer.add_image(np.where(np.eye(8), 1e38, 0))
    widget = open_denoise()
    click(widget.controls.main)
    wait_until(lambda: widget.controls.run.done)
    assert [n.severity.value for n in notifications] == ["error"]
    assert "beyond 1e+37" in notifications[0].message
    assert "Traceback" not in notifications[0].message
    assert widget.controls.main.text() == "Denoise"
    assert widget.controls.main.isEnabled()
    viewer.add_image(noisy)
    set_advanced(widget, iterations=2)
    click(widget.controls.main)
    wait_until(lambda: widget.controls.run.done)
    assert widget.controls.run.result.iterations == 2


@pytest.mark.parametrize(
    ("image", "words"),
    [(np.full((8, 8), np.nan), "None of the pixels is a finite number"), (np.ones((1, 1)), "has one pixel")],
)
def test_an_image_with_nothing_to_restore_is_told_before_the_button_is_pressed(
    viewer, noisy, open_denoise, image, words
):
    viewer.add_image(image)
    widget = open_denoise()
    assert not widget.controls.main.isEnabled() and words in widget.controls.status.text()
    assert not widget.what.text()
    viewer.add_image(noisy)
    assert widget.controls.main.isEnabled() and words not in widget.controls.status.text()


def test_too_little_memory_is_told_and_the_button_is_ready_again(
    viewer, noisy, open_denoise, click, notifications, monkeypatch, wait_until
):
    import napari_dip.engine.memory as memory

    viewer.add_image(noisy)
    widget = open_denoise()
    monkeypatch.setattr(memory, "available_memory", lambda device: 1000)
    click(widget.controls.main)
    wait_until(lambda: widget.controls.run.done)
    assert [n.severity.value for n in notifications] == ["error"]
    assert "GiB" in notifications[0].message
    assert "GiB" in widget.controls.status.text()
    assert widget.controls.main.isEnabled()
    assert len(viewer.layers) == 1


def test_closing_the_viewer_during_a_run_ends_it(make_napari_viewer, noisy, open_task, wait_until):
    viewer = make_napari_viewer()
    viewer.add_image(noisy)
    widget = open_task(DenoiseWidget, viewer)
    set_advanced(widget, **LONG)
    run = widget.start()
    wait_until(lambda: run.step is not None)
    viewer.close()
    wait_until(lambda: run.done)
    assert run.result.stopped_by == "user"


def test_a_closed_widget_lets_its_run_go_on_and_a_new_one_takes_it_up(
    viewer, noisy, open_denoise, qtbot, wait_until
):
    viewer.add_image(noisy)
    widget = open_denoise()
    set_advanced(widget, **LONG)
    run = widget.start()
    wait_until(lambda: run.step is not None)
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.wait(100)
    iteration = run.step.iterate.iteration
    wait_until(lambda: run.step.iterate.iteration > iteration)
    second = open_denoise()
    assert second.controls.run is run
    assert second.controls.main.text() == "Stop and keep"
    second.controls.main.click()
    wait_until(lambda: run.done)
    assert second.controls.main.text() == "Denoise"


def test_a_run_from_the_console_can_be_followed(viewer, noisy, open_denoise, wait_until):
    run = denoise(viewer, viewer.add_image(noisy), **LONG)
    widget = open_denoise()
    assert widget.controls.run is run
    run.stop()
    wait_until(lambda: run.done)


def test_a_stack_can_be_taken_plane_by_plane_or_as_a_volume(viewer, open_denoise, wait_until):
    widget = open_denoise()
    for shape, usual in (
        ((9, 512, 256), "With 2 neighbours"),  # its pictures would come slowly
        ((1 << 18, 16, 16), "With 2 neighbours"),  # all of it is in memory
        ((1 << 13, 16, 16), "Volumes (3-D)"),
    ):
        large = np.broadcast_to(np.zeros((1, *shape[1:]), "uint8"), shape)
        viewer.add_image(large, axis_labels=("z", "y", "x"), contrast_limits=(0, 1))
        assert not widget.stacks.how.isHidden()
        assert widget.stacks.how.currentText() == usual
    stack = np.random.default_rng(0).random((4, 16, 16)).astype("float32")
    viewer.add_image(stack, axis_labels=("z", "y", "x"))
    assert widget.stacks.how.currentText() == "Volumes (3-D)"
    assert widget.what.text() == "A volume of 4 x 16 x 16 voxels"
    widget.stacks.how.setCurrentIndex(0)
    assert widget.what.text() == "4 slices, each a plane of 16 x 16 pixels"
    set_advanced(widget, iterations=2)
    run = widget.start()
    wait_until(lambda: run.done)
    assert run.result.iterations == 8
    viewer.add_image(stack[0])
    assert widget.stacks.how.isHidden()


def test_a_colour_image_stays_one(viewer, open_denoise, wait_until):
    rgb = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype("uint8")
    viewer.add_image(rgb, name="histology", rgb=True)
    widget = open_denoise()
    assert widget.what.text() == "An RGB plane of 16 x 16 pixels"
    set_advanced(widget, iterations=2)
    run = widget.start()
    wait_until(lambda: run.done)
    assert run.layer.rgb
    assert run.layer.data.shape == rgb.shape


def test_hiding_the_original_happens_at_the_end(viewer, noisy, open_denoise, wait_until):
    layer = viewer.add_image(noisy)
    widget = open_denoise()
    widget.afterwards.setCurrentIndex(1)
    set_advanced(widget, iterations=5)
    run = widget.start()
    assert layer.visible
    wait_until(lambda: run.done)
    assert not layer.visible
    assert run.layer.visible


def test_the_plot_shows_the_data_term_and_marks_the_best(make_napari_viewer, noisy, wait_until):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(noisy)
    widget = DenoiseWidget(viewer)
    viewer.window.add_dock_widget(widget)
    wait_until(widget.controls.main.isEnabled)
    set_advanced(widget, iterations=40)
    run = widget.start()
    wait_until(lambda: run.done)
    plot = widget.controls.plot
    iterations, values = plot._figure.getOriginalDataset()
    assert list(iterations) == [10, 20, 30, 40]
    best = plot._best.getOriginalDataset()
    assert best[0][0] == iterations[int(np.argmin(values))] == run.result.history["best_iteration"][-1]
    assert len(plot._data.getOriginalDataset()[0]) > 1


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_wider_than_a_narrow_dock(make_napari_viewer, noisy, wait_until, theme):
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    viewer.add_image(np.stack([noisy, noisy]), name="a rather long name of a layer in a stack (1).ome.tif")
    widget = DenoiseWidget(viewer)
    viewer.window.add_dock_widget(widget)
    wait_until(widget.controls.main.isEnabled)
    widget.fold.expand(animate=False)
    QApplication.processEvents()
    content = widget.controls.parentWidget()
    assert content.minimumSizeHint().width() <= 260
    assert widget.minimumSizeHint().width() <= 280


def test_everything_can_be_reached_by_the_keyboard(viewer, noisy, open_denoise):
    viewer.add_image(noisy)
    widget = open_denoise()
    form, advanced = [widget.layer, widget.preset, widget.afterwards], widget.advanced.inputs.values()
    fields = [*form, widget.controls.main, *advanced]
    assert all(field.focusPolicy() & Qt.FocusPolicy.TabFocus for field in fields)


def test_the_plot_shows_estimates_below_zero(qtbot, viewer):
    from napari_dip.viewer.widgets.plot import Plot
    from napari_dip.viewer.widgets.theme import Colours

    plot = Plot(Colours.of(viewer))
    qtbot.addWidget(plot)
    plot.show_curves(
        [(1, 0.5), (2, 0.1)], [(10, 0.3), (20, -0.1), (30, 0.2), (40, float("nan"))], "estimated error"
    )
    np.testing.assert_allclose(plot._figure.getOriginalDataset(), [[10, 20, 30], [0.3, 0.2, 0.2]])
    np.testing.assert_allclose(plot._best.getOriginalDataset(), [[20], [0.2]])
