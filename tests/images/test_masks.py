import os

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from napari_dip.images.axes import Axes
from napari_dip.images.masks import array_mask, layer_mask

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
layers = pytest.importorskip("napari.layers")


@pytest.fixture
def disc():
    """Labels: a disc (1) and a bar (3) in 48 x 64 pixels."""
    y, x = np.mgrid[:48, :64]
    labels = ((y - 20) ** 2 + (x - 24) ** 2 < 10**2).astype(np.uint8)
    labels[30:40, 50:54] = 3
    return labels


def image(*shape, **where):
    return layers.Image(np.zeros(shape, np.uint16), rgb=False, **where)


# Arrays


@pytest.mark.parametrize(
    ("mask", "shape", "axes"),
    [
        ((48, 64), (48, 64), None),
        ((48, 64), (5, 48, 64), None),
        ((5, 48, 64), (2, 5, 48, 64), None),
        ((48, 64), (2, 5, 48, 64), "TZYX"),
        ((2, 5, 48, 64), (2, 5, 48, 64), "TZYX"),
        ((48, 64), (48, 64, 3), None),
        ((48, 64, 1), (48, 64, 3), None),
        ((48, 64, 3), (48, 64, 3), None),
        ((48, 64, 4), (48, 64, 3), None),
        ((48, 64, 3), (7, 48, 64, 3), None),
        ((7, 48, 64, 1), (7, 48, 64, 3), None),
        ((48, 64), (48, 64, 2), "YXC"),
        ((5, 48, 64), (5, 3, 48, 64), "TCYX"),
        ((5, 1, 48, 64), (5, 3, 48, 64), "TCYX"),
        ((5, 48, 64), (5, 48, 64, 2), "TYXC"),
    ],
)
def test_a_mask_of_the_last_axes_or_of_a_plane_holds_for_all_others(mask, shape, axes):
    axes = Axes.of(shape, axes)
    masked = np.zeros(mask, int)
    at = [0] * len(mask)
    at[mask.index(48)], at[mask.index(64)] = 10, 20
    masked[tuple(at)] = 1
    found = array_mask(masked, shape, axes)
    full = shape[:-1] if axes.joint_channels else shape
    assert found.shape == full and found.dtype == bool
    where = np.argwhere(found)
    assert set(where[:, full.index(48)]) == {10} and set(where[:, full.index(64)]) == {20}


def test_a_pixel_is_masked_if_one_of_its_colours_is():
    mask = np.zeros((8, 9, 3), bool)
    mask[1, 2, 0] = mask[3, 4, 2] = True
    assert np.argwhere(array_mask(mask, (8, 9, 3), Axes.of((8, 9, 3)))).tolist() == [[1, 2], [3, 4]]


def test_opacity_masks_nothing():
    mask = np.zeros((8, 9, 4), np.uint8)
    mask[..., 3] = 255
    mask[1, 2, 0] = 9
    assert array_mask(mask, (8, 9, 4), Axes.of((8, 9, 4))).sum() == 1


def test_only_chosen_labels_count(disc):
    shape, axes = disc.shape, Axes.of(disc.shape)
    assert (array_mask(disc, shape, axes) == (disc > 0)).all()
    assert (array_mask(disc, shape, axes, labels=3) == (disc == 3)).all()
    assert (array_mask(disc, shape, axes, labels=[1, 3]) == (disc > 0)).all()
    assert (array_mask(disc > 0, shape, axes, labels=1) == (disc > 0)).all()


def test_lazy_masks_are_read(disc):
    assert (array_mask(da.from_array(disc), disc.shape, Axes.of(disc.shape)) == (disc > 0)).all()


@pytest.mark.parametrize("dtype", [float, np.float16, complex, object, "U1"])
def test_masks_of_other_than_whole_numbers_are_refused(disc, dtype):
    with pytest.raises(TypeError, match=r"mask > 0\.5" if np.dtype(dtype).kind == "f" else "convert|Convert"):
        array_mask(disc.astype(dtype), disc.shape, Axes.of(disc.shape))


