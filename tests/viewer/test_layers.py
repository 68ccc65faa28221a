"""A result lies where its source lies, looks as it looks, and the meaning of its axes is the user's."""

from __future__ import annotations

import napari
import numpy as np
import pytest

from napari_dip.api import plan_denoise, plan_super_resolve
from napari_dip.given import description_of
from napari_dip.images.axes import Axes
from napari_dip.viewer.before import show_before_on_key
from napari_dip.viewer.layers import axes_of, find_image, find_mask, image_layers, is_result
from napari_dip.viewer.regions import Region
from napari_dip.viewer.result_layers import AFTERWARDS, result_layer


def _result(source):
    return result_layer(source, np.asarray(source.data) + 0, plan_denoise(source))


def test_a_result_keeps_where_its_source_lies_and_how_it_looks():
    source = napari.layers.Image(
        np.random.default_rng(0).random((3, 16, 16)).astype("float32"),
        name="cell",
        scale=(2, 0.5, 0.25),
        translate=(1, 2, 3),
        rotate=(10, 20, 30),
        shear=(0.1, 0.2, 0.3),
        affine=np.diag([1, 2, 1, 1]),
        units=("second", "micrometer", "micrometer"),
        axis_labels=("t", "y", "x"),
        colormap="magma",
        contrast_limits=(0.1, 0.7),
        gamma=0.6,
        blending="additive",
        opacity=0.8,
        interpolation2d="cubic",
        rendering="attenuated_mip",
        metadata={"objective": "60x"},
    )
    source.contrast_limits_range = (0.0, 3.0)
    result = _result(source)
    assert result.name == "cell [denoised]"
    for name in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_allclose(getattr(result, name), getattr(source, name), atol=1e-9, err_msg=name)
    np.testing.assert_array_equal(result.affine.affine_matrix, source.affine.affine_matrix)
    np.testing.assert_allclose(result.data_to_world((1, 5, 9)), source.data_to_world((1, 5, 9)))
    for name in (
        "units",
        "axis_labels",
        "contrast_limits",
        "contrast_limits_range",
        "gamma",
        "blending",
        "opacity",
    ):
        assert getattr(result, name) == getattr(source, name), name
    for name in ("interpolation2d", "rendering", "rgb"):
        assert getattr(result, name) == getattr(source, name), name
    assert result.colormap.name == "magma"
    assert result.metadata["objective"] == "60x"
    assert result.metadata["napari_dip"]["source"] == "cell"
    assert is_result(result)
    assert not is_result(source)


@pytest.mark.parametrize("factor", [(1, 2, 3), (4, 1, 1), (5, 2, 2)])
def test_a_finer_result_lies_exactly_over_its_source(factor):
    source = napari.layers.Image(
        np.random.default_rng(0).random((4, 8, 8)),
        scale=(2, 0.5, 0.25),
        translate=(1, 2, 3),
        rotate=(10, 20, 30),
        shear=(0.1, 0.2, 0.3),
        affine=np.diag([1, 2, 1, 1]),
        axis_labels=("z", "y", "x"),
    )
    job = plan_super_resolve(source, factor)
    result = result_layer(source, np.zeros(job.shape), job)
    # The corners of the pixels, and the centre of a pixel against the mean of the finer ones within it.
    for corner in ((-0.5, -0.5, -0.5), (3.5, 7.5, 7.5), (0.5, 3.5, 7.5)):
        fine = (np.array(corner) + 0.5) * factor - 0.5
        np.testing.assert_allclose(result.data_to_world(fine), source.data_to_world(corner), atol=1e-9)
    pixel = np.array((2, 3, 5))
    inside = [pixel * factor + offset for offset in np.ndindex(factor)]
    centre = np.mean([result.data_to_world(fine) for fine in inside], axis=0)
    np.testing.assert_allclose(centre, source.data_to_world(pixel), atol=1e-9)


def test_the_plane_that_a_volume_is_cut_by_lies_where_it_did():
    cut = {"position": (2, 4, 5), "normal": (1, 0, 1), "thickness": 2}
    half = {"position": (1, 2, 3), "normal": (0, 1, 0)}
    source = napari.layers.Image(
        np.random.default_rng(0).random((4, 8, 12)),
        scale=(2, 0.5, 0.5),
        depiction="plane",
        plane=cut,
        experimental_clipping_planes=[half],
    )
    job = plan_super_resolve(source, (4, 1, 1))
    fine = result_layer(source, np.zeros(job.shape), job)
    part = Region.of(source, Axes.of((4, 8, 12), "ZYX")).within({0: slice(1, 4), 2: slice(3, 9)}).layer
    for other in (fine, part):
        assert other.depiction == "plane"
        for there, here in ((other.plane, source.plane), (_half(other), _half(source))):
            # What lies in the plane, and half its thickness off it, still does.
            for place in np.random.default_rng(0).uniform(0, 8, (5, 3)):
                beside = other.world_to_data(source.data_to_world(place))
                off = np.dot(place - here.position, here.normal) / getattr(here, "thickness", 1)
                now = np.dot(beside - there.position, there.normal) / getattr(there, "thickness", 1)
                np.testing.assert_allclose(now, off, atol=1e-6)


def _half(layer):
    return layer.experimental_clipping_planes[0]


