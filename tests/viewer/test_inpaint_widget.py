"""The Inpaint widget as a user meets it: a mask is painted, suggested, chosen, and edited during a run."""

from __future__ import annotations

import numpy as np
import pytest
from forms import choose, set_advanced
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

import napari_dip as dip
from napari_dip.engine.presets import preset
from napari_dip.viewer import inpaint
from napari_dip.viewer.mask_edits import _FOLLOWERS
from napari_dip.viewer.widgets.inpaint import DAMAGES, NO_MASK, InpaintWidget
from napari_dip.viewer.widgets.task import NO_IMAGE

SHORT = {"iterations": 12, "device": "cpu", "precision": "float32"}
LONG = {"iterations": 100_000, "stopping": "fixed"}
SQUARE = np.array([[2, 2], [2, 9], [9, 9], [9, 2]])


def _start(widget, wait_until, **settings):
    set_advanced(widget, **settings)
    wait_until(widget.controls.main.isEnabled)
    return widget.start()


@pytest.fixture
def scratched(viewer, noisy):
    """An image with a scratch, and its mask."""
    noisy[10] = 65535
    labels = np.zeros(noisy.shape, "uint8")
    labels[10] = 1
    return viewer.add_image(noisy, name="cell"), viewer.add_labels(labels, name="scratch")


# -------------------------------------------------------------------------------------------- what is offered


def test_the_form_says_what_is_missing(viewer, noisy, open_inpaint, wait_until):
    widget = open_inpaint()
    status = widget.controls.status
    assert status.text() == NO_IMAGE
    assert not widget.paint.isEnabled()
    assert not widget.suggest.isEnabled()
    viewer.add_image(noisy)
    assert status.text() == NO_MASK
    labels = viewer.add_labels(np.zeros((32, 32), int))
    assert "empty" in status.text()
    assert not widget.controls.main.isEnabled()
    labels.data_setitem((np.arange(9), np.arange(9)), 1)
    wait_until(widget.controls.main.isEnabled)
    assert widget.what.text() == "A plane of 32 x 32 pixels, 0.9\N{NO-BREAK SPACE}% of it to be filled in"
    labels.translate = (100, 100)
    wait_until(lambda: not widget.controls.main.isEnabled())
    assert "nothing inside" in status.text()
    viewer.layers.remove(labels)
    assert status.text() == NO_MASK


def test_what_is_nan_is_filled_in_without_a_mask_and_beside_one(viewer, noisy, open_inpaint, wait_until):
    holed = noisy.astype("f4")
    holed[4, 3:12] = np.nan
    image = viewer.add_image(holed, name="cell")
    widget = open_inpaint()
    assert widget.what.text().endswith("0.9\N{NO-BREAK SPACE}% of it to be filled in")
    run = _start(widget, wait_until, iterations=3)
    wait_until(lambda: run.done)
    np.testing.assert_array_equal(run.layer.data[5:], holed[5:])
    assert np.isfinite(run.layer.data).all()
    assert widget.settings_of(run)["mask"] is None
    assert "mask" not in run.as_python()

    labels = viewer.add_labels(np.zeros((32, 32), int))
    run = _start(widget, wait_until, iterations=100_000, stopping="fixed")
    wait_until(lambda: run.layer is not None)
    labels.data_setitem((np.arange(20, 30), np.full(10, 7)), 1)
    wait_until(lambda: run.layer.data[25, 7] != holed[25, 7])
    run.stop()
    wait_until(lambda: run.done)
    assert np.isfinite(run.layer.data).all()
    np.testing.assert_array_equal(run.layer.data[:, 13:], holed[:, 13:])
    assert widget.what.text().endswith("1.9\N{NO-BREAK SPACE}% of it to be filled in")
    viewer.layers.remove(labels)
    console = inpaint(viewer, image, iterations=3)
    assert np.isfinite(console.wait().image).all()


