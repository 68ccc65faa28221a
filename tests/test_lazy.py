"""A dask array is restored when it is computed, chunk by chunk, and comes to what its chunks come to."""

import json
import pickle

import dask
import dask.array as da
import numpy as np
import pytest
from stand_ins import Layer

import napari_dip as dip
from napari_dip.engine.devices import turn_of
from napari_dip.engine.fit import Fit

# Without a quick prior, which would do better than a network of so few iterations, and hide it.
QUICK = {
    "iterations": 3,
    "precision": "float32",
    "device": "cpu",
    "correction": "none",
    "network": {"name": "subpixel", "channels": [8, 16, 16]},
}


def waves(shape=(4, 24, 28), dtype="uint16"):
    """Planes that show much the same, with other noise in each."""
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    rng = np.random.default_rng(0)
    return (500 + 200 * np.sin(x / 5) * np.cos(y / 4) + rng.normal(0, 30, shape)).astype(dtype)


def chunked(image, *chunks):
    return da.from_array(image, chunks=chunks)


def scratch(shape=(24, 28)):
    mask = np.zeros(shape, bool)
    mask[..., 10:12, 4:20] = True
    return mask


def test_nothing_is_read_or_computed_before_it_is_asked_for():
    def refuse(block):
        raise AssertionError("read too early")

    lazy = da.zeros((4, 24, 28), chunks=(2, 12, 28)).map_blocks(refuse, meta=np.empty((0, 0, 0), "uint16"))
    restored = dip.denoise(lazy, **QUICK)
    assert isinstance(restored.image, da.Array)
    assert (restored.image.shape, restored.image.dtype) == ((4, 24, 28), np.uint16)
    assert restored.image.chunks == ((2, 2), (24,), (28,))
    assert (restored.iterations, restored.stopped_by, restored.seconds) == (0, "not computed", 0)
    assert not any(restored.history.values()) and restored.residual is None
    assert repr(restored) == "<Restoration 4 x 24 x 28 uint16, preset 'fast', lazy, 2 tasks>"
    json.dumps(restored.to_dict())


def test_each_chunk_comes_to_what_a_call_of_its_own_comes_to():
    image = waves()
    restored = dip.denoise(chunked(image, 3, 24, 28), **QUICK).image.compute()
    for part in (slice(0, 3), slice(3, 4)):
        np.testing.assert_array_equal(restored[part], dip.denoise(image[part], **QUICK).image)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_planes_that_all_begin_anew_come_to_what_the_whole_stack_comes_to(scheduler):
    image = waves()
    lazy = dip.denoise(chunked(image, 1, 24, 14), warm=False, **QUICK).image
    eager = dip.denoise(image, warm=False, **QUICK).image
    np.testing.assert_array_equal(lazy.compute(scheduler=scheduler), eager)


def test_the_planes_of_a_chunk_start_from_one_another():
    image, settings = waves(), QUICK | {"iterations": 12}  # until they resemble one another
    one_chunk = dip.denoise(chunked(image, 4, 24, 28), **settings).image.compute()
    np.testing.assert_array_equal(one_chunk, dip.denoise(image, **settings).image)
    assert (one_chunk != dip.denoise(chunked(image, 1, 24, 28), **settings).image.compute()).any()


@pytest.mark.parametrize(
    ("shape", "chunks", "axes"),
    [
        ((2, 6, 24, 28), (1, 3, 24, 28), "TZYX"),  # volumes
        ((24, 28, 3), (12, 14, 1), "YXS"),  # colours
        ((24, 28, 4), (24, 28, 2), None),  # ... and opacity
        ((24, 28, 5), (24, 28, 3), "YXC"),  # five stains, of which three are no colours
        ((2, 1, 24, 28), (1, 1, 24, 28), "CZYX"),  # a volume of one slice is a plane
    ],
)
def test_axes_mean_in_a_chunk_what_they_mean_in_the_whole(shape, chunks, axes):
    image = np.random.default_rng(0).uniform(0, 200, shape).astype("uint8")
    settings = QUICK | {"iterations": 2, "warm": False, "axes": axes}
    lazy = dip.denoise(chunked(image, *chunks), **settings)
    eager = dip.denoise(image, **settings)
    assert lazy.settings == eager.settings
    np.testing.assert_array_equal(lazy.image.compute(), eager.image)


