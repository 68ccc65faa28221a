"""A plane restored along with its neighbours."""

import numpy as np
import pytest

import napari_dip as dip
from napari_dip.images.axes import Axes
from napari_dip.source import Source

QUICK = {"iterations": 3, "device": "cpu"}


def planes_beside(count, neighbours):
    stack = np.zeros((2, count, 8, 8))
    source = Source(stack, Axes.of(stack.shape, "TQYX"), neighbours=neighbours)
    found = [source.beside((1, z, slice(None), slice(None))) for z in range(count)]
    assert all(where[0] == 1 for of_plane in found for where in of_plane)
    assert source.channels == len(found[0])
    return [[where[1] for where in of_plane] for of_plane in found]


def test_near_the_ends_of_a_stack_planes_further_on_take_the_place_of_those_that_are_not_there():
    assert planes_beside(6, 1) == [[0, 2, 1], [1, 0, 2], [2, 1, 3], [3, 2, 4], [4, 3, 5], [5, 4, 3]]
    assert planes_beside(6, 2)[:3] == [[0, 3, 1, 4, 2], [1, 0, 2, 4, 3], [2, 1, 3, 0, 4]]


@pytest.mark.parametrize("count", [2, 3, 4, 7])
@pytest.mark.parametrize("neighbours", [1, 2, 3])
def test_no_plane_goes_with_another_twice(count, neighbours):
    for plane, beside in enumerate(planes_beside(count, neighbours)):
        assert beside[0] == plane and len(set(beside)) == len(beside) == min(count, 1 + 2 * neighbours)


def test_what_a_neighbour_shows_counts_and_what_lies_farther_away_does_not():
    stack = np.random.default_rng(0).normal(100, 5, (4, 16, 16)).astype("float32")
    changed = [stack.copy() for _ in range(2)]
    changed[0][1] += 3 * np.arange(16)
    changed[1][3] += 3 * np.arange(16)
    plain, near, far = (dip.denoise(s, neighbours=1, warm=False, **QUICK).image for s in (stack, *changed))
    assert plain.shape == stack.shape
    assert not np.array_equal(plain[0], near[0]) and np.array_equal(plain[0], far[0])


def test_slices_that_are_named_so_are_restored_one_by_one_where_neighbours_are_given(tmp_path):
    stack = np.random.default_rng(0).normal(100, 5, (3, 16, 16)).astype("float32")
    runs = {n: dip.api.plan_denoise(stack, axes="ZYX", neighbours=n).parts for n in (None, 0, 2)}
    assert [len(parts) for parts in runs.values()] == [1, 3, 3]
    out = tmp_path / "a.ome.zarr"
    result = dip.denoise(stack, axes="ZYX", neighbours=np.int64(1), out=out, **QUICK)
    assert dip.images.files.read(out)[1].axes == result.settings["axes"] == "ZYX"
    again = dip.denoise(stack, **result.settings)
    assert np.array_equal(again.image, result.image.compute())


def test_missing_pixels_of_a_neighbour_are_not_looked_at():
    stack = np.random.default_rng(0).normal(100, 5, (3, 16, 16)).astype("float32")
    mask = np.zeros(stack.shape, bool)
    mask[1, 4:6, 3:12] = True
    spoilt = np.where(mask, 1e6, stack).astype("float32")
    results = [dip.inpaint(s, mask, neighbours=1, denoise=True, **QUICK).image for s in (stack, spoilt)]
    assert np.array_equal(*results)


@pytest.mark.parametrize(
    ("shape", "axes", "neighbours"),
    [((16, 16), "YX", 1), ((2, 16, 16, 3), "TYXC", 1), ((2, 16, 16), "TYX", -1)],
)
def test_where_there_are_no_neighbours_it_is_said(shape, axes, neighbours):
    with pytest.raises(ValueError, match="neighbours"):
        dip.denoise(np.random.default_rng(0).random(shape), axes=axes, neighbours=neighbours)