def test_planes_that_lack_but_nan_are_filled_in_beside_a_mask_of_others(
    viewer, noisy, open_inpaint, wait_until, notifications
):
    stack = np.stack([noisy] * 3).astype("f4")
    stack[2, 5, 3:9] = np.nan
    viewer.add_image(stack)
    painted = np.zeros(stack.shape, "u1")
    painted[0, 9:12, 4:20] = 1
    viewer.add_labels(painted)
    widget = open_inpaint()
    viewer.dims.set_current_step(0, 2)
    widget.stacks.planes.setCurrentIndex(widget.stacks.planes.findData("current"))
    run = _start(widget, wait_until, iterations=3)
    wait_until(lambda: run.done)
    assert run.layer.data.shape == (1, 32, 32) and np.isfinite(run.layer.data).all()
    assert not notifications and "damage=" in run.as_python()
    viewer.dims.set_current_step(0, 1)
    assert not widget.controls.main.isEnabled()


def test_what_is_painted_after_a_run_lies_above_its_result(viewer, noisy, open_inpaint, wait_until, qtbot):
    image = viewer.add_image(noisy, name="cell")
    widget = open_inpaint()
    widget.paint.click()
    mask = widget.mask_layer.layer
    for paint in (lambda: None, widget.paint.click):
        mask.data_setitem((np.arange(9), np.arange(9)), 1)
        wait_until(widget.controls.main.isEnabled)
        run = _start(widget, wait_until, iterations=3)
        run.wait()
        qtbot.wait(150)
        assert viewer.layers.index(run.layer) > viewer.layers.index(mask)  # it is whole now
        paint()
        viewer.layers.selection.active, mask.mode = mask, "paint"
        mask.data_setitem((np.arange(9), np.arange(9)[::-1]), 2)
        wait_until(lambda: viewer.layers[-1] is mask)
    assert viewer.layers[0] is image


def test_the_mask_follows_the_newest_one_and_is_never_an_image(viewer, noisy, open_inpaint):
    viewer.add_image(noisy, name="cell")
    widget = open_inpaint()
    one = viewer.add_labels(np.zeros((32, 32), int), name="one")
    assert widget.mask_layer.layer is one
    drawn = viewer.add_shapes([SQUARE], name="drawn")
    assert widget.mask_layer.layer is drawn
    viewer.add_image(noisy, name="other")
    viewer.add_points([[1, 1]])
    assert widget.mask_layer.layer is drawn
    assert [widget.mask_layer.itemText(i) for i in range(widget.mask_layer.count())] == ["drawn", "one"]
    viewer.layers.selection.active = one
    assert widget.mask_layer.layer is one
    viewer.layers.remove(one)
    assert widget.mask_layer.layer is drawn


def test_an_image_brings_the_mask_that_was_made_for_it(viewer, noisy, open_inpaint, click):
    small, large = viewer.add_image(noisy[:20, :20], name="small"), viewer.add_image(noisy, name="large")
    widget = open_inpaint()
    for image in (small, large):
        viewer.layers.selection.active = image
        click(widget.paint)
    assert widget.mask_layer.layer.name == "large mask"
    viewer.layers.selection.active = small
    assert widget.mask_layer.layer.name == "small mask"


def test_labels_can_be_chosen_where_there_are_several(viewer, noisy, open_inpaint, wait_until):
    viewer.add_image(noisy)
    widget = open_inpaint()
    labels = viewer.add_labels(np.zeros((32, 32), int))
    labels.data_setitem((np.arange(5), np.arange(5)), 1)
    wait_until(widget.controls.main.isEnabled)
    assert widget.labels.isHidden()
    labels.data_setitem((np.arange(20, 23), np.arange(3)), 7)
    wait_until(lambda: not widget.labels.isHidden())
    texts = [widget.labels.itemText(i) for i in range(widget.labels.count())]
    assert texts == ["Every label", "1 (5 pixels)", "7 (3 pixels)"]
    widget.labels.setCurrentIndex(2)
    assert "0.3" in widget.what.text()
    run = _start(widget, wait_until, iterations=2)
    wait_until(lambda: run.done)
    changed = run.result.image != noisy
    assert not changed[labels.data != 7].any()
    viewer.add_shapes([SQUARE, SQUARE + 9])
    assert widget.labels.isHidden()
    assert widget.labels.currentData() is None