def test_a_finer_result_has_its_shape_and_chunks_before_it_is_computed():
    volumes = waves((2, 4, 16, 20))
    lazy = dip.super_resolve(chunked(volumes, 1, 2, 16, 20), (3, 1, 2), axes="TZYX", **QUICK)
    assert lazy.image.chunks == ((1, 1), (12,), (16,), (40,))
    eager = dip.super_resolve(volumes, (3, 1, 2), axes="TZYX", warm=False, **QUICK)
    np.testing.assert_array_equal(lazy.image.compute(), eager.image)


@pytest.mark.parametrize("lazy_mask", [False, True])
@pytest.mark.parametrize("per_plane", [False, True])
def test_a_mask_goes_with_the_chunks(lazy_mask, per_plane):
    image, mask = waves(), scratch()
    if per_plane:
        mask = np.zeros(image.shape, bool)
        mask[1], mask[3] = scratch(), scratch()[::-1]
    given = da.from_array(mask, chunks=7) if lazy_mask else mask
    lazy = dip.inpaint(chunked(image, 1, 12, 28), given, warm=False, **QUICK)
    eager = dip.inpaint(image, mask, warm=False, **QUICK)
    assert lazy.settings == eager.settings and lazy.settings["damage"] == "scratches"
    filled = lazy.image.compute()
    np.testing.assert_array_equal(filled, eager.image)
    if per_plane:  # nothing is masked in these
        np.testing.assert_array_equal(filled[[0, 2]], image[[0, 2]])


def test_the_mask_of_a_plane_is_in_the_graph_once():
    mask = scratch((256, 256))
    lazy = dip.inpaint(da.zeros((50, 256, 256), chunks=(1, 256, 256), dtype="uint8"), mask, **QUICK)
    assert len(pickle.dumps(dict(lazy.image.dask))) < 5 * mask.size


def test_a_colour_image_takes_a_mask_without_colours():
    image = np.random.default_rng(0).uniform(0, 200, (24, 28, 3)).astype("uint8")
    lazy = dip.inpaint(chunked(image, 12, 28, 1), scratch(), **QUICK).image.compute()
    np.testing.assert_array_equal(lazy, dip.inpaint(image, scratch(), **QUICK).image)


def test_the_settings_make_the_same_again_and_the_same_has_the_same_name():
    image, mask = chunked(waves(), 2, 24, 28), scratch()
    again = (
        lambda **s: dip.denoise(image, **s),
        lambda **s: dip.inpaint(image, mask, **s),
        lambda **s: dip.super_resolve(image, **s),
    )
    for verb, extra in zip(again, ({}, {}, {"factor": 2}), strict=True):
        first = verb(**extra, seed=3, **QUICK)
        second = verb(**json.loads(json.dumps(first.settings)))
        assert second.settings == first.settings
        assert second.image.name == first.image.name
        assert verb(**extra, seed=4, **QUICK).image.name != first.image.name
    assert dip.inpaint(image, mask[::-1], **QUICK).image.name != dip.inpaint(image, mask, **QUICK).image.name


def test_the_device_and_the_precision_are_the_workers_to_choose():
    settings = dip.denoise(chunked(waves(), 1, 24, 28)).settings
    assert (settings["device"], settings["precision"]) == ("auto", "auto")
    # Workers may have what is not here.
    assert dip.denoise(chunked(waves(), 1, 24, 28), device="cuda:7").settings["device"] == "cuda:7"