def test_channels_of_one_run_gain_by_one_another_whatever_their_brightness():
    y, x = np.mgrid[:32, :32]
    light = 0.5 + 0.5 * np.sin(x / 3) * np.sin(y / 4)
    rng = np.random.default_rng(0)
    truth = np.stack([100 * light, 5000 + 20_000 * light, 3 * light])
    strength = np.array([30, 6000, 0.9])
    noisy = (truth + rng.normal(size=truth.shape) * strength[:, None, None]).astype("float32")
    settings = {
        "axes": "CYX",
        "iterations": 60,
        "stopping": {"name": "fixed", "at": 20},
        "device": "cpu",
        "precision": "float32",
    }
    apart, together = (dip.denoise(noisy, channels=how, **settings) for how in ("apart", "together"))
    span = np.ptp(truth, axis=(1, 2))
    errors = [np.sqrt(((r.image - truth) ** 2).mean((1, 2))) / span for r in (apart, together)]
    assert (errors[1] < errors[0]).all() and errors[1].mean() < 0.95 * errors[0].mean()
    assert (apart.iterations, together.iterations) == (120, 40)
    assert together.noise == pytest.approx(np.sqrt((strength**2).mean()), rel=0.2)
    assert 0.5 < together.residual / together.noise < 1.1


def test_a_part_has_all_channels_of_a_plane_and_is_made_again_by_its_settings(tmp_path):
    stack = np.random.default_rng(0).poisson(60, (2, 2, 24, 20)).astype("uint16")
    stack[:, 1] *= 100
    settings = {"axes": "TCYX", "channels": "together", **QUICK}
    result = dip.denoise(stack, uncertainty=2, **settings)
    assert result.image.dtype == stack.dtype and result.settings["channels"] == "together"
    assert len(dip.api.plan_denoise(stack, **settings).parts) == 2
    assert (result.uncertainty[:, 1] > 10 * result.uncertainty[:, 0].max()).all()  # each in its own units
    file = dip.denoise(stack, out=tmp_path / "a.ome.tif", **result.settings | {"uncertainty": None})
    assert np.array_equal(file.image.compute(), result.image)
    first = dip.denoise(stack[0], tile=144, **settings | {"axes": "CYX"})
    assert np.array_equal(first.image, result.image[0])
    assert np.array_equal(first.adjusted(1).image, stack[0]) and first.adjusted(-1).image.any()


@pytest.mark.filterwarnings("ignore:Nothing is known of some planes")
def test_a_dropped_frame_goes_with_none_of_its_neighbours():
    movie = np.random.default_rng(0).normal(100, 5, (4, 24, 24)).astype("float32")
    settings = QUICK | {"axes": "TYX", "neighbours": 1, "warm": False, "iterations": 12}
    movie[2] = np.nan
    restored = dip.denoise(movie, **settings, uncertainty=2)
    assert np.isnan(restored.image[2]).all() and np.isfinite(restored.image[[0, 1, 3]]).all()
    assert np.isfinite(restored.uncertainty[[0, 1, 3]]).all()
    figures = [one for one in restored.history["figure"] if one is not None]
    assert figures and np.isfinite(figures).all()


@pytest.mark.filterwarnings("ignore:Nothing is known of some planes")
def test_a_channel_with_nothing_in_it_does_no_harm():
    stack = np.random.default_rng(0).normal(100, 5, (3, 16, 16)).astype("float32")
    settings = {"axes": "CYX", "channels": "together", **QUICK}
    alone = dip.denoise(stack[:1], **settings).image
    stack[1], stack[2] = 7, np.nan
    restored = dip.denoise(stack, uncertainty=2, **settings)
    result = restored.image
    assert np.array_equal(result[0], alone[0]) and (result[1] == 7).all() and np.isnan(result[2]).all()
    assert (restored.uncertainty[0] > 0).all() and np.isnan(restored.uncertainty[2]).all()
    stack[0] = 3
    assert np.array_equal(dip.denoise(stack, **settings).image, stack, equal_nan=True)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((16, 16), "YX"), ((16, 16, 3), "YXC"), ((2, 16, 16), "TYX")],
)
def test_where_there_are_no_channels_it_is_said(shape, axes):
    with pytest.raises(ValueError, match="channels='together' is for an image with a channel axis"):
        dip.denoise(np.random.default_rng(0).random(shape), axes=axes, channels="together")
    with pytest.raises(ValueError, match="'apart' or 'together'"):
        dip.denoise(np.random.default_rng(0).random(shape), axes=axes, channels="both")


def test_the_table_of_a_jpeg_is_of_one_channel():
    image, table = np.zeros((2, 16, 16), np.uint8), np.ones((8, 8), int)
    with pytest.raises(ValueError, match="JPEG files, whose table is of one channel"):
        dip.deblock(image, axes="CYX", table=table, channels="together")