def test_the_damage_that_is_seen_is_shown_and_brings_its_settings(viewer, open_inpaint, wait_until):
    viewer.add_image(np.random.default_rng(0).random((64, 64)))
    widget = open_inpaint()
    assert widget.damage.itemText(0) == "Auto"
    labels = viewer.add_labels(np.zeros((64, 64), int))
    labels.data_setitem((np.arange(3, 60, 9), np.arange(3, 60, 9)), 1)
    wait_until(lambda: widget.damage.currentText() == "Auto (scattered)")
    labels.data = np.pad(np.ones((30, 30), int), 17)
    wait_until(lambda: widget.damage.currentText() == "Auto (holes)")
    widget.preset.setCurrentIndex(widget.preset.findData("ulyanov2018"))
    field = widget.advanced.inputs["iterations"]
    assert field.text() == f"{preset('ulyanov2018', 'holes').iterations} (preset)"
    widget.damage.setCurrentIndex(widget.damage.findData("scratches"))
    assert field.text() == f"{preset('ulyanov2018', 'scratches').iterations} (preset)"
    assert widget.damage.itemText(0) == "Auto (holes)"


@pytest.mark.parametrize("kind", [kind for kind in DAMAGES if kind])
def test_every_kind_of_damage_can_be_asked_for(scratched, open_inpaint, wait_until, kind):
    widget = open_inpaint()
    widget.damage.setCurrentIndex(widget.damage.findData(kind))
    run = _start(widget, wait_until, iterations=1)
    wait_until(lambda: run.done)
    assert run.result.settings["damage"] == kind


# ------------------------------------------------------------------------------------------------- running it


def test_a_click_fills_in_as_the_call_does_and_keeps_the_rest(
    scratched, open_inpaint, click, viewer, wait_until
):
    image, mask = scratched
    widget = open_inpaint()
    set_advanced(widget, iterations=12)
    click(widget.controls.main)
    run = widget.controls.run
    assert run.task == "inpaint"
    wait_until(lambda: run.done)
    result = viewer.layers["cell [inpainted]"].data
    np.testing.assert_array_equal(result, dip.inpaint(image.data, mask.data, iterations=12).image)
    known = mask.data == 0
    np.testing.assert_array_equal(result[known], image.data[known])
    assert (result[~known] != 65535).all()
    assert widget.controls.main.text() == "Inpaint"


def test_also_denoise_restores_the_rest_too(scratched, open_inpaint, click, wait_until):
    image, mask = scratched
    widget = open_inpaint()
    widget.denoise.click()
    run = _start(widget, wait_until, iterations=5)
    wait_until(lambda: run.done)
    assert (run.result.image != image.data)[mask.data == 0].mean() > 0.5


def test_shapes_are_filled_in(viewer, noisy, open_inpaint, wait_until):
    viewer.add_image(noisy)
    viewer.add_shapes([SQUARE], edge_width=0.1)
    widget = open_inpaint()
    run = _start(widget, wait_until, iterations=3)
    wait_until(lambda: run.done)
    changed = run.result.image != noisy
    assert changed[4:8, 4:8].mean() > 0.5
    assert not changed[12:].any()


def test_a_stack_and_a_colour_image_get_masks_of_their_own(viewer, open_inpaint, click, wait_until):
    rng = np.random.default_rng(0)
    widget = open_inpaint()
    for picture, keywords, shape in (
        (rng.random((3, 16, 16)).astype("float32"), {}, (3, 16, 16)),
        (rng.integers(0, 255, (16, 16, 3)).astype("uint8"), {"rgb": True}, (16, 16)),
    ):
        viewer.add_image(picture, **keywords)
        click(widget.paint)
        mask = widget.mask_layer.layer
        assert mask.data.shape == shape
        mask.paint((1, 5, 5)[-len(shape) :], 1)
        run = _start(widget, wait_until, iterations=3)
        wait_until(lambda run=run: run.done)
        known = np.broadcast_to(
            (mask.data == 0)[(...,) + (None,) * (picture.ndim - len(shape))], picture.shape
        )
        np.testing.assert_array_equal(run.result.image[known], picture[known])
        assert (run.result.image != picture)[~known].mean() > 0.5