def test_tiles_are_decided_when_the_call_is_made(monkeypatch):
    image = waves((2, 200, 220))
    lazy = chunked(image, 1, 200, 220)
    given = dip.denoise(lazy, tile=160, **QUICK)
    assert given.settings["tile"] == 160
    eager = dip.denoise(image, tile=160, warm=False, **QUICK).image
    np.testing.assert_array_equal(given.image.compute(), eager)
    whole = dip.denoise(lazy, **QUICK)
    assert whole.settings["tile"] is None
    # What is free where a task runs decides nothing.
    monkeypatch.setattr("napari_dip.job.available_memory", lambda device: 2_000_000)
    uncut = dip.denoise(image, tile=1000, warm=False, **QUICK).image
    np.testing.assert_array_equal(whole.image.compute(), uncut)
    assert dip.denoise(lazy, **QUICK).settings["tile"] < 200


def test_a_layer_of_a_dask_array_is_restored_lazily_too():
    image = waves()
    layer = Layer(chunked(image, 1, 24, 28), axis_labels=("t", "y", "x"))
    pyramid = Layer([layer.data, layer.data[:, ::2, ::2]], multiscale=True)
    for given in (layer, pyramid):
        lazy = dip.denoise(given, warm=False, **QUICK).image
        assert isinstance(lazy, da.Array)
        np.testing.assert_array_equal(lazy.compute(), dip.denoise(image, warm=False, **QUICK).image)


def test_the_result_can_be_sliced_persisted_and_stored(tmp_path):
    image = waves()
    lazy = dip.denoise(chunked(image, 1, 24, 28), **QUICK).image
    whole = lazy.compute()
    np.testing.assert_array_equal(lazy[2, 5:9].compute(), whole[2, 5:9])
    np.testing.assert_array_equal(lazy.persist().compute(), whole)
    target = np.zeros_like(whole)
    da.store(lazy, target)
    np.testing.assert_array_equal(target, whole)
    pytest.importorskip("zarr")
    lazy.to_zarr(str(tmp_path / "restored.zarr"))
    np.testing.assert_array_equal(da.from_zarr(str(tmp_path / "restored.zarr")).compute(), whole)


def test_tasks_of_one_process_take_turns(monkeypatch):
    step, alone = Fit.step, []

    def watch(self, iteration):
        alone.append(turn_of("cpu").locked() and not running)
        running.append(iteration)
        try:
            return step(self, iteration)
        finally:
            running.pop()

    running: list[int] = []
    monkeypatch.setattr(Fit, "step", watch)
    dip.denoise(chunked(waves(), 1, 24, 28), **QUICK).image.compute(scheduler="threads", num_workers=4)
    assert len(alone) == 4 * QUICK["iterations"] and all(alone)
    assert not turn_of("cpu").locked()


def test_a_chunk_of_which_nothing_is_known_stays_as_it_is():
    image = waves(dtype="float32")
    image[1] = np.nan
    with pytest.warns(UserWarning, match=r"^image\[1, :, :\]: nothing is known"):
        lazy = dip.denoise(chunked(image, 1, 24, 28), **QUICK).image.compute()
    with pytest.warns(UserWarning, match="Nothing is known of some planes"):
        eager = dip.denoise(image, warm=False, **QUICK).image
    np.testing.assert_array_equal(lazy, eager)
    with pytest.warns(UserWarning, match="nothing is known"):
        finer = dip.super_resolve(chunked(image, 1, 24, 28), 2, **QUICK).image.compute()
    assert np.isnan(finer[1]).all() and np.isfinite(finer[0]).all()


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_what_goes_wrong_in_a_task_is_told_in_a_sentence(scheduler):
    lazy = dip.denoise(chunked(waves(), 2, 24, 28), device="cuda:99").image
    with pytest.raises(ValueError, match=r"image\[2:4, :, :\]: device 'cuda:99' is not available") as caught:
        lazy[3].compute(scheduler=scheduler)
    assert "Choose one of" in pickle.loads(pickle.dumps(caught.value)).args[0]