@pytest.mark.parametrize("shape", [(64, 48), (24, 32), (64,), (3, 48, 64), (48, 64, 3), ()])
def test_a_mask_of_another_shape_is_refused_with_both_shapes(shape):
    with pytest.raises(ValueError, match="Paint the mask on a Labels layer") as error:
        array_mask(np.ones(shape, bool), (5, 48, 64), Axes.of((5, 48, 64)))
    assert str(shape) in str(error.value) and "(48, 64)" in str(error.value)


def test_masks_of_nothing_or_all_are_refused(disc):
    axes = Axes.of(disc.shape)
    with pytest.raises(ValueError, match="nothing to fill in"):
        array_mask(np.zeros_like(disc), disc.shape, axes)
    with pytest.raises(ValueError, match="no known pixel"):
        array_mask(np.ones_like(disc), disc.shape, axes)
    with pytest.raises(ValueError, match="labels are 1, 3"):
        array_mask(disc, disc.shape, axes, labels=2)


# Layers of pixels


@pytest.mark.parametrize(
    "where",
    [{}, {"scale": (0.1, 0.3), "translate": (5, -7)}, {"rotate": 33, "scale": (2, 2), "shear": [0.2]}],
)
def test_layers_on_one_grid_give_the_mask_as_it_was_painted(disc, where):
    mask = layer_mask(layers.Labels(disc, **where), image(48, 64, **where))
    assert (mask == (disc > 0)).all()


def test_a_mask_that_was_drawn_on_a_downsampled_layer_covers_the_same_place(disc):
    fine = np.kron(disc, np.ones((2, 2), np.uint8))
    coarse = layers.Labels(disc, scale=(2, 2), translate=(0.5, 0.5))
    assert (layer_mask(coarse, image(96, 128)) == (fine > 0)).all()
    assert (layer_mask(coarse, image(96, 128), labels=3) == (fine == 3)).all()


def test_a_mask_that_was_drawn_on_a_cropped_layer_lies_where_the_crop_was(disc):
    crop = layers.Labels(disc[8:45, 10:60], scale=(0.2, 0.2), translate=(1.6, 2.0))
    expected = np.zeros_like(disc)
    expected[8:45, 10:60] = disc[8:45, 10:60]
    assert (layer_mask(crop, image(48, 64, scale=(0.2, 0.2))) == (expected > 0)).all()


def test_a_thin_stroke_on_a_finer_grid_is_not_lost():
    stroke = np.zeros((400, 400), np.uint8)
    stroke[201, 40:360] = 1  # between the centres of the image's rows
    mask = layer_mask(layers.Labels(stroke, scale=(0.1, 0.1)), image(40, 40))
    assert (mask.sum(axis=0)[4:36] == 1).all() and mask.sum() == 33


def test_turned_layers_keep_the_masked_area(disc):
    turned = layers.Labels(disc, rotate=30, translate=(20, 60))
    mask = layer_mask(turned, image(200, 200, translate=(-40, -40)))
    assert 1.0 < mask.sum() / (disc > 0).sum() < 1.25  # rather a pixel too many than one too few
    centre = turned.data_to_world((20, 24))
    np.testing.assert_allclose(np.argwhere(mask)[:200].mean(), np.mean(np.add(centre, 40)), atol=8)


def test_a_flat_mask_holds_for_every_plane_of_a_stack(disc):
    stack = image(5, 48, 64, scale=(3, 0.5, 0.5), translate=(100, 1, 2))
    mask = layer_mask(layers.Labels(disc, scale=(0.5, 0.5), translate=(1, 2)), stack)
    assert mask.shape == (5, 48, 64) and (mask == (disc > 0)).all()


def test_a_deep_mask_is_its_own_on_every_slice(disc):
    volume = np.zeros((5, *disc.shape), np.uint8)
    volume[1] = disc
    placed = {"scale": (4, 1, 1)}
    mask = layer_mask(layers.Labels(volume, **placed), image(2, 5, 48, 64))
    assert mask.shape == (2, 5, 48, 64)
    assert np.argwhere(mask.any(axis=(2, 3))).tolist() == [[0, 3], [0, 4], [1, 3], [1, 4]] or (
        mask[:, 4].any() and not mask[:, 0].any()
    )
    same = layer_mask(layers.Labels(volume, **placed), image(5, 48, 64, **placed))
    assert (same == (volume > 0)).all()


