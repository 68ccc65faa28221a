"""A part of a large image: what is in sight, tried alone, and then the whole."""

from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest
from forms import set_advanced
from napari.components import ViewerModel
from napari.layers import Image

import napari_dip as dip
from napari_dip.images.axes import Axes
from napari_dip.viewer import denoise, sight
from napari_dip.viewer.regions import Region
from napari_dip.viewer.sight import in_sight, is_large
from napari_dip.viewer.widgets.super_resolution import SuperResolutionWidget

SHORT = {"iterations": 2, "stopping": "fixed", "finish": 0, "device": "cpu", "precision": "float32"}
YX = Axes.of((64, 64), "YX")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts of tiny images."""
    monkeypatch.setattr(sight, "LARGEST", {2: 24, 3: 12})
    monkeypatch.setattr(sight, "SMALLEST", 8)
    monkeypatch.setattr(sight, "MARGIN", 2)
    monkeypatch.setattr(sight, "DEEPEST", 3)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 1000, (64, 48)).astype("uint16")


def _look(viewer, centre, pixels):
    """Let the canvas show so many rows, in units of the world, around a place."""
    camera = getattr(viewer, "scene", viewer).camera
    canvas = getattr(viewer, "canvas", None)
    size = viewer._canvas_size if canvas is None else canvas.viewbox_size(viewer.layers)
    camera.center = (0, *centre)
    camera.zoom = size[0] / pixels


def _size(part):
    return tuple(one.stop - one.start for one in part.values())


# ------------------------------------------------------------------------------------------ what is in sight


def test_what_the_canvas_shows_is_meant_and_a_little_around_it():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((64, 64)))
    _look(viewer, (30.2, 20), 10)
    rows, columns = in_sight(viewer, layer, YX).values()
    assert (rows.start, rows.stop) == (24, 38)  # 25 to 35 with the canvas's edges, and 2 more on each side
    assert (columns.start, columns.stop) == (14, 26)  # the canvas is 800 pixels high, 600 wide


def test_of_much_that_is_seen_the_middle_is_meant_and_of_little_enough_to_judge():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((64, 64)), scale=(0.5, 0.5), translate=(100, 0))
    _look(viewer, (116, 16), 400)
    part = in_sight(viewer, layer, YX)
    assert _size(part) == (24, 24)
    assert [one.start for one in part.values()] == [20, 20]
    assert _size(in_sight(viewer, layer, YX, 2)) == (12, 12)
    _look(viewer, (100, 0), 0.01)  # in a corner
    assert [(one.start, one.stop) for one in in_sight(viewer, layer, YX).values()] == [(0, 8), (0, 8)]


def test_a_part_of_a_turned_pyramid_lies_at_its_finest_level():
    viewer = ViewerModel()
    fine = np.zeros((256, 256), "uint8")
    layer = viewer.add_image([fine, fine[::4, ::4]], rotate=30, scale=(2, 2))
    middle = layer.data_to_world((200, 40))
    _look(viewer, middle, 10)
    part = in_sight(viewer, layer, Axes.of((256, 256), "YX"))
    assert [one.start + (one.stop - one.start) // 2 for one in part.values()] == pytest.approx(
        [200, 40], abs=1
    )
    region = Region.of(layer, Axes.of((256, 256), "YX")).within(part)
    start = [one.start for one in part.values()]
    np.testing.assert_allclose(region.layer.data_to_world((0, 0)), layer.data_to_world(start))
    np.testing.assert_allclose(region.layer.data_to_world((3, 5)), layer.data_to_world(np.add(start, (3, 5))))


def test_a_selected_rectangle_is_meant_just_as_it_is_drawn():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((3, 64, 64)), scale=(1, 0.5, 0.5))
    axes = Axes.of((3, 64, 64), "TYX")
    shapes = viewer.add_shapes([[[5, 5], [5, 25], [20, 25], [20, 5]], [[0, 0], [0, 9], [9, 9], [9, 0]]])
    _look(viewer, (8, 8), 4)
    viewer.layers.selection.active = shapes
    assert _size(in_sight(viewer, layer, axes)) != (30, 40)  # none of the two is selected
    shapes.selected_data = {0}
    part = in_sight(viewer, layer, axes)
    assert list(part) == [1, 2]
    assert [(one.start, one.stop) for one in part.values()] == [(10, 40), (10, 50)]
    viewer.layers.selection.active = layer
    assert _size(in_sight(viewer, layer, axes)) != (30, 40)


def test_of_a_volume_some_slices_around_the_one_that_is_shown_are_meant():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((9, 64, 64)))
    viewer.dims.set_point(0, 6)
    _look(viewer, (30, 30), 100)
    part = in_sight(viewer, layer, Axes.of((9, 64, 64), "ZYX"))
    assert _size(part) == (12, 12, 3) and (part[0].start, part[0].stop) == (5, 8)


def test_what_is_not_in_sight_is_told_in_a_sentence():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((9, 64, 64)), name="cells")
    axes = Axes.of((9, 64, 64), "TYX")
    _look(viewer, (-500, 30), 100)
    with pytest.raises(ValueError, match="Nothing of 'cells' is in view"):
        in_sight(viewer, layer, axes)
    viewer.dims.order = (1, 0, 2)
    with pytest.raises(ValueError, match="from another side"):
        in_sight(viewer, layer, axes)
    viewer.dims.ndisplay = 3
    with pytest.raises(ValueError, match="in 2-D"):
        in_sight(viewer, layer, axes)


def test_large_is_what_takes_long():
    assert not is_large((24, 24), YX)
    assert is_large((24, 25), YX)
    assert is_large((24, 24), YX, 2)
    assert not is_large((500, 12, 12), Axes.of((500, 12, 12), "ZYX"))


# --------------------------------------------------------------------------------------------- in the window


def test_a_part_is_tried_and_then_the_whole_image_restored_with_the_same_settings(
    viewer, image, open_denoise, click, wait_until
):
    layer = viewer.add_image(image, name="cells", scale=(0.5, 0.5), translate=(6, 0))
    widget = open_denoise()
    controls = widget.controls
    set_advanced(widget, **SHORT)
    widget.afterwards.setCurrentIndex(1)
    _look(viewer, layer.data_to_world((30.2, 20)), 5)
    assert controls.trial.text() == "Try this part"
    assert "what you see now" in controls.trial.toolTip()
    click(controls.trial)
    run = controls.run
    wait_until(lambda: run.done)
    rows, columns = run.region.where
    assert (rows.start, rows.stop) == (24, 38)
    np.testing.assert_array_equal(
        run.result.image, dip.denoise(image[rows, columns], **run.result.settings).image
    )
    assert run.layer.name == "cells [denoised, part]"
    np.testing.assert_allclose(run.layer.data_to_world((3, 4)), layer.data_to_world((27, columns.start + 4)))
    made = json.loads(json.dumps(run.layer.metadata["napari_dip"]))
    assert made["part"] == [[24, 38], [columns.start, columns.stop]]
    assert layer.visible  # around the part

    set_advanced(widget, iterations=7)
    assert controls.rest.text() == "Apply to the whole image"
    click(controls.rest)
    rest = controls.run
    wait_until(lambda: rest.done)
    assert rest.result.settings == run.result.settings
    np.testing.assert_array_equal(rest.result.image, dip.denoise(image, **run.result.settings).image)
    assert rest.layer.name == "cells [denoised]"
    assert not layer.visible
    assert controls.rest.isHidden()


def test_of_a_lazy_stack_of_large_planes_the_part_of_the_one_that_is_shown(
    viewer, image, open_denoise, click, wait_until
):
    movie = da.from_array(np.stack([image, image[::-1], image[:, ::-1]]), chunks=(1, 64, 48))
    viewer.add_image(movie, name="cells", axis_labels=("t", "y", "x"))
    widget = open_denoise()
    set_advanced(widget, **SHORT)
    viewer.dims.set_point(0, 2)
    assert widget.controls.trial.text() == "Try this part"
    click(widget.controls.trial)
    run = widget.controls.run
    wait_until(lambda: run.done)
    assert run.layer.name == "cells [denoised, time 2, part]"
    assert run.result.image.shape == (1, 24, 24)
    assert widget.controls.rest.text() == "Apply to all planes"
    assert run.layer.metadata["napari_dip"]["planes"] == "2"


def test_in_3d_there_is_no_part_and_out_of_sight_one_is_told(viewer, image, open_denoise, click):
    viewer.add_image(np.stack([image] * 3), name="cells", axis_labels=("t", "y", "x"))
    widget = open_denoise()
    trial = widget.controls.trial
    viewer.dims.ndisplay = 3
    assert not trial.isEnabled()
    assert "2-D" in trial.toolTip()
    viewer.dims.ndisplay = 2
    assert trial.isEnabled()
    _look(viewer, (500, 500), 10)
    click(trial)
    assert widget.controls.run is None
    assert widget.controls.status.text().startswith("Nothing of 'cells' is in view")


def test_small_images_have_no_part_to_try(viewer, open_denoise):
    viewer.add_image(np.zeros((24, 24)))
    assert open_denoise().controls.trial.isHidden()


def test_of_a_mask_the_part_counts_that_lies_there(viewer, image, open_inpaint, click, wait_until):
    viewer.add_image(image, name="cells")
    # Drawn as shapes, which are no frame around what is to be tried.
    dust = [np.add([[0, 0], [0, 1], [1, 1], [1, 0]], corner) for corner in ((5, 5), (33, 22))]
    mask = viewer.add_shapes(dust, edge_width=0.1)
    widget = open_inpaint()
    set_advanced(widget, **SHORT)
    viewer.layers.selection.active = mask
    mask.selected_data = {1}
    _look(viewer, (60, 40), 5)
    click(widget.controls.trial)
    assert widget.controls.run is None
    assert widget.controls.status.text().startswith("Nothing is masked in the part")
    _look(viewer, (33, 22), 5)
    click(widget.controls.trial)
    run = widget.controls.run
    wait_until(lambda: run.done)
    rows, columns = run.region.where
    changed = np.argwhere(run.result.image != image[rows, columns])
    changed = np.add(changed, (rows.start, columns.start))
    assert {tuple(place) for place in changed} == {(33, 22), (33, 23), (34, 22), (34, 23)}
    assert run.result.settings["damage"] == widget._seen


def test_a_part_is_made_finer_where_it_lies(viewer, image, open_task, click, wait_until):
    layer = viewer.add_image(image[:24, :24], name="cells", scale=(0.5, 0.5))
    widget = open_task(SuperResolutionWidget, viewer)
    set_advanced(widget, **SHORT)
    assert widget.controls.trial.text() == "Try this part"  # the result is large
    _look(viewer, layer.data_to_world((10, 10)), 400)
    click(widget.controls.trial)
    run = widget.controls.run
    wait_until(lambda: run.done)
    rows, columns = run.region.where
    assert (rows, columns) == (slice(6, 18), slice(6, 18))
    assert run.result.image.shape == (24, 24)
    # A pixel of the image lies where four of the result meet.
    np.testing.assert_allclose(run.layer.data_to_world((0.5, 2.5)), layer.data_to_world((6, 7)))


# ------------------------------------------------------------------------------------------ from the console


def test_a_part_from_the_console(viewer, image):
    layer = viewer.add_image(np.stack([image] * 2), name="cells")
    run = denoise(viewer, layer, planes=1, part=(slice(10, 30), slice(-16, None)), **SHORT)
    assert run.wait().image.shape == (1, 20, 16)
    np.testing.assert_array_equal(run.layer.data_to_world((0, 0, 0)), (1, 10, 32))
    _look(viewer, (30.2, 20), 10)
    run = denoise(viewer, layer, planes="current", part="visible", **SHORT)
    assert run.region.where[1] == slice(24, 38)
    run.wait()
    for part, error in (("all", TypeError), ((slice(3),), ValueError), ((slice(9, 3), slice(5)), ValueError)):
        with pytest.raises(error, match="part"):
            denoise(viewer, layer, part=part, **SHORT)


def test_a_part_of_a_turned_colour_image_keeps_its_colours():
    colours = np.random.default_rng(0).integers(0, 255, (64, 48, 3)).astype("uint8")
    layer = Image(colours, rgb=True, rotate=20)
    axes = Axes.of((64, 48, 3), "YXC", True)
    region = Region.of(layer, axes).within({0: slice(8, 24), 1: slice(4, 20)})
    assert region.cut and region.said == "part"
    np.testing.assert_array_equal(region.layer.data, colours[8:24, 4:20])
    np.testing.assert_allclose(region.layer.data_to_world((1, 2)), layer.data_to_world((9, 6)))