def test_a_task_that_runs_out_of_memory_fails_rather_than_return_half_a_result(monkeypatch):
    step = Fit.step

    def fail(self, iteration):
        if iteration == 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return step(self, iteration)

    monkeypatch.setattr(Fit, "step", fail)
    with pytest.raises(MemoryError, match=r"image\[0, :, :\]: memory ran out .* smaller tiles"):
        dip.denoise(chunked(waves(), 1, 24, 28), **QUICK).image[0].compute()


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"preset": "turbo"}, ValueError, "preset 'turbo' does not exist"),
        ({"device": "tpu"}, ValueError, "device 'tpu' is not available"),
        ({"axes": "YZ"}, ValueError, "X missing"),
        ({"iterations": -5}, ValueError, "iterations must be a whole number"),
        ({"stopping": "when done"}, ValueError, "stopping 'when done' does not exist"),
        ({"noise": -1.0}, ValueError, "noise must be 'auto'"),
        ({"dtype": "complex64"}, TypeError, "dtype"),
        ({"speed": "high"}, TypeError, "speed"),
        ({"tile": 20}, ValueError, "tile must be at least"),
        ({"progress": True}, ValueError, "ProgressBar"),
        ({"callback": print}, ValueError, "ProgressBar"),
    ],
)
def test_what_needs_no_pixel_is_checked_at_once(keywords, error, message):
    with pytest.raises(error, match=message) as caught:
        dip.denoise(da.zeros((4, 200, 200), chunks=(1, 100, 200)), **keywords)
    assert "\n" not in str(caught.value)


def test_an_array_that_is_no_image_is_refused_at_once():
    with pytest.raises(TypeError, match="complex"):
        dip.denoise(da.zeros((4, 24, 28), dtype=complex))
    with pytest.raises(ValueError, match=r"shape \(0, 24, 28\)"):
        dip.denoise(da.zeros((0, 24, 28)))
    stack = da.zeros((4, 24, 28), chunks=1)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        dip.denoise(stack[stack[:, 0, 0] > 1])
    with pytest.raises(ValueError, match="mask is empty"):
        dip.inpaint(stack, np.zeros((24, 28), bool))
    with pytest.raises(ValueError, match="factor must be"):
        dip.super_resolve(stack, 0)


def test_a_mask_that_covers_a_whole_plane_leaves_it_as_it_is():
    image, mask = waves(), np.zeros((4, 24, 28), bool)
    mask[0], mask[2] = scratch(), True
    with pytest.warns(UserWarning, match=r"image\[2, :, :\]: Nothing is known"):
        filled = dip.inpaint(chunked(image, 1, 24, 28), mask, **QUICK).image.compute()
    np.testing.assert_array_equal(filled[1:], image[1:])
    assert (filled[0] != image[0]).any()


def test_the_current_scheduler_runs_it():
    image = waves()
    seen = []

    def scheduler(graph, keys, **settings):
        seen.append(len(keys))
        return dask.get(graph, keys, **settings)

    with dask.config.set(scheduler=scheduler):
        dip.denoise(chunked(image, 2, 24, 28), **QUICK).image.compute()
    assert seen


def test_neighbours_need_their_axis_in_one_chunk():
    image = da.from_array(np.random.default_rng(0).random((4, 16, 16)).astype("float32"), chunks=(1, 16, 16))
    with pytest.raises(
        ValueError, match=r"neighbours=1 needs all of the axis Q in one chunk, but the image has 4"
    ):
        dip.denoise(image, neighbours=1)
    settings = {"neighbours": 1, "iterations": 2, "device": "cpu"}
    whole = image.rechunk({0: -1})
    expected = dip.denoise(whole.compute(), **settings).image
    np.testing.assert_array_equal(dip.denoise(whole, **settings).image.compute(), expected)