def test_leading_axes_of_one_slice_are_dropped_and_others_refused(disc):
    assert (layer_mask(layers.Labels(disc[None, None]), image(48, 64)) == (disc > 0)).all()
    with pytest.raises(ValueError, match="Labels layer of 2 axes"):
        layer_mask(layers.Labels(np.stack([disc, disc])), image(48, 64))


def test_colour_and_multiscale_images_have_the_grid_of_their_finest_pixels(disc):
    colour = layers.Image(np.zeros((48, 64, 3), np.uint8), rgb=True)
    assert (layer_mask(layers.Labels(disc), colour) == (disc > 0)).all()
    pyramid = layers.Image([np.zeros((96, 128)), np.zeros((48, 64))], multiscale=True)
    assert layer_mask(layers.Labels(disc), pyramid).shape == (96, 128)
    fine = np.kron(disc, np.ones((2, 2), np.uint8))
    finer = layers.Labels([fine, disc], multiscale=True)
    assert (layer_mask(finer, pyramid) == (fine > 0)).all()


def test_an_image_of_whole_numbers_may_be_the_mask(disc):
    assert (layer_mask(layers.Image(disc), image(48, 64)) == (disc > 0)).all()
    colours = np.stack([disc, 0 * disc, 0 * disc], axis=-1)
    assert (layer_mask(layers.Image(colours, rgb=True), image(48, 64)) == (disc > 0)).all()


def test_lazy_labels_are_read(disc):
    assert (layer_mask(layers.Labels(da.from_array(disc)), image(48, 64)) == (disc > 0)).all()


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Points(np.ones((48, 2), int)),
        lambda: layers.Vectors(np.ones((3, 2, 2))),
        lambda: layers.Surface((np.eye(3)[:, :2], np.array([[0, 1, 2]]), np.ones(3))),
        lambda: layers.Image(np.zeros((48, 64))),
    ],
    ids=["points", "vectors", "surface", "image of floats"],
)
def test_layers_that_cannot_mask_are_refused(layer):
    with pytest.raises(TypeError, match=r"Labels layer|mask > 0\.5"):
        layer_mask(layer(), image(48, 64))


def test_an_image_cannot_mask_itself():
    layer = image(48, 64)
    with pytest.raises(ValueError, match="same layer"):
        layer_mask(layer, layer)


def test_a_mask_beside_the_image_is_refused(disc):
    with pytest.raises(ValueError, match="nothing inside the image layer"):
        layer_mask(layers.Labels(disc, translate=(100, 0)), image(48, 64))
    with pytest.raises(ValueError, match="is empty"):
        layer_mask(layers.Labels(np.zeros_like(disc)), image(48, 64))
    with pytest.raises(ValueError, match="no known pixel"):
        layer_mask(layers.Labels(np.ones_like(disc), scale=(3, 3), translate=(-9, -9)), image(48, 64))


# Shapes