# --------------------------------------------------------------------------------- painting, and suggesting


def test_a_mask_is_painted_with_the_mouse(make_napari_viewer, noisy, open_task, click, drag, wait_until):
    viewer = make_napari_viewer(show=True)
    image = viewer.add_image(noisy, name="cell", scale=(0.5, 0.5))
    widget = open_task(InpaintWidget, viewer)
    click(widget.paint)
    mask = viewer.layers["cell mask"]
    assert viewer.layers.selection.active is mask
    assert mask.mode == "paint"
    QApplication.processEvents()
    drag(viewer, (5, 3), (5, 12))
    wait_until(widget.controls.main.isEnabled)
    assert mask.data[10, 6:24].all()
    assert "to be filled in" in widget.what.text()
    viewer.layers.selection.active = image
    click(widget.paint)
    assert len(viewer.layers) == 2
    assert viewer.layers.selection.active is mask
    mask.undo()
    wait_until(lambda: not widget.controls.main.isEnabled())


def test_a_suggested_mask_is_put_on_a_layer_and_told(viewer, open_inpaint, click, wait_until):
    image = np.random.default_rng(0).normal(100, 5, (64, 64))
    image[20, 30], image[50, 8], image[40] = 900, 900, 0
    viewer.add_image(image, name="cell", scale=(0.1, 0.1))
    widget = open_inpaint()
    click(widget.suggest)
    assert widget.suggest.text() == "Looking…"
    assert not widget.suggest.isEnabled()
    wait_until(lambda: "cell suggested mask" in viewer.layers)
    mask = widget.mask_layer.layer
    assert mask is viewer.layers["cell suggested mask"]
    assert mask.data[20, 30] and mask.data[50, 8] and mask.data[40].all()
    assert "Found 2 hot and dead pixels, 1 line dropout." in widget.controls.status.text()
    assert widget.labels.itemText(1) == "1: hot and dead pixels (2)"
    assert widget.suggest.isEnabled()
    assert (widget.suggest.text(), mask.mode) == ("Suggest", "paint")
    click(widget.paint)  # goes on with the suggestion
    assert len(viewer.layers) == 2
    for edited in (False, True):  # once more: what was corrected stays as it is
        mask.data[20, 30] = 0 if edited else mask.data[20, 30]
        click(widget.suggest)
        wait_until(lambda: widget.suggest.text() == "Suggest")
        assert len(viewer.layers) == 2 + edited
        assert (widget.mask_layer.layer is mask) is not edited


def test_what_was_found_in_one_image_is_no_mask_of_another(viewer, open_inpaint, click, wait_until):
    image = np.random.default_rng(0).normal(100, 5, (64, 64))
    image[20, 30] = 900
    hot, other = (viewer.add_image(one) for one in (image, np.flip(image)))
    widget = open_inpaint()
    widget.layer.layer = hot
    click(widget.suggest)
    widget.layer.layer = other
    wait_until(lambda: widget.suggest.text() == "Suggest")
    assert list(viewer.layers) == [hot, other] and widget.mask_layer.layer is None
    assert "Found" not in widget.controls.status.text()


def test_nothing_found_is_told_too(viewer, open_inpaint, click, wait_until):
    viewer.add_image(np.random.default_rng(0).normal(100, 5, (64, 64)))
    widget = open_inpaint()
    click(widget.suggest)
    wait_until(lambda: widget.suggest.text() == "Suggest")
    assert widget.controls.status.text() == "Nothing that looks damaged was found."
    assert len(viewer.layers) == 1


