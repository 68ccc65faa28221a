"""A layer that is saved and opened again lies where it lay, and says how it came about."""

from __future__ import annotations

from dataclasses import replace

import napari
import numpy as np
import pytest

from napari_dip.given import description_of
from napari_dip.images.files import Description, read, write
from napari_dip.viewer.files import reader_of, write_layer
from napari_dip.viewer.layers import is_result

RECORD = {"version": "0.1", "task": "denoise", "settings": {"seed": 0}}
ENDINGS = pytest.mark.parametrize("ending", [".ome.zarr", ".ome.tif"])


@pytest.fixture
def viewer(viewer_with_plugin):
    return viewer_with_plugin


def numbers(shape):
    return np.random.default_rng(0).integers(0, 100, shape).astype("uint16")


def assert_lies_where(again, layer):
    for point in np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim), np.arange(layer.ndim) + 2.5]):
        np.testing.assert_allclose(again.data_to_world(point), layer.data_to_world(point))


@ENDINGS
def test_a_saved_layer_opens_where_it_lay(ending, viewer, tmp_path):
    layer = viewer.add_image(
        numbers((3, 6, 5)),
        name="cell",
        scale=(2, 0.5, 0.25),
        translate=(1, -2, 3),
        affine=[[1, 0, 0, 4], [0, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        units=("second", "micrometer", "micrometer"),
        axis_labels=("t", "y", "x"),
        metadata={"napari_dip": RECORD, "objective": "60x"},
    )
    path = str(tmp_path / f"saved{ending}")
    assert layer.save(path, plugin="napari-dip") == [path]
    (again,) = viewer.open(path, plugin="napari-dip")
    assert_lies_where(again, layer)
    np.testing.assert_array_equal(again.data, layer.data)
    assert again.name == "cell [1]"
    assert (again.units, again.axis_labels) == (layer.units, layer.axis_labels)
    assert is_result(again) and again.metadata["napari_dip"] == RECORD
    with pytest.raises(FileExistsError, match="won't be overwritten"):
        layer.save(path, plugin="napari-dip")


@ENDINGS
def test_a_layer_without_labels_and_units_comes_back_without(ending, viewer, tmp_path):
    layer = viewer.add_image(numbers((3, 6, 5)))
    path = str(tmp_path / f"saved{ending}")
    layer.save(path, plugin="napari-dip")
    (again,) = viewer.open(path, plugin="napari-dip")
    assert_lies_where(again, layer)
    assert again.units == layer.units
    assert description_of(layer) == Description.plain("QYX", layer.name)
    assert description_of(again) == Description.plain("QYX", again.name)


@ENDINGS
def test_colours_stay_colours(ending, viewer, tmp_path):
    layer = viewer.add_image(
        numbers((2, 6, 5, 3)).astype("uint8"), rgb=True, scale=(3, 2, 1), translate=(0, 1, 0)
    )
    layer.axis_labels = ("z", "y", "x")
    path = str(tmp_path / f"colour{ending}")
    layer.save(path, plugin="napari-dip")
    (again,) = viewer.open(path, plugin="napari-dip")
    assert again.rgb
    assert_lies_where(again, layer)
    np.testing.assert_array_equal(again.data, layer.data)


@ENDINGS
@pytest.mark.parametrize("channels", [("DAPI", "GFP"), ()])
def test_each_channel_is_a_layer(ending, channels, viewer, tmp_path):
    image = numbers((2, 3, 6, 5))
    path = str(tmp_path / f"stains{ending}")
    said = Description(
        "CZYX", (1, 3, 0.5, 0.5), (0, 1, 2, 3), ("", *["micrometer"] * 3), channels, "cell", RECORD
    )
    write(path, image, said)
    layers = viewer.open(path, plugin="napari-dip")
    assert [layer.name for layer in layers] == list(channels or ("cell 0", "cell 1"))
    for layer, channel in zip(layers, image, strict=True):
        np.testing.assert_array_equal(layer.data, channel)
        np.testing.assert_allclose(layer.data_to_world((1, 1, 1)), (4, 2.5, 3.5))
        assert description_of(layer).axes == "ZYX"
        assert description_of(layer).units == ("micrometer",) * 3
        assert description_of(layer).record == RECORD


def test_the_finest_level_of_a_pyramid_is_saved(tmp_path):
    pyramid = [numbers((32, 32)), numbers((16, 16))]
    layer = napari.layers.Image(pyramid, multiscale=True, scale=(3, 3))
    data, state, _ = layer.as_layer_data_tuple()
    path = str(tmp_path / "pyramid.ome.zarr")
    assert write_layer(path, data, state) == [path]
    array, said = read(path)
    np.testing.assert_array_equal(array, pyramid[0])
    assert said.scale == (3, 3)


@pytest.mark.parametrize(
    "turned", [{"rotate": 30}, {"shear": [0.5]}, {"affine": [[0, 1, 0], [1, 0, 0], [0, 0, 1]]}]
)
def test_a_turned_layer_is_refused_in_a_sentence(turned, tmp_path):
    layer = napari.layers.Image(numbers((6, 5)), name="cell", **turned)
    data, state, _ = layer.as_layer_data_tuple()
    with pytest.raises(ValueError, match=r"layer 'cell' is turned or sheared.*layer.rotate"):
        write_layer(str(tmp_path / "cell.ome.tif"), data, state)
    assert not list(tmp_path.iterdir())


def test_a_file_with_units_opens_beside_a_layer_without(viewer, tmp_path):
    viewer.add_image(numbers((6, 5)))
    path = str(tmp_path / "cell.ome.tif")
    write(path, numbers((6, 5)), Description("YX", (2, 2), (0, 0), ("micrometer", "micrometer"), name="cell"))
    (layer,) = viewer.open(path, plugin="napari-dip")
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    viewer.reset_view()


def test_a_unit_that_napari_does_not_know_is_left_out(viewer, tmp_path):
    path = str(tmp_path / "odd.ome.zarr")
    write(path, numbers((6, 5)), Description("YX", (2, 2), (0, 0), ("cubit-ish", "foot")))
    (layer,) = viewer.open(path, plugin="napari-dip")
    assert [str(unit) for unit in layer.units] == ["pixel", "foot"]
    assert layer.name == "odd"


def test_several_files_are_left_to_others():
    assert reader_of(["a.ome.tif", "b.ome.tif"]) is None


def test_what_is_opened_is_shown_at_its_own_contrast(viewer, tmp_path):
    stack = np.random.default_rng(0).integers(300, 900, (3, 2, 8, 8), "uint16")
    stack[:, 1] *= 10
    write(tmp_path / "a.ome.zarr", stack, replace(Description.plain("ZCYX"), translate=(70.0, 0.0, 0.0, 0.0)))
    layers = viewer.open(tmp_path / "a.ome.zarr", plugin="napari-dip")
    for channel, layer in enumerate(layers):
        assert tuple(layer.contrast_limits) == (stack[1, channel].min(), stack[1, channel].max())
