import numpy as np
import pytest

from napari_dip.images.axes import Axes


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ((64, 48), "YX"),
        ((7, 64, 48), "QYX"),
        ((2, 7, 64, 48), "QQYX"),
        ((64, 48, 3), "YXC"),
        ((64, 48, 4), "YXC"),
        ((9, 64, 48, 3), "QYXC"),
        ((3, 64, 48), "QYX"),
        ((64, 2, 3), "QYX"),  # two rows of three pixels, not two columns of colours
        ((64, 48, 5), "QYX"),
    ],
)
def test_unnamed_axes_are_taken_as_napari_shows_them(shape, names):
    assert Axes.of(shape).names == names


def test_rgb_decides_what_the_shape_leaves_open():
    assert Axes.of((64, 48, 3), rgb=False).names == "QYX"
    assert Axes.of((2, 2, 3), rgb=True).joint_channels
    assert not Axes.of((64, 48, 3), "YXC", rgb=False).joint_channels


def test_a_named_z_is_restored_in_three_dimensions():
    axes = Axes.of((5, 8, 2, 64, 48), "TZCYX")
    assert (axes.spatial, axes.channel, axes.stack) == ((1, 3, 4), 2, (0,))
    assert Axes.of((5, 64, 48)).spatial == (1, 2)


def test_a_volume_of_one_slice_is_a_plane():
    axes = Axes.of((1, 64, 48), "ZYX")
    assert (axes.spatial, axes.stack) == ((1, 2), (0,))


def test_stains_are_restored_one_by_one_and_colours_together():
    assert len(Axes.of((3, 64, 48), "CYX").runs((3, 64, 48))) == 3
    assert len(Axes.of((64, 48, 3), "YXC").runs((64, 48, 3))) == 1
    assert len(Axes.of((64, 48, 2), "YXC").runs((64, 48, 2))) == 2


def test_samples_become_the_channel_axis():
    axes = Axes.of((2, 64, 48, 3), "CYXS")
    assert (axes.names, axes.channel, axes.joint_channels, axes.stack) == ("QYXC", 3, True, (0,))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 5), None),
        ((3, 2, 4, 5), "TCYX"),
        ((4, 3, 5), "YTX"),
        ((5, 4), "XY"),
        ((6, 2, 4, 5), "ZCYX"),
        ((5, 4, 2, 6), "XYTZ"),
        ((8, 9, 3), None),
        ((2, 8, 9, 3), "TYXC"),
        ((4, 5, 2), "YXC"),
        ((1, 5), None),
    ],
)
def test_runs_cover_every_pixel_once_and_come_back_where_they_were(shape, axes):
    array = np.arange(np.prod(shape)).reshape(shape)
    plan = Axes.of(shape, axes)
    result, visits = np.full(shape, -1), np.zeros(shape, int)
    for index in plan.runs(shape):
        planes = plan.to_engine(array[index])
        assert planes.shape == (3 if plan.joint_channels else 1, *(shape[a] for a in plan.spatial))
        result[index] = plan.from_engine(planes)
        visits[index] += 1
    np.testing.assert_array_equal(visits, 1)
    np.testing.assert_array_equal(result, array)


def test_runs_go_in_c_order():
    runs = Axes.of((2, 2, 4, 5), "TCYX").runs((2, 2, 4, 5))
    assert [index[:2] for index in runs] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_the_engine_sees_space_as_z_y_x_in_whichever_order_the_array_has_it():
    array = np.random.default_rng(0).random((5, 4, 6))
    planes = Axes.of(array.shape, "XYZ").to_engine(array)
    np.testing.assert_array_equal(planes[0], array.T)
    assert planes.shape == (1, 6, 4, 5)


def test_opacity_is_passed_through():
    rgba = np.random.default_rng(0).random((8, 9, 4))
    plan, result = Axes.of(rgba.shape), rgba.copy()
    for index in plan.runs(rgba.shape):
        result[index] = plan.from_engine(np.zeros_like(plan.to_engine(rgba[index])))
    assert not result[..., :3].any()
    np.testing.assert_array_equal(result[..., 3], rgba[..., 3])


@pytest.mark.parametrize(
    ("shape", "axes", "words"),
    [
        ((512, 512), None, "a plane of 512 x 512 pixels"),
        ((12, 2, 512, 512), "TCYX", "12 time points x 2 channels, each a plane of 512 x 512 pixels"),
        ((1, 20, 64, 48), "TZYX", "1 time point, each a volume of 20 x 64 x 48 voxels"),
        ((7, 64, 48, 3), None, "7 images, each an RGB plane of 64 x 48 pixels"),
    ],
)
def test_description(shape, axes, words):
    assert Axes.of(shape, axes).describe(shape) == words


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((4, 5), "TYX", "3 letters for an array of 2 axes"),
        ((4, 5, 6), "WYX", "'W' is not a known axis"),
        ((4, 5, 6), "YYX", "'Y' is there more than once"),
        ((4, 5), "TX", "Y missing"),
        ((4, 5), "TC", "Y and X missing"),
        ((3, 4, 5), "SYX", "not the last axis"),
        ((3, 1, 1), "TYX", "at least two are needed"),
        ((3, 0, 5), "TYX", "at least two are needed"),
        ((9,), None, "has 1 axes"),
        ((), None, "has 0 axes"),
    ],
)
def test_wrong_axes_are_refused_in_one_sentence(shape, axes, message):
    with pytest.raises(ValueError, match=message) as refusal:
        Axes.of(shape, axes)
    assert "\n" not in str(refusal.value)


def test_colours_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="no RGB colours"):
        Axes.of((64, 48, 2), "YXC", rgb=True)
    with pytest.raises(ValueError, match="a colour image has 3 or more"):
        Axes.of((64, 48), rgb=True)


def test_a_shape_of_other_axes_is_refused():
    with pytest.raises(ValueError, match="has 3 axes"):
        Axes.of((4, 5)).runs((3, 4, 5))