def test_a_run_of_another_image_is_done_again_with_its_own_mask(viewer, noisy, open_inpaint, wait_until):
    widget = open_inpaint()
    set_advanced(widget, **SHORT | {"iterations": 2})

    def open_stack(name, masked):
        labels = np.zeros((2, *noisy.shape), "uint8")
        labels[masked, 10] = 1
        layer = viewer.add_image(np.stack([noisy, noisy]), name=name)
        viewer.add_labels(labels, name=f"{name} mask")
        return layer

    first = open_stack("first", masked=0)
    viewer.dims.set_current_step(0, 0)
    choose(widget.stacks.planes, "current")
    run = widget.start()
    wait_until(lambda: run.done)
    second = open_stack("second", masked=1)
    assert widget.layer.layer is second and widget.mask_layer.layer is viewer.layers["second mask"]
    again = widget.run_again(widget.controls.more.recent[0])
    assert again is not None and again.source is first
    np.testing.assert_array_equal(again.wait().image, run.result.image)
    viewer.layers.remove("first mask")
    assert not widget.controls.more.recent


# ----------------------------------------------------------------------------------------- edits during a run


def _mask_of(run):
    return np.asarray((run._walk.job._asked or run._walk.job.task).mask)


def test_a_mask_is_edited_while_it_is_filled_in(scratched, open_inpaint, wait_until):
    image, mask = scratched
    widget = open_inpaint()
    run = _start(widget, wait_until, **LONG)
    wait_until(lambda: run.step is not None)
    iteration = run.step.iterate.iteration
    mask.fill((20, 20), 1)  # everything that was known: unusable
    mask.undo()
    mask.data_setitem((np.full(32, 25), np.arange(32)), 1)
    wait_until(lambda: _mask_of(run)[25].all())
    assert _mask_of(run)[10].all()
    assert _mask_of(run).sum() == 64
    assert "6.2" in widget.what.text()
    wait_until(lambda: run.step.iterate.iteration > iteration + 5)
    mask.undo()
    wait_until(lambda: _mask_of(run).sum() == 32)
    mask.redo()
    wait_until(lambda: _mask_of(run).sum() == 64)
    iteration = run.step.iterate.iteration
    wait_until(lambda: run.step.iterate.iteration > iteration + 5)
    run.stop()
    result = run.wait().image
    assert (result != image.data)[25].mean() > 0.5
    np.testing.assert_array_equal(result[:10], image.data[:10])
    assert not _FOLLOWERS
    assert "# The mask was edited during the run: this one begins with the mask" in run.as_python()


def test_a_mask_that_becomes_unusable_is_told_once_and_the_last_one_stays(
    scratched, open_inpaint, wait_until, notifications, qtbot
):
    _, mask = scratched
    widget = open_inpaint()
    run = _start(widget, wait_until, **LONG)
    wait_until(lambda: run.step is not None)
    for label in (0, 1, 0):
        mask.data = np.full((32, 32), label)
        qtbot.wait(150)
    assert [n.severity.value for n in notifications] == ["warning"]
    assert notifications[0].message.startswith("The run keeps its last mask. The mask is empty")
    assert widget.what.text() == "A plane of 32 x 32 pixels, with the mask as it was"
    assert _mask_of(run).sum() == 32
    mask.data = np.eye(32, dtype=int)
    wait_until(lambda: (_mask_of(run) == np.eye(32, dtype=bool)).all())
    run.stop()
    run.wait()


def test_a_removed_mask_stays_in_force(scratched, viewer, open_inpaint, wait_until, qtbot):
    _, mask = scratched
    widget = open_inpaint()
    run = _start(widget, wait_until, **LONG)
    wait_until(lambda: run.step is not None)
    viewer.layers.remove(mask)
    qtbot.wait(150)
    assert _mask_of(run)[10].all()
    run.stop()
    run.wait()
    missing, ended = widget.controls.status.text().split("\n")
    assert ended.startswith("Stopped: the best result so far is kept") and missing == NO_MASK


def test_a_mask_that_the_console_began_with_is_followed_too(scratched, viewer, open_inpaint, wait_until):
    image, mask = scratched
    widget = open_inpaint()
    run = inpaint(viewer, image, mask, **LONG)
    assert widget.controls.run is run
    mask.data_setitem((np.full(32, 25), np.arange(32)), 1)
    wait_until(lambda: _mask_of(run)[25].all())
    run.stop()
    run.wait()


