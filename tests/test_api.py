import json
import warnings

import numpy as np
import pytest
import torch
from stand_ins import Layer

import napari_dip as dip
from napari_dip.api import plan_denoise
from napari_dip.engine.fit import Fit

QUICK = {"iterations": 6, "precision": "float32", "device": "cpu"}


def noisy(shape=(24, 28), dtype="uint16", low=100, high=900):
    return np.random.default_rng(0).uniform(low, high, shape).astype(dtype)


def psnr(image, truth):
    return 10 * np.log10(255**2 / np.mean((image.astype(float) - truth) ** 2))


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "float16", "float32", "float64", ">u2", ">f4"]
)
def test_dtype_and_shape_survive(dtype):
    image = noisy(dtype=dtype, low=0, high=200)
    result = dip.denoise(image, **QUICK).image
    assert result.shape == image.shape
    assert result.dtype == np.dtype(dtype).newbyteorder("=")


def test_denoise_gains_at_least_6_dB_on_camera_at_sigma_25():
    from skimage import data

    truth = data.camera()[104:184, 168:248]
    image = truth + np.random.default_rng(0).normal(0, 25, truth.shape)
    result = dip.denoise(image, precision="float32", device="cpu")
    assert result.stopped_by == "stopping rule"
    assert psnr(result.image, truth) - psnr(image, truth) > 6


def test_the_input_is_never_changed_and_may_be_read_only():
    image = noisy()
    before = image.copy()
    image.flags.writeable = False
    dip.denoise(image, **QUICK)
    np.testing.assert_array_equal(image, before)


def test_missing_pixels_are_filled_and_what_lies_under_them_does_not_matter():
    image = noisy(dtype="float32")
    results = []
    for missing in (np.nan, np.inf, -np.inf):
        damaged = image.copy()
        damaged[4:8, 5:9] = missing
        results.append(dip.denoise(damaged, **QUICK).image)
    assert np.isfinite(results[0]).all()
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_a_constant_image_comes_back_as_it_is():
    image = np.full((20, 20), 7, "uint8")
    result = dip.denoise(image, **QUICK)
    np.testing.assert_array_equal(result.image, image)
    assert result.iterations == 0
    holed = image.astype(float)
    holed[3, 3] = np.nan
    np.testing.assert_array_equal(dip.denoise(holed, **QUICK).image, image)


def test_bright_specks_in_a_dark_field_survive_and_do_not_hide_its_noise():
    truth = np.full((56, 56), 100.0)
    for row, column in ((8, 40), (30, 10), (31, 44)):
        truth[row : row + 3, column : column + 3] = 5000
    image = truth + np.random.default_rng(0).normal(0, 3, truth.shape)
    result = dip.denoise(image, precision="float32", device="cpu")
    assert result.stopped_by == "stopping rule"
    assert result.iterations <= 300
    assert (result.image[truth > 100] > 4980).all()
    assert np.sqrt(((result.image - truth) ** 2).mean()) < 1.1


def test_colours_are_restored_together_and_opacity_is_left_alone():
    image = noisy((20, 24, 4), "uint8", 0, 255)
    result = dip.denoise(image, **QUICK)
    assert result.iterations == QUICK["iterations"]
    np.testing.assert_array_equal(result.image[..., 3], image[..., 3])
    assert (result.image[..., :3] != image[..., :3]).any()


def test_a_stack_is_restored_plane_by_plane_and_a_named_z_as_a_volume():
    image = noisy((3, 20, 24))
    planes = dip.denoise(image, **QUICK)
    assert planes.iterations == 3 * QUICK["iterations"]
    assert planes.history["run"] == [run for run in range(3) for _ in range(QUICK["iterations"])]
    alone = dip.denoise(image[1], **QUICK).image
    np.testing.assert_array_equal(planes.image[1], alone)
    assert dip.denoise(image, axes="ZYX", **QUICK).iterations == QUICK["iterations"]


def test_planes_of_a_stack_start_from_their_neighbour_unless_told_otherwise():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    scenes = np.stack([np.sin(x / 4), np.sin(y / 3 + x / 9)])  # two channels
    stack = scenes + rng.normal(0, 0.1, (3, 2, 32, 32))
    stack[1, 1] = rng.normal(0, 0.1, (32, 32))  # an empty plane
    warm = {}
    for asked in (True, False):
        result = dip.denoise(stack, axes="TCYX", iterations=12, warm=asked, finish=0)
        runs = dict(zip(result.history["run"], result.history["warm"], strict=True))
        warm[asked] = list(runs.values())
        assert result.settings["warm"] is asked
    assert warm == {True: [False, False, True, False, True, False], False: [False] * 6}


