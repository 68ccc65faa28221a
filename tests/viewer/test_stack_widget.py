"""A stack in the widgets: what its axes are, which planes, a trial and then the rest, how far it is."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from forms import set_advanced
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication

import napari_dip as dip
from napari_dip.api import plan_denoise
from napari_dip.viewer import denoise
from napari_dip.viewer.planes_to_do import PlanesToDo
from napari_dip.viewer.regions import Region
from napari_dip.viewer.widgets.plane_strip import NARROWEST, PlaneStrip
from napari_dip.viewer.widgets.super_resolution import SuperResolutionWidget

SHORT = {"iterations": 2, "stopping": "fixed", "finish": 0, "device": "cpu", "precision": "float32"}
LONG = {**SHORT, "iterations": 100_000}


@pytest.fixture
def stack():
    return np.random.default_rng(0).integers(0, 1000, (5, 16, 16)).astype("uint16")


@pytest.fixture
def choose(qtbot):
    """Choose an entry as the keyboard does."""

    def choose(box, value):
        index = next(i for i in range(box.count()) if box.itemData(i) == value)
        assert box.focusPolicy() & Qt.FocusPolicy.TabFocus
        qtbot.keyClick(box, Qt.Key.Key_Home)
        for _ in range(index):
            qtbot.keyClick(box, Qt.Key.Key_Down)
        assert box.currentData() == value

    return choose


# ---------------------------------------------------------------------------------------------------- axes


def test_the_axes_can_be_corrected_and_the_sentence_follows_at_once(viewer, open_denoise, choose):
    layer = viewer.add_image(np.zeros((4, 2, 3, 8, 8), "uint16"))
    widget = open_denoise()
    kinds = widget.stacks.kinds
    assert widget.what.text() == "4 images x 2 images x 3 images, each a plane of 8 x 8 pixels"
    assert [box.currentText() for box in kinds.values()] == ["4 images", "2 images", "3 images"]
    choose(kinds[0], "T")
    choose(kinds[1], "C")
    assert widget.what.text() == "4 time points x 2 channels x 3 images, each a plane of 8 x 8 pixels"
    choose(kinds[2], "Z")
    assert widget.what.text() == "4 time points x 2 channels, each a volume of 3 x 8 x 8 voxels"
    assert plan_denoise(layer, **widget.settings()).axes.spatial == (2, 3, 4)
    planes = "4 time points x 2 channels x 3 slices, each a plane of 8 x 8 pixels"
    choose(widget.stacks.how, 2)
    assert widget.what.text() == f"{planes}, along with 2 neighbours on each side"
    choose(widget.stacks.planes, "current")
    assert widget.what.text().startswith("Time 1, channel 0, slice 1 of 4 time points")
    assert widget.what.text().endswith(", along with 2 neighbours on each side")
    choose(widget.stacks.planes, "all")
    choose(widget.stacks.how, 0)
    assert widget.what.text() == planes
    axes = plan_denoise(layer, **widget.settings()).axes
    assert axes.names == "TCZYX" and axes.spatial == (3, 4)


def test_what_cannot_be_is_told_in_a_sentence_and_cannot_be_started(viewer, open_denoise, choose):
    viewer.add_image(np.zeros((4, 3, 8, 8), "uint16"), axis_labels=("t", "z", "y", "x"))
    widget = open_denoise()
    status, main = widget.controls.status, widget.controls.main
    assert main.isEnabled()
    choose(widget.stacks.kinds[1], "T")
    assert status.text() == "Two axes are time. Say what the other one is."
    assert main.toolTip() == status.text()
    assert not main.isEnabled()
    assert widget.controls.trial.isHidden()
    choose(widget.stacks.kinds[1], "P")
    assert main.isEnabled()
    choose(widget.stacks.how, None)
    assert status.text().startswith("No axis is depth")
    assert not main.isEnabled()
    choose(widget.stacks.kinds[1], "Q")  # what has no name may be depth
    choose(widget.stacks.how, None)
    assert main.isEnabled()
    assert widget.stacks.kinds[1].currentText() == "3 slices (depth)"


def test_the_axes_begin_as_the_labels_say_and_corrections_are_remembered(viewer, open_denoise, choose):
    one = viewer.add_image(np.zeros((4, 8, 8), "uint16"), axis_labels=("t", "y", "x"))
    other = viewer.add_image(np.zeros((3, 8, 8), "uint16"))
    widget = open_denoise()
    choose(widget.stacks.kinds[0], "Z")
    choose(widget.stacks.how, 0)
    choose(widget.stacks.planes, "current")
    viewer.dims.set_current_step(0, 2)
    viewer.layers.selection.active = one
    assert widget.what.text() == "4 time points, each a plane of 8 x 8 pixels"
    one.axis_labels = ("c", "y", "x")
    assert widget.what.text() == "4 channels, each a plane of 8 x 8 pixels"
    viewer.layers.selection.active = other
    assert widget.what.text() == "Slice 2 of 3 slices, each a plane of 8 x 8 pixels"
    other.axis_labels = ("t", "y", "x")
    assert widget.stacks.chosen.letters == "ZYX"
    other.data = np.zeros((6, 8, 8), "uint16")  # another picture
    assert widget.what.text() == "6 time points, each a plane of 8 x 8 pixels"


def test_colours_stay_colours_and_a_single_plane_asks_nothing(viewer, open_denoise, choose):
    layer = viewer.add_image(np.zeros((5, 2, 8, 8, 3), "uint8"), rgb=True)
    widget = open_denoise()
    choose(widget.stacks.kinds[1], "C")
    choose(widget.stacks.kinds[0], "T")
    assert list(widget.stacks.kinds) == [0, 1]
    assert widget.what.text() == "5 time points x 2 channels, each an RGB plane of 8 x 8 pixels"
    job = plan_denoise(layer, **widget.settings())
    assert (len(job.parts), job.axes.joint_channels) == (10, True)
    viewer.add_image(np.zeros((8, 8, 3), "uint8"), rgb=True)
    stacks = widget.stacks
    assert all(row.isHidden() for row in (stacks._axes, stacks.how, stacks.planes, stacks._range))
    assert widget.controls.trial.isHidden()


def test_z_is_made_finer_only_where_the_user_lets_an_axis_be_depth(viewer, open_task, choose):
    viewer.add_image(np.zeros((6, 8, 8), "uint16"), scale=(4, 1, 1), axis_labels=("z", "y", "x"))
    widget = open_task(SuperResolutionWidget, viewer)
    assert widget.finer.currentData() == "Z"
    assert widget.stacks.how.isHidden()
    choose(widget.stacks.kinds[0], "T")
    assert widget.finer.currentData() == "YX"
    assert widget.finer.isHidden()
    assert widget.what.text() == "6 time points, each a plane of 8 x 8 pixels that becomes 16 x 16"


# -------------------------------------------------------------------------------------------------- planes


def test_a_trial_and_then_the_rest_with_the_same_settings(
    viewer, stack, open_denoise, click, choose, wait_until
):
    layer = viewer.add_image(stack, name="cells", scale=(3, 0.5, 0.5), translate=(6, 0, 0))
    widget = open_denoise()
    choose(widget.stacks.kinds[0], "T")
    set_advanced(widget, **SHORT)
    viewer.dims.set_current_step(0, 2)
    click(widget.controls.trial)
    run = widget.controls.run
    wait_until(lambda: run.done)
    assert run.layer.name == "cells [denoised, time 2]"
    np.testing.assert_array_equal(run.layer.data, dip.denoise(stack[2:3], **run.result.settings).image)
    np.testing.assert_array_equal(run.layer.data_to_world((0, 3, 4)), layer.data_to_world((2, 3, 4)))
    assert run.layer.metadata["napari_dip"]["planes"] == "2"
    assert run.layer.metadata["napari_dip"]["source"] == "cells"

    set_advanced(widget, iterations=7, seed=3, warm=False)  # whichever plane is the first
    widget.afterwards.setCurrentIndex(1)
    assert widget.controls.rest.text() == "Apply to all planes"
    click(widget.controls.rest)
    rest = widget.controls.run
    wait_until(lambda: rest.done)
    assert rest.result.settings == run.result.settings
    np.testing.assert_array_equal(rest.result.image, dip.denoise(stack, **run.result.settings).image)
    assert rest.layer.name == "cells [denoised]"
    assert not layer.visible
    assert widget.controls.rest.isHidden()


def test_a_range_of_planes_is_restored_where_it_lies(
    viewer, stack, open_denoise, click, choose, qtbot, wait_until
):
    movie = np.stack([stack, stack[:, ::-1]])
    layer = viewer.add_image(da.from_array(movie, chunks=(1, 1, 16, 16)), name="cells", rotate=5)
    widget = open_denoise()
    choose(widget.stacks.kinds[0], "C")
    choose(widget.stacks.kinds[1], "T")
    choose(widget.stacks.planes, 1)
    for box, value in ((widget.stacks.first, 2), (widget.stacks.last, 3)):
        box.selectAll()
        qtbot.keyClicks(box, str(value))
    assert widget.what.text() == "Time 2 to 3 of 2 channels x 5 time points, each a plane of 16 x 16 pixels"
    set_advanced(widget, **SHORT)
    viewer.dims.set_current_step(1, 3)
    click(widget.controls.main)
    run = widget.controls.run
    wait_until(lambda: run.step is not None or run.done)
    assert run.planes.say(0) == "channel 0, time 2"
    wait_until(lambda: run.done)
    assert run.layer.name == "cells [denoised, time 2 to 3]"
    assert run.result.image.shape == (2, 2, 16, 16)
    np.testing.assert_allclose(run.layer.data_to_world((1, 0, 3, 4)), layer.data_to_world((1, 2, 3, 4)))
    assert (run.result.image != movie[:, 2:4]).any(axis=(2, 3)).all()


def test_a_trial_follows_the_slider_and_is_said_before(viewer, stack, open_denoise, choose):
    viewer.add_image(stack)
    widget = open_denoise()
    assert widget.controls.trial.text() == "Try this plane"
    choose(widget.stacks.planes, "current")
    assert widget.controls.trial.isHidden()  # the main button does it
    for step in (1, 4):
        viewer.dims.set_current_step(0, step)
        assert widget.what.text() == f"Plane {step} of 5 images, each a plane of 16 x 16 pixels"
    assert widget.stacks.region().layer.data.base is stack


def test_volumes_are_tried_as_volumes(viewer, open_denoise, choose, click, wait_until):
    movie = np.random.default_rng(0).random((3, 2, 8, 8)).astype("float32")
    viewer.add_image(movie, name="cells", axis_labels=("t", "z", "y", "x"))
    widget = open_denoise()
    set_advanced(widget, **SHORT)
    choose(widget.stacks.how, None)
    viewer.dims.set_point((0, 1), (1, 1))
    assert widget.controls.trial.text() == "Try this volume"
    click(widget.controls.trial)
    run = widget.controls.run
    wait_until(lambda: run.done)
    assert run.layer.name == "cells [denoised, time 1]"
    assert run.result.image.shape == (1, 2, 8, 8)
    assert widget.controls.rest.text() == "Apply to all volumes"


def test_channels_that_one_run_restores_are_tried_together(viewer, open_denoise, click, wait_until):
    movie = np.random.default_rng(0).random((3, 2, 16, 16)).astype("float32")
    layer = viewer.add_image(movie, name="cells", axis_labels=("t", "c", "y", "x"))
    widget = open_denoise()
    assert widget.what.text() == "3 time points x 2 channels, each a plane of 16 x 16 pixels"
    assert widget.stacks.planes.itemText(0) == "All 6"
    set_advanced(widget, **SHORT, channels="together")
    assert widget.what.text() == "3 time points, each a plane of 16 x 16 pixels in 2 channels"
    assert widget.stacks.planes.itemText(0) == "All 3"
    viewer.dims.set_point((0, 1), (2, 1))
    click(widget.controls.trial)
    run = widget.controls.run
    wait_until(lambda: run.done)
    assert run.layer.name == "cells [denoised, time 2]"
    assert run.result.image.shape == (1, 2, 16, 16)
    assert (run.result.image != movie[2:]).any(axis=(2, 3)).all()
    assert widget.controls.rest.text() == "Apply to all planes"
    of_script = denoise(viewer, layer, planes="current", channels="together", **SHORT).wait()
    np.testing.assert_array_equal(of_script.image, run.result.image)
    click(widget.controls.rest)
    wait_until(lambda: widget.controls.run is not run and widget.controls.run.done)
    assert widget.controls.run.result.image.shape == movie.shape
    viewer.add_image(movie[:, 0], name="one colour")
    assert widget.controls.main.isEnabled() and "channels" not in widget.settings()


def test_a_part_of_a_stack_is_filled_in_under_its_part_of_the_mask(
    viewer, stack, open_inpaint, click, choose, wait_until, notifications
):
    mask = np.zeros(stack.shape, np.uint8)
    mask[2:, 4:6, 3:12] = 2
    mask[3, 8:10] = 3
    viewer.add_image(stack, name="cells", scale=(3, 1, 1))
    painted = viewer.add_labels(mask, name="mask", scale=(3, 1, 1))
    widget = open_inpaint()
    choose(widget.labels, 2)
    choose(widget.stacks.planes, "current")
    viewer.dims.set_current_step(0, 1)
    assert widget.try_one() is None
    assert [told.message for told in notifications] == ["Nothing is masked on the planes that are chosen."]
    assert widget.controls.status.text() == "Nothing is masked on the planes that are chosen."
    assert not widget.controls.main.isEnabled()
    viewer.dims.set_current_step(0, 3)
    assert widget.what.text().startswith("Plane 3 of 5 images")
    assert widget.what.text().endswith(" 7.0\xa0% of it to be filled in")
    set_advanced(widget, **{**SHORT, "iterations": 15})
    click(widget.controls.main)
    run = widget.controls.run
    wait_until(lambda: run.layer is not None)
    run.pause()
    painted.data_setitem((np.full(4, 3), np.full(4, 13), np.arange(4)), 2)  # while it is going on
    wait_until(lambda: (run.layer.data[0, 13, :4] != stack[3, 13, :4]).all())
    run.resume()
    wait_until(lambda: run.done)
    mask = painted.data
    assert (run.result.image[0] != stack[3])[mask[3] == 2].mean() > 0.9
    np.testing.assert_array_equal(run.result.image[0][mask[3] != 2], stack[3][mask[3] != 2])
    choose(widget.labels, 3)  # the rest is done with the label of the trial
    click(widget.controls.rest)
    rest = widget.controls.run
    wait_until(lambda: rest.done)
    np.testing.assert_array_equal(rest.result.image[mask != 2], stack[mask != 2])
    assert (rest.result.image[2:] != stack[2:]).any(axis=(1, 2)).all()


def test_planes_are_named_as_an_arrays_entries():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((2, 5, 8, 8)), scale=(2, 3, 1, 1))
    viewer.dims.set_point((0, 1), (2, 9))
    for planes, where, said in [
        (None, (slice(0, 2), slice(0, 5)), ""),
        (1, (slice(1, 2), slice(0, 5)), "channel 1"),
        ((slice(None), -1), (slice(0, 2), slice(4, 5)), "time 4"),
        ((0, slice(1, 3)), (slice(0, 1), slice(1, 3)), "channel 0, time 1 to 2"),
        ("current", (slice(1, 2), slice(3, 4)), "channel 1, time 3"),
    ]:
        region = Region.in_viewer(viewer, layer, "CTYX", planes)
        assert region.where[:2] == where
        assert region.said == said
        assert region.whole == (region.layer is layer) == (not said)


def test_planes_that_there_are_not_are_refused_in_a_sentence(stack):
    viewer = ViewerModel()
    viewer.add_image(stack)
    for planes, error, words in [
        (5, ValueError, "from 0 to 4"),
        (slice(3, 3), ValueError, "neighbours"),
        (slice(0, 5, 2), ValueError, "neighbours"),
        ((1, 2), ValueError, "along 1 axis"),
        ("all", ValueError, "current"),
        (1.5, TypeError, "numbers and slices"),
    ]:
        with pytest.raises(error, match=words):
            denoise(viewer, planes=planes)
    assert len(viewer.layers) == 1


# ------------------------------------------------------------------------------------------------ progress


def test_the_window_says_how_many_planes_are_done_and_a_cell_moves_the_slider(
    make_napari_viewer, stack, open_task, click, qtbot, wait_until
):
    from napari_dip.viewer.widgets.denoise import DenoiseWidget

    viewer = make_napari_viewer(show=True)
    viewer.add_image(stack, name="cells", axis_labels=("t", "y", "x"), scale=(3, 1, 1))
    widget = open_task(DenoiseWidget, viewer)
    controls, strip = widget.controls, widget.controls.strip
    set_advanced(widget, **{**LONG, "iterations": 60})
    viewer.dims.set_current_step(0, 1)
    click(controls.main)
    run = controls.run
    wait_until(lambda: sum(run.planes.done) >= 1 and run.layer is not None)
    run.pause()
    wait_until(lambda: "paused" in controls.status.text())
    assert strip.isVisible()
    assert run.planes.done[1]  # what was looked at
    done = sum(run.planes.done)
    words = controls.status.text().replace("\xa0", " ")
    assert f" · {done} of 5 done · iteration " in words
    assert run.layer.name == f"cells [denoised {done}/5]"
    assert strip.legend().count("color:#") == 3
    assert strip.say(1) == "Time 1: done.\nClick to look at it."
    assert strip.say(run.planes.under_way).startswith(f"Time {run.planes.under_way}: under way.")
    assert strip.say(4) == "Time 4: to do.\nClick to look at it, and it is next."

    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(strip.width() - 2, 4))
    assert viewer.dims.current_step[0] == 4
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=QPoint(strip.width() - 2, 4))
    for x, there in ((strip.width() // 2, 2), (-20, 0), (strip.width() + 20, 4)):  # dragged, also beyond it
        qtbot.mouseMove(strip, QPoint(x, 4))
        wait_until(lambda there=there: viewer.dims.current_step[0] == there)
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=QPoint(strip.width() - 2, 4))
    for key, there in (("Left", 3), ("Home", 0), ("Left", 0), ("Right", 1), ("End", 4)):
        qtbot.keyClick(strip, getattr(Qt.Key, f"Key_{key}"))
        assert viewer.dims.current_step[0] == there

    run.layer.name = "mine"
    click(controls.main)
    wait_until(lambda: run.done)
    told, done = controls.status.text(), sum(run.planes.done)
    assert f"{done} of 5 planes {'is' if done == 1 else 'are'} restored, time " in told
    assert told.endswith("as far as it got; the others are the original's.")
    assert run.layer.name == "mine"


def test_the_name_at_the_end_is_the_results(viewer, stack):
    viewer.add_image(stack, name="cells")
    names = []
    for _ in range(2):
        run = denoise(viewer, viewer.layers["cells"], **SHORT)
        run.wait()
        names.append(run.layer.name)
    assert names == ["cells [denoised]", "cells [denoised] [1]"]
    assert all(run.planes.done)
    assert run.planes.unfinished() == ""


def test_a_part_follows_the_slider_too(viewer, stack, wait_until):
    layer = viewer.add_image(stack, axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 3)
    run = denoise(viewer, layer, planes=slice(1, 4), **LONG)
    wait_until(lambda: run.step is not None)
    assert run.planes.say(run.planes.under_way) == "time 3"
    run.stop()
    run.wait()
    np.testing.assert_array_equal(run.result.image[:2], stack[1:3])
    assert run.progress == 0  # no plane is done


def test_a_plane_in_tiles_is_done_when_all_of_them_are():
    job = plan_denoise(np.zeros((2, 16, 160), "uint16"), tile=144)
    layer_axes = job.axes
    planes = PlanesToDo(job, Region(None, layer_axes, (2, 16, 160), (slice(None),) * 3))
    tiles = len(job.parts) // 2
    assert (len(planes), tiles > 1) == (2, True)
    planes.update(range(tiles + 1), tiles + 1)
    assert (planes.done, planes.under_way) == ([True, False], 1)
    planes.update(range(tiles - 1), tiles - 1)
    assert (planes.done, planes.under_way) == ([False, False], 0)


@pytest.mark.parametrize("count", [3, 1000])
def test_the_strip_can_be_read_for_few_planes_and_for_many_and_is_soon_drawn(qtbot, monkeypatch, count):
    drawn, cell = [], PlaneStrip.cell
    monkeypatch.setattr(PlaneStrip, "cell", lambda strip, number: drawn.append(number) or cell(strip, number))
    viewer = ViewerModel()
    job = plan_denoise(np.zeros((count, 4, 4), "uint16"))
    region = Region(viewer.add_image(np.zeros((count, 4, 4))), job.axes, (count, 4, 4), (slice(None),) * 3)
    planes = PlanesToDo(job, region)
    strip = PlaneStrip(viewer)
    qtbot.addWidget(strip)
    strip.resize(260, strip.height())
    strip.follow(planes)
    half = count // 2
    planes.update(range(half), half)
    picture = strip.grab().toImage()
    assert len(drawn) < 20  # what is alike is drawn as one
    ratio = picture.width() / 260
    seen = [picture.pixelColor(int((x + 0.5) * ratio), 4).name() for x in range(260)]
    colours = strip._colours
    assert seen.count(QColor(colours.signal).name()) >= NARROWEST - 1
    done = seen.count(QColor(colours.accent_bright).name())
    assert abs(done - 260 * half / count) <= NARROWEST
    assert seen[-3] == QColor(colours.surface).name()
    assert [strip.plane_at(x) for x in (0, 259.9)] == [0, count - 1]


def test_a_stacks_rows_fit_in_a_narrow_dock(make_napari_viewer, open_task, choose, noisy):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((300, 2, 40, 8, 8), "uint8"))
    widget = open_task(SuperResolutionWidget, viewer)
    for axis, kind in enumerate("TCZ"):
        choose(widget.stacks.kinds[axis], kind)
    choose(widget.stacks.planes, 0)
    QApplication.processEvents()
    assert widget.stacks._range.isVisible()
    assert widget.controls.trial.isVisible()
    assert widget.controls.parentWidget().minimumSizeHint().width() <= 260