def test_the_mask_stays_in_sight_and_in_hand_and_at_the_end_the_result_is_on_top(
    scratched, viewer, open_inpaint, wait_until
):
    _, mask = scratched
    widget = open_inpaint()
    viewer.layers.selection.active, mask.mode = mask, "erase"
    run = _start(widget, wait_until, **LONG)
    wait_until(lambda: run.layer is not None)
    assert [layer.name for layer in viewer.layers] == ["cell", "cell [inpainted]", "scratch"]
    assert viewer.layers.selection.active is mask
    assert mask.contour == 1  # what is filled in can be seen
    run.stop()
    run.wait()
    assert [layer.name for layer in viewer.layers] == ["cell", "scratch", "cell [inpainted]"]
    assert mask.contour == 0
    assert mask.mode == "erase"


def test_of_shapes_no_more_than_the_outline_is_seen_during_a_run(viewer, noisy, open_inpaint, wait_until):
    viewer.add_image(noisy, name="cell")
    mask = viewer.add_shapes([SQUARE], face_color="red", edge_color="yellow", opacity=0.5)
    mask.add_rectangles(SQUARE + 15, face_color=[0, 0, 1, 0])
    mask.current_face_color = "red"
    run = _start(open_inpaint(), wait_until, **LONG)
    wait_until(lambda: run.layer is not None)
    assert (mask.face_color[:, 3] == 0).all()
    assert (mask.edge_color[0] == [1, 1, 0, 1]).all()
    mask.add_rectangles(SQUARE + 8)
    assert mask.face_color[2, 3] == 0  # what is filled in there is seen as well
    wait_until(lambda: _mask_of(run)[12, 12])
    run.stop()
    run.wait()
    assert mask.face_color.tolist() == [[1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 1]]
    assert viewer.layers[-1] is run.layer
    viewer.layers.selection.active = mask
    mask.add_rectangles(SQUARE + 11)
    assert viewer.layers[-1] is mask  # what is drawn after a run is not hidden by the result


def test_a_mask_out_of_hand_leaves_the_result_selected(scratched, viewer, open_inpaint, wait_until):
    _, mask = scratched
    mask.contour = 1
    run = _start(open_inpaint(), wait_until, **LONG)
    wait_until(lambda: run.layer is not None)
    assert viewer.layers.selection.active is run.layer
    viewer.layers.remove(run.layer)
    run.stop()
    run.wait()
    assert mask.contour == 1
    assert viewer.layers[-1] is run.layer


def test_a_stroke_takes_effect_while_it_is_drawn(make_napari_viewer, noisy, drag, qtbot, wait_until):
    viewer = make_napari_viewer(show=True)
    image, mask = viewer.add_image(noisy), viewer.add_labels(np.zeros((32, 32), int))
    mask.data[3, 3] = 1
    run = inpaint(viewer, image, mask, **LONG)
    wait_until(lambda: run.layer is not None)
    viewer.layers.selection.active = mask
    mask.brush_size, mask.mode = 3, "paint"
    seen = []

    def look():
        qtbot.wait(100)
        seen.append(int(_mask_of(run).sum()))

    drag(viewer, (16, 4), (16, 10), (16, 16), (16, 22), (16, 28), meanwhile=look)
    assert seen == sorted(seen)
    assert len(set(seen)) > 2  # on a busy machine two looks may see the same
    wait_until(lambda: _mask_of(run)[16, 5:28].all())
    run.stop()
    run.wait()


def test_a_run_of_a_plane_follows_its_mask_and_its_image_where_they_go(
    viewer, noisy, wait_until, notifications
):
    image = viewer.add_image(np.stack([noisy, noisy + 9]))
    mask = viewer.add_labels(np.zeros((2, 32, 32), int))
    mask.data[:, 10:13, 4:28] = 1
    run = inpaint(viewer, image, mask, planes="current", **LONG)
    wait_until(lambda: run.step is not None)
    for layer in (image, mask):
        layer.translate = (0, 6, 0)
    mask.data_setitem((np.array([0]), np.array([20]), np.array([20])), 1)
    wait_until(lambda: _mask_of(run)[0, 20, 20])
    expected = np.zeros((1, 32, 32), bool)
    expected[0, 10:13, 4:28] = expected[0, 20, 20] = True
    np.testing.assert_array_equal(_mask_of(run), expected)
    image.data = np.zeros((2, 40, 40), image.data.dtype)
    for _ in range(2):
        mask.data_setitem((np.array([0]), np.array([22]), np.array([22])), 1)
    wait_until(lambda: any("The run keeps its last mask" in one.message for one in notifications))
    run.stop()
    assert run.wait().image.shape == (1, 32, 32)