def test_tiles_of_a_stack_start_from_the_same_tile_of_the_plane_before():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:100, :160]
    stack = np.sin(x / 9) * np.cos(y / 7) + rng.normal(0, 0.1, (2, 100, 160))
    result = dip.denoise(stack, tile=144, iterations=10)
    runs = dict(zip(result.history["run"], result.history["warm"], strict=True))
    assert list(runs.values()) == [False, False, True, True]


def test_work_goes_to_the_plane_that_is_looked_at_and_on_to_its_neighbours():
    stack = np.random.default_rng(0).random((2, 4, 24, 24))
    job = plan_denoise(stack, axes="TQYX", iterations=3)
    order, progress = [], []
    for step in job:
        order.append(step.run)
        progress.append(step.progress)
        if step.done == 1 and step.iterate.iteration == 1:
            job.look_at((1, 2, 11.5, 0))
    assert list(dict.fromkeys(order)) == [0, 1, 6, 2, 5, 7, 3, 4]
    assert progress == sorted(progress) and progress[-1] == 1
    assert (job.result().image != stack).all(axis=(2, 3)).all()


def test_another_dtype_can_be_asked_for():
    assert dip.denoise(noisy(), dtype="float32", **QUICK).image.dtype == np.float32


def test_a_callback_sees_every_iteration_and_can_stop_the_run():
    seen = []

    def watch(step):
        seen.append((step.iterate.iteration, step.progress, step.seconds_left))
        return step.iterate.iteration == 4

    result = dip.denoise(noisy(), callback=watch, **QUICK)
    assert [n for n, _, _ in seen] == [1, 2, 3, 4]
    assert all(0 < progress <= 1 and left >= 0 for _, progress, left in seen)
    assert result.stopped_by == "user"
    assert result.iterations == 4


def test_ctrl_c_returns_the_best_so_far():
    def interrupt(step):
        if step.iterate.iteration == 3:
            raise KeyboardInterrupt

    result = dip.denoise(noisy(), callback=interrupt, **QUICK)
    assert result.stopped_by == "user"
    assert result.iterations == 3


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_in_the_middle_keeps_the_best_so_far(monkeypatch, error):
    step = Fit.step

    def fail(self, iteration):
        if iteration == 4:
            raise error
        return step(self, iteration)

    monkeypatch.setattr(Fit, "step", fail)
    with pytest.warns(UserWarning, match="cpu ran out of memory.*The best estimate so far was kept"):
        result = dip.denoise(noisy(), **QUICK)
    assert result.stopped_by == "out of memory"
    assert result.iterations == 3


def test_out_of_memory_at_once_is_a_memory_error(monkeypatch):
    def fail(self, iteration):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Fit, "step", fail)
    with pytest.raises(MemoryError, match="choose the preset 'fast'"):
        dip.denoise(noisy(), **QUICK)


def test_history_and_settings_are_plain_json_of_the_runs_length():
    result = dip.denoise(noisy(), **QUICK)
    record = json.loads(json.dumps(result.to_dict()))
    assert record["stopped_by"] == "iteration limit"
    assert {len(column) for column in record["history"].values()} == {QUICK["iterations"]}
    assert "fast" in repr(result)


def test_a_stack_tells_of_a_limit_that_one_of_its_planes_reached():
    y, x = np.mgrid[:32, :32]
    truth = 200 + 80 * np.sin(x / 5) * np.cos(y / 6)
    stack = np.stack([truth, truth]) + np.random.default_rng(0).normal(0, 20, (2, 32, 32))
    result = dip.denoise(stack, axes="TYX", iterations=70)
    ends = dict(zip(result.history["run"], result.history["iteration"], strict=True))
    assert ends[0] == 70 > ends[1]  # the second, which starts from the first, ended by itself
    assert result.stopped_by == "iteration limit"


def test_how_an_image_lies_in_memory_does_not_matter():
    image = noisy()
    results = [dip.denoise(one, **QUICK).image for one in (image, np.asfortranarray(image))]
    np.testing.assert_array_equal(*results)


def test_the_progress_bar_ends_full(capsys):
    dip.denoise(noisy(), progress=True, **QUICK)
    assert "100%" in capsys.readouterr().err


def test_a_layer_brings_its_axes_and_its_pyramids_finest_level():
    image = noisy((4, 20, 24))
    layer = Layer(image, axis_labels=("z", "y", "x"), rgb=False)
    assert dip.denoise(layer, **QUICK).settings["axes"] == "ZYX"
    unlabelled = Layer(image, axis_labels=("axis -3", "axis -2", "axis -1"))
    assert dip.denoise(unlabelled, **QUICK).settings["axes"] == "QYX"
    pyramid = Layer([image[0], image[0, ::2, ::2]], multiscale=True)
    assert dip.denoise(pyramid, **QUICK).image.shape == (20, 24)


