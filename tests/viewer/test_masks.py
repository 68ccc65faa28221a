"""A mask lies where its image lies, every edit of it is told, and a live run takes it over."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes

from napari_dip.images.axes import Axes
from napari_dip.images.suggestions import FINDINGS, suggest_mask
from napari_dip.viewer.mask_edits import MaskWatch
from napari_dip.viewer.masks import (
    damage_in,
    filled_in,
    label_entries,
    lies_over,
    mask_over,
    new_mask,
    paint_on,
    read_mask,
)
from napari_dip.viewer.suggested_masks import found, suggestion_layer

SQUARE = np.array([[2, 2], [2, 9], [9, 9], [9, 2]])


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (Image(np.zeros((40, 60)), scale=(0.1, 0.2), translate=(3, -4), units=("um", "um")), (40, 60)),
        (Image(np.zeros((40, 60, 3), "uint8"), rgb=True, rotate=30), (40, 60)),
        (
            Image(np.zeros((2, 3, 40, 60)), axis_labels=("t", "z", "y", "x"), scale=(1, 4, 1, 1)),
            (2, 3, 40, 60),
        ),
        (Image([np.zeros((40, 60)), np.zeros((20, 30))], multiscale=True, translate=(1, 2)), (40, 60)),
        (Image(np.zeros((40, 60)), affine=[[1, 0.2, 5], [0, 1, 6], [0, 0, 1]]), (40, 60)),
    ],
    ids=["physical", "colour", "stack", "multiscale", "affine"],
)
def test_a_new_mask_has_a_pixel_over_each_of_the_images(image, shape):
    mask = new_mask(image)
    assert mask.data.shape == shape
    assert not mask.data.any()
    for corner in (np.zeros(len(shape)), np.array(shape)):
        np.testing.assert_allclose(mask.data_to_world(corner), image.data_to_world(corner))
    assert mask.units == image.units
    assert mask.axis_labels == image.axis_labels
    mask.data[..., 5:9, 5:9] = 1
    marked, why_not = read_mask(mask, image)
    assert not why_not
    np.testing.assert_array_equal(marked, mask.data == 1)


@pytest.mark.parametrize(("side", "brush"), [(20, 3), (512, 10), (2000, 40)])
def test_the_brush_suits_the_image(side, brush):
    assert new_mask(Image(np.zeros((side, side + 100), "uint8"))).brush_size == brush


def test_a_mask_does_not_lie_over_an_image_that_was_turned():
    image = Image(np.zeros((40, 40)), scale=(2, 2))
    mask = new_mask(image)
    assert lies_over(mask, image)
    image.rotate = 90
    assert not lies_over(mask, image)


def test_the_brush_is_in_hand(viewer):
    mask = viewer.add_layer(new_mask(viewer.add_image(np.zeros((40, 60)), name="cell")))
    viewer.layers.selection.active = viewer.layers["cell"]
    mask.visible = False
    paint_on(viewer, mask)
    assert viewer.layers.selection.active is mask
    assert (mask.name, mask.mode, mask.selected_label, mask.opacity) == ("cell mask", "paint", 1, 0.6)
    assert mask.visible


def test_an_images_own_mask_is_found(viewer):
    cell, other = viewer.add_image(np.zeros((40, 60))), viewer.add_image(np.zeros((20, 20)))
    viewer.add_labels(np.zeros((40, 60), int))
    assert mask_over(viewer, cell) is None
    first, second = viewer.add_layer(new_mask(cell)), viewer.add_layer(new_mask(cell))
    assert mask_over(viewer, cell) is second
    assert mask_over(viewer, cell, first) is first
    assert mask_over(viewer, other) is None
    second.translate = (5, 5)
    assert mask_over(viewer, cell) is first


def test_what_cannot_be_a_mask_is_told_in_a_sentence():
    image = Image(np.zeros((20, 20)))
    for mask, words in [
        (new_mask(image), "empty"),
        (Labels(np.ones((20, 20), int)), "whole image"),
        (Labels(np.ones((5, 5), int), translate=(100, 100)), "nothing inside"),
        (Shapes(ndim=2), "empty"),
    ]:
        marked, sentence = read_mask(mask, image)
        assert marked is None
        assert words in sentence
        assert sentence[0].isupper() and sentence.endswith(".")
    assert read_mask(None, image) == (None, "")
    holed = np.zeros((20, 20))
    holed[3, 4] = np.nan
    for mask in (None, new_mask(image)):
        marked, sentence = read_mask(mask, Image(holed))
        np.testing.assert_array_equal(marked, np.isnan(holed))
        assert sentence == ""
    assert read_mask(None, Image(np.full((1, 1), np.nan))) == (None, "")  # no plane at all
    assert read_mask(None, Image(da.from_array(holed), contrast_limits=(0, 1))) == (None, "")


def test_labels_are_counted_and_named():
    data = np.zeros((2, 8, 8), int)
    data[0, 0, :3], data[1, 1, :4], data[1, 2, 0] = 7, 7, 300
    assert label_entries(Labels(data)) == {7: "7 (7 pixels)", 300: "300 (1 pixel)"}
    assert label_entries(Shapes([SQUARE])) == {}
    assert label_entries(None) == {}


def test_the_part_to_be_filled_in_is_told():
    mask = np.zeros((100, 100), bool)
    mask[0, 0] = True
    assert filled_in(mask) == "1 pixel to be filled in"
    mask[:4], mask[4, :10] = True, True
    assert filled_in(mask) == "4.1\N{NO-BREAK SPACE}% of it to be filled in"


def test_the_damage_shown_is_the_damage_planned():
    from napari_dip.api import plan_inpaint

    stack = np.random.default_rng(0).random((3, 64, 64))
    mask = np.zeros(stack.shape, bool)
    mask[0, ::9, ::7] = True
    for kind, fill in (
        ("scattered", None),
        ("scratches", np.s_[1, 10:13]),
        ("holes", np.s_[2, 10:40, 10:40]),
    ):
        if fill is not None:
            mask[fill] = True
        assert damage_in(mask, Axes.of(stack.shape)) == kind
        assert plan_inpaint(stack, mask).settings["damage"] == kind


# -------------------------------------------------------------------------------------------------- watching


def _paint(mask):
    mask.paint((10, 10), 1)


def _paint_unseen(mask):
    mask.paint((10, 10), 1, refresh=False)


def _fill(mask):
    mask.fill((10, 10), 2)


def _erase(mask):
    mask.paint((20, 20), 0)


def _draw_polygon(mask):
    mask.paint_polygon([[2, 2], [2, 9], [9, 9]], 1)


def _set_items(mask):
    mask.data_setitem((np.array([3]), np.array([4])), 1, refresh=False)


def _undo(mask):
    mask.undo()


def _redo(mask):
    mask.undo()
    mask.redo()


def _replace(mask):
    mask.data = np.eye(32, dtype=int)


def _write_and_refresh(mask):
    mask.data[3, 4] = 1
    mask.refresh()


def _scale(mask):
    mask.scale = (2, 2)


def _translate(mask):
    mask.translate = (2, 2)


@pytest.fixture
def watched(viewer, qtbot):
    """A mask with a painted spot, the image under it, and how often its watch has told of a change."""
    image = viewer.add_image(np.zeros((32, 32)))
    mask = viewer.add_layer(new_mask(image))
    mask.paint((20, 20), 1)
    watch, told = MaskWatch(mask, image), []
    watch.changed.connect(lambda: told.append(mask.data.copy()))
    qtbot.wait(100)
    assert not told
    yield mask, image, told, watch
    watch.let_go()


@pytest.mark.parametrize(
    "edit",
    [
        _paint,
        _paint_unseen,
        _fill,
        _erase,
        _draw_polygon,
        _set_items,
        _undo,
        _redo,
        _replace,
        _write_and_refresh,
        _scale,
        _translate,
    ],
)
def test_an_edit_is_told_when_it_has_been_made(watched, edit, wait_until, qtbot):
    mask, _, told, _ = watched
    edit(mask)
    assert not told
    wait_until(lambda: told, timeout=1000)
    np.testing.assert_array_equal(told[0], mask.data)
    qtbot.wait(120)
    assert len(told) == 1


def test_an_image_that_is_moved_changes_the_mask_over_it(watched, wait_until):
    _, image, told, _ = watched
    image.translate = (1, 0)
    wait_until(lambda: told, timeout=1000)


def test_who_let_go_is_told_no_more(watched, qtbot):
    mask, _, told, watch = watched
    mask.paint((5, 5), 1)
    watch.let_go()
    mask.paint((9, 9), 1)
    qtbot.wait(150)
    assert not told


def test_shapes_are_watched(viewer, wait_until):
    image = viewer.add_image(np.zeros((32, 32)))
    shapes = viewer.add_shapes(ndim=2)
    watch, told = MaskWatch(shapes, image), []
    watch.changed.connect(lambda: told.append(len(shapes.data)))

    def expect(number):
        wait_until(lambda: told and told[-1] == number, timeout=1000)
        told.clear()

    shapes.add_polygons(SQUARE)
    expect(1)
    shapes.data = [SQUARE + 3]
    expect(1)
    shapes.selected_data = {0}
    shapes.remove_selected()
    expect(0)
    watch.let_go()


def test_a_stroke_is_told_in_parts_while_it_is_drawn(make_napari_viewer, drag, qtbot):
    viewer = make_napari_viewer(show=True)
    image = viewer.add_image(np.zeros((64, 64)))
    mask = viewer.add_layer(new_mask(image))
    paint_on(viewer, mask)
    qtbot.wait(100)
    told = []
    watch = MaskWatch(mask, image)
    watch.changed.connect(lambda: told.append(np.count_nonzero(mask.data)))
    points = [(10 + 8 * i, 10 + 8 * i) for i in range(6)]
    drag(viewer, *points, meanwhile=lambda: qtbot.wait(80))
    assert len(told) >= 4
    assert told == sorted(set(told))
    qtbot.wait(150)
    assert told[-1] == np.count_nonzero(mask.data)
    assert mask.data[10, 10] and mask.data[50, 50] and not mask.data[50, 10]
    mask.undo()
    qtbot.wait(150)
    assert told[-1] == 0
    watch.let_go()


# ------------------------------------------------------------------------------------------------ suggesting


@pytest.fixture
def damaged():
    image = np.random.default_rng(0).normal(100, 5, (64, 64))
    image[20, 30], image[50, 8], image[40] = 900, 900, 0
    return image


def test_what_is_found_is_told_in_plain_words(damaged):
    axes = Axes.of(damaged.shape)
    assert found(suggest_mask(damaged, axes)).startswith("Found 2 hot and dead pixels, 1 line dropout.")
    clean = np.random.default_rng(0).normal(100, 5, (64, 64))
    assert found(suggest_mask(clean, axes)) == "Nothing that looks damaged was found."


def test_each_finding_has_a_label_and_a_name(damaged):
    image = Image(damaged, name="cell", scale=(0.1, 0.1))
    layer = suggestion_layer(image, suggest_mask(damaged, Axes.of(damaged.shape)))
    assert layer.name == "cell suggested mask"
    np.testing.assert_array_equal(layer.scale, image.scale)
    assert label_entries(layer) == {1: f"1: {FINDINGS[1]} (2)", 4: f"4: {FINDINGS[4]} (64)"}
    assert FINDINGS[4] in str(layer.get_status((4.0, 0.3), world=True))