def test_a_trial_of_a_plane_is_of_the_damage_that_the_stack_has(viewer, noisy, open_inpaint, wait_until):
    viewer.add_image(np.stack([noisy, noisy + 9]))
    mask = viewer.add_labels(np.zeros((2, 32, 32), int))
    mask.data[0, 4:28, 4:28] = 1
    mask.data[1, ::5, ::5] = 1
    widget = open_inpaint()
    widget.mask_layer.layer = mask
    viewer.dims.set_point(0, 1)
    wait_until(lambda: "(holes)" in widget.damage.itemText(0))
    set_advanced(widget, **LONG)
    run = widget.try_one()
    assert run.region.said and run._walk.job.settings["damage"] == "holes"
    run.stop()
    run.wait()


def test_shapes_keep_what_makes_them_opaque(viewer, noisy):
    image = viewer.add_image(noisy)
    square = np.array([[2, 2], [2, 9], [9, 9], [9, 2]])
    shapes = viewer.add_shapes([square, square + 15], face_color=[[1, 0, 0, 1.0], [1, 0, 0, 0.2]])
    run = inpaint(viewer, image, shapes, **SHORT)
    run.wait()
    np.testing.assert_allclose(shapes.face_color[:, 3], [1.0, 0.2], atol=1e-6)


def test_a_closed_widget_watches_nothing(scratched, viewer, open_inpaint, wait_until, qtbot):
    _, mask = scratched
    widget = open_inpaint()
    before = len(mask.events.paint.callbacks)
    run = _start(widget, wait_until, **LONG)
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.wait(100)
    mask.data_setitem((np.full(32, 25), np.arange(32)), 1)
    wait_until(lambda: _mask_of(run)[25].all())  # the run follows its mask all the same
    run.stop()
    run.wait()
    assert len(mask.events.paint.callbacks) == before - 2  # what follows it, and what raises it


def test_a_wrong_setting_is_told_and_the_button_is_ready_again(
    viewer, open_inpaint, click, notifications, wait_until
):
    viewer.add_image(np.where(np.tri(16), 1e38, 0))
    viewer.add_labels(np.eye(16, dtype=int))
    widget = open_inpaint()
    click(widget.controls.main)
    wait_until(lambda: widget.controls.run is None or widget.controls.run.done)
    assert [n.severity.value for n in notifications] == ["error"]
    assert "beyond 1e+37" in notifications[0].message
    assert widget.controls.main.isEnabled()


# ------------------------------------------------------------------------------------------------- the layout


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_wider_than_a_narrow_dock(make_napari_viewer, noisy, open_task, theme):
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    name = "a rather long name of a layer in a stack (1).ome.tif"
    viewer.add_image(np.stack([noisy, noisy]), name=name)
    labels = viewer.add_labels(np.zeros((2, 32, 32), int), name=name + " mask")
    labels.data[0, :2], labels.data[1, 3:5] = 1, 123456
    widget = open_task(InpaintWidget, viewer)
    widget.fold.expand(animate=False)
    QApplication.processEvents()
    assert widget.controls.parentWidget().minimumSizeHint().width() <= 260
    assert widget.minimumSizeHint().width() <= 280


def test_everything_can_be_reached_by_the_keyboard(scratched, open_inpaint):
    widget = open_inpaint()
    fields = [widget.layer, widget.mask_layer, widget.paint, widget.suggest, widget.labels, widget.damage]
    fields += [widget.denoise, widget.preset, widget.controls.main, *widget.advanced.inputs.values()]
    assert all(field.focusPolicy() & Qt.FocusPolicy.TabFocus for field in fields)