@pytest.mark.parametrize(
    ("image", "keywords", "error", "message"),
    [
        (np.zeros((0, 5)), {}, ValueError, "shape"),
        (np.zeros((1, 1)), {}, ValueError, "one pixel"),
        (np.zeros((8, 8), complex), {}, TypeError, "complex"),
        (np.array([["a", "b"], ["c", "d"]]), {}, TypeError, "real number"),
        (np.full((8, 8), np.nan), {}, ValueError, "finite"),
        (np.zeros(8), {}, ValueError, "axes"),
        (None, {"device": "tpu"}, ValueError, "device 'tpu' is not available"),
        (None, {"preset": "turbo"}, ValueError, "preset 'turbo' does not exist"),
        (None, {"axes": "YZ"}, ValueError, "X missing"),
        (None, {"iterations": -5}, ValueError, "iterations must be a whole number of at least 1"),
        (None, {"noise": "loud"}, ValueError, "noise must be 'auto'"),
        (None, {"noise": -1.0}, ValueError, "noise must be 'auto'"),
        (None, {"stopping": "when done"}, ValueError, "stopping 'when done' does not exist"),
        (None, {"dtype": "complex64"}, TypeError, "dtype"),
        (None, {"speed": "high"}, TypeError, "speed"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(image, keywords, error, message):
    with pytest.raises(error, match=message) as caught:
        dip.denoise(noisy() if image is None else image, **keywords)
    assert "\n" not in str(caught.value)


def test_noise_given_by_hand_is_taken_as_it_is():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_number = dip.denoise(noisy(), noise=np.float32(50), **QUICK)
        by_dict = dip.denoise(noisy(), noise=by_number.settings["noise"], **QUICK)
    assert by_number.settings["noise"]["read_noise"] == 50.0
    np.testing.assert_array_equal(by_number.image, by_dict.image)


def test_noise_of_an_image_in_other_units_is_told():
    with pytest.warns(
        UserWarning, match=r"noise that was given has a standard deviation of 50, but the image"
    ):
        dip.denoise(noisy() / 1000, noise=50, **QUICK)


def test_what_is_masked_is_missing():
    image = np.random.default_rng(0).normal(100, 10, (24, 24)).astype("float32")
    hot = image.copy()
    hot[5, 5] = 1e4
    masked = np.ma.masked_greater(hot, 1000)
    restored = dip.denoise(masked, iterations=5, device="cpu", precision="float32").image
    assert abs(restored[5, 5] - 100) < 60
    with pytest.raises(ValueError, match=r"masked array of uint16 values.*astype\('float32'\)"):
        dip.denoise(masked.astype("uint16"))
    np.testing.assert_array_equal(
        dip.denoise(np.ma.array(image), iterations=2).image, dip.denoise(image, iterations=2).image
    )


def test_what_is_masked_in_what_goes_with_the_image_is_missing_too():
    image, other = np.random.default_rng(0).normal(100, 10, (2, 24, 24)).astype("float32")
    hot = other.copy()
    hot[5:9, 5:9] = 1e4
    masked, missing = np.ma.masked_greater(hot, 1000), np.where(hot > 1000, np.nan, hot)
    for what in ("guide", "repeat"):
        images = [dip.denoise(image, **{what: one}, **QUICK).image for one in (masked, missing)]
        np.testing.assert_array_equal(*images)
    with pytest.raises(ValueError, match=r"the mask is a masked array of int64.*mask\.filled\(0\)"):
        dip.inpaint(image, np.ma.masked_equal(np.eye(24, dtype="int64"), 1), **QUICK)


def test_tensors_are_arrays_and_slopes_may_be_switched_off():
    image = noisy()
    expected = dip.denoise(image.astype("float32"), **QUICK).image
    tensor = torch.from_numpy(image.astype("float32"))
    for switched_off in (torch.no_grad, torch.inference_mode):
        with switched_off():
            np.testing.assert_array_equal(dip.denoise(tensor, **QUICK).image, expected)
    by_tensor = dip.denoise(image, guide=tensor, **QUICK).image
    np.testing.assert_array_equal(by_tensor, dip.denoise(image, guide=tensor.numpy(), **QUICK).image)


@pytest.mark.parametrize("what", ["guide", "repeat"])
def test_rows_of_different_lengths_are_no_image(what):
    with pytest.raises(ValueError, match=f"{what} must have rows of one length"):
        dip.denoise(noisy(), **{what: [[1], [1, 2]]})


def test_a_keyword_that_is_not_known_is_told_with_the_one_that_is_meant():
    with pytest.raises(TypeError, match=r"'nois' is not known.*Is 'noise' meant\?"):
        plan_denoise(np.eye(16), nois=3)
    with pytest.raises(TypeError, match=r"'iterations_' is not known.*Is 'iterations' meant\?"):
        dip.inpaint(np.eye(16), np.eye(16, dtype=bool), iterations_=3)