RECTANGLE = np.array([[10, 20], [10, 40], [30, 40], [30, 20.0]])
KINDS = {
    "rectangle": RECTANGLE,
    "ellipse": RECTANGLE,
    "polygon": np.array([[5, 5], [40, 12], [25, 55.0], [20, 22]]),
    "line": np.array([[5, 8], [40, 60.0]]),
    "path": np.array([[5, 8], [40, 30.0], [8, 58]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_covers_what_napari_makes_of_it_and_its_edge(kind):
    layer = layers.Shapes([KINDS[kind]], shape_type=kind, edge_width=1)
    mask, theirs = layer_mask(layer, image(48, 64)), layer.to_labels((48, 64)) > 0
    box = np.ones((3, 3), bool)
    assert not (binary_erosion(theirs, box) & ~mask).any()
    assert not (mask & ~binary_dilation(theirs, box)).any()


@pytest.mark.parametrize("offset", [0, 0.3, 0.4, 0.5, 0.7])
@pytest.mark.parametrize("width", [0, 1, 2, 3])
def test_an_upright_rectangle_covers_a_rectangle(offset, width):
    mask = layer_mask(
        layers.Shapes([RECTANGLE + offset], shape_type="rectangle", edge_width=width), image(48, 64)
    )
    rows, columns = np.where(mask.any(axis=1))[0], np.where(mask.any(axis=0))[0]
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert box.all()
    assert abs(len(rows) - 20 - max(width, 1)) <= 1 and abs(len(columns) - 20 - max(width, 1)) <= 1


def test_a_lasso_of_many_corners_covers_what_lies_within():
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    ring = 100 + np.stack([80 * np.sin(angle), 90 * np.cos(angle)], axis=1)
    mask = layer_mask(layers.Shapes([ring], shape_type="polygon", edge_width=1), image(200, 190))
    y, x = np.mgrid[:200, :190]
    off = np.hypot((y - 100) / 80, (x - 100) / 90)
    assert mask[off < 1].all() and not mask[off > 1.02].any()


@pytest.mark.parametrize("kind", ["line", "path"])
@pytest.mark.parametrize("width", [0.01, 1, 5, 10])
def test_lines_are_as_wide_as_they_look_and_at_least_a_pixel(kind, width):
    data = np.array([[24, 10], [24, 30], [24, 50.0]])[:: 2 if kind == "line" else 1]
    mask = layer_mask(layers.Shapes([data], shape_type=kind, edge_width=width), image(48, 64))
    assert abs(mask[:, 30].sum() - max(width, 1)) <= 1
    assert mask[24, 10:51].all()


def test_shapes_follow_scale_translation_and_rotation():
    drawn = layers.Shapes([RECTANGLE], shape_type="rectangle", edge_width=0, scale=(0.5, 0.5))
    mask = layer_mask(drawn, image(200, 100, scale=(0.1, 0.2), translate=(1, 2)))
    rows, columns = np.where(mask.any(axis=1))[0], np.where(mask.any(axis=0))[0]
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (40, 140, 40, 90)
    turned = layers.Shapes([RECTANGLE], shape_type="rectangle", edge_width=0, rotate=45)
    area = layer_mask(turned, image(100, 100, translate=(-30, -10))).sum()
    assert abs(area - 20 * 20) < 80


def test_line_widths_follow_the_scale_of_each_axis():
    line = np.array([[50, 10], [50, 90.0]])
    layer = layers.Shapes([line], shape_type="line", edge_width=8)
    assert abs(layer_mask(layer, image(100, 100, scale=(1, 2)))[:, 25].sum() - 8) <= 1
    assert abs(layer_mask(layer, image(50, 100, scale=(2, 1)))[:, 50].sum() - 4) <= 1


def test_flat_shapes_hold_for_every_plane_and_deep_ones_for_their_slice():
    flat = layer_mask(layers.Shapes([RECTANGLE], edge_width=0), image(5, 48, 64, translate=(9, 0, 0)))
    assert flat[:, 20, 30].all() and flat[0].sum() * 5 == flat.sum()
    deep = layers.Shapes([np.insert(RECTANGLE, 0, 3, axis=1)], edge_width=0)
    mask = layer_mask(deep, image(5, 48, 64))
    assert (mask[3] == flat[3]).all() and not mask[[0, 1, 2, 4]].any()


def test_a_shape_that_was_drawn_from_the_side_lies_in_its_own_plane():
    side = np.insert(np.array([[1, 20], [1, 40], [3, 40], [3, 20.0]]), 1, 7, axis=1)
    mask = layer_mask(layers.Shapes([side], edge_width=0), image(5, 48, 64))
    assert mask[1:4, 7, 20:41].all() and mask.sum() == 3 * 21


def test_labels_choose_shapes_by_their_number():
    both = layers.Shapes([KINDS["line"], RECTANGLE], shape_type=["line", "rectangle"], edge_width=0)
    one = layers.Shapes([RECTANGLE], shape_type="rectangle", edge_width=0)
    assert (layer_mask(both, image(48, 64), labels=2) == layer_mask(one, image(48, 64))).all()
    with pytest.raises(ValueError, match="numbered from 1"):
        layer_mask(one, image(48, 64), labels=2)


def test_shapes_that_mask_nothing_or_lie_on_several_slices_are_refused():
    with pytest.raises(ValueError, match="is empty"):
        layer_mask(layers.Shapes(), image(48, 64))
    with pytest.raises(ValueError, match="nothing inside the image layer"):
        layer_mask(layers.Shapes([RECTANGLE + 100]), image(48, 64))
    two = layers.Shapes([np.insert(RECTANGLE, 0, z, axis=1) for z in (0, 3)])
    with pytest.raises(ValueError, match="several slices"):
        layer_mask(two, image(48, 64))