def test_colours_are_no_channel_and_depth_is_an_axis_that_has_some():
    colours = napari.layers.Image(
        np.zeros((2, 24, 24, 3), "uint8"), rgb=True, axis_labels=("c", "y", "x"), units=("", "um", "um")
    )
    axes, _ = axes_of(colours)
    assert axes.describe((2, 24, 24, 3)).startswith("2 images, each") and axes.joint_channels
    assert description_of(colours).axes[-1] == "S"
    volume = napari.layers.Image(np.zeros((6, 1, 24, 24)))
    assert axes_of(volume, True)[0].names == "ZQYX" and len(axes_of(volume, True)[0].spatial) == 3


def test_the_original_is_shown_only_where_it_is_and_as_it_was(qapp):
    viewer = napari.components.ViewerModel()
    source = viewer.add_image(np.arange(64.0).reshape(8, 8), contrast_limits=(5, 60))
    source.contrast_limits_range = (0, 70)
    result = _result(source)
    result.contrast_limits_range, result.contrast_limits = (-100, 900), (-50, 800)
    viewer.add_layer(result)
    show_before_on_key(result, source, viewer)
    (before,) = result.keymap.values()
    held = before(result)
    next(held)
    assert source.visible and not result.visible and source.contrast_limits == [-50, 800]
    next(held, None)
    assert (source.contrast_limits, source.contrast_limits_range) == ([5, 60], [0, 70])
    viewer.layers.remove(source)
    assert next(before(result), "nothing") == "nothing" and result.visible


def test_a_mask_is_the_topmost_or_the_one_that_is_named():
    viewer = napari.components.ViewerModel()
    with pytest.raises(ValueError, match=r"no mask layer is selected.*none: paint one"):
        find_mask(viewer, None)
    image = viewer.add_image(np.zeros((16, 16)), name="cell")
    labels = viewer.add_labels(np.zeros((16, 16), int), name="dust")
    shapes = viewer.add_shapes(name="holes")
    assert find_mask(viewer, None) is shapes
    assert find_mask(viewer, "dust") is labels
    with pytest.raises(ValueError, match=r"no mask layer 'dirt'.*'holes', 'dust'"):
        find_mask(viewer, "dirt")
    with pytest.raises(TypeError, match="a mask layer is needed, but 'cell' is a Image layer"):
        find_mask(viewer, image)
    # With a mask selected, the image to fill in is the one below.
    assert find_image(viewer, None, guess=True) is image


def test_a_result_of_a_hidden_or_multiscale_source_is_one_visible_level():
    pyramid = [np.zeros((32, 32)), np.zeros((16, 16))]
    source = napari.layers.Image(pyramid, multiscale=True, visible=False, scale=(3, 3))
    result = result_layer(source, pyramid[0], plan_denoise(source))
    assert not result.multiscale
    assert result.visible
    np.testing.assert_array_equal(result.scale, (3, 3))


def test_a_result_of_a_colour_image_is_in_colour():
    result = _result(napari.layers.Image(np.zeros((16, 16, 3), "uint8"), rgb=True))
    assert result.rgb
    assert result.ndim == 2


def test_results_of_one_source_have_names_of_their_own():
    viewer = napari.components.ViewerModel()
    source = viewer.add_image(np.zeros((16, 16)), name="cell")
    for _ in range(2):
        viewer.add_layer(_result(source))
    assert [layer.name for layer in viewer.layers] == ["cell", "cell [denoised]", "cell [denoised] [1]"]


@pytest.mark.parametrize(
    ("shape", "labels", "volumes", "names"),
    [
        ((5, 16, 16), None, None, "QYX"),
        ((5, 16, 16), None, True, "ZYX"),
        ((5, 16, 16), ("z", "y", "x"), None, "ZYX"),
        ((5, 16, 16), ("z", "y", "x"), False, "ZYX"),
        ((5, 16, 16), ("t", "y", "x"), None, "TYX"),
        ((2, 5, 16, 16), None, True, "QZYX"),
        ((2, 5, 16, 16), ("z", "c", "y", "x"), None, "ZCYX"),
        ((16, 16), None, None, "YX"),
        ((5, 16, 16, 3), None, True, "ZYXC"),
    ],
)
def test_axes_are_what_the_labels_and_the_user_say(shape, labels, volumes, names):
    rgb = shape[-1] == 3
    layer = napari.layers.Image(np.zeros(shape), rgb=rgb, **({"axis_labels": labels} if labels else {}))
    axes, measured = axes_of(layer, volumes)
    assert axes.names == names
    assert (len(axes.spatial) == 3) == ("Z" in names and volumes is not False)
    assert measured == shape


def test_hiding_the_original_is_all_that_it_does():
    viewer = napari.components.ViewerModel()
    source = viewer.add_image(np.zeros((16, 16)))
    other = viewer.add_image(np.zeros((16, 16)))
    result = viewer.add_layer(_result(source))
    AFTERWARDS["hide the original"](viewer, source, result)
    assert [layer.visible for layer in (source, other, result)] == [False, True, True]
    AFTERWARDS["keep both"](viewer, other, result)
    assert other.visible


def test_only_images_can_be_restored():
    viewer = napari.components.ViewerModel()
    viewer.add_labels(np.zeros((16, 16), int), name="mask")
    image = viewer.add_image(np.zeros((16, 16)), name="cell")
    assert image_layers(viewer) == [image]
    assert find_image(viewer, None) is image
    viewer.layers.selection.active = viewer.layers["mask"]
    with pytest.raises(TypeError, match="Labels layer"):
        find_image(viewer, None)
