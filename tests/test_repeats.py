"""Two captures of a field, restored together."""

import json
import warnings

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_dip as dip
from napari_dip.api import plan_denoise

SHORT = {"iterations": 2, "precision": "float32", "device": "cpu"}


def captures(size=32, sigma=10.0, shared=0.0, seed=0):
    """Two captures of blobs, and the blobs."""
    rng = np.random.default_rng(seed)
    truth = 100 + 60 * (gaussian_filter(rng.normal(size=(size, size)), 3) > 0.02)
    noise = [gaussian_filter(rng.normal(size=truth.shape), shared) for _ in range(2)]
    return *(truth + sigma * one / one.std() for one in noise), truth


def test_an_image_is_no_repeat_of_itself():
    image = np.random.default_rng(0).poisson(20, (3, 16, 16)).astype("uint16")
    for repeat in (image, image.copy(), da.from_array(image)):
        with pytest.raises(ValueError, match="repeat is the image itself"):
            plan_denoise(image, repeat=repeat)
    other = image.copy()
    other[0, 3, 4] += 1
    plan_denoise(image, repeat=other)
    plan_denoise(np.zeros((16, 16)), repeat=np.zeros((16, 16)))


def test_the_mean_of_both_is_restored_with_the_noise_that_they_differ_by():
    first, second, _ = captures(40)
    restored = dip.denoise(first, repeat=second, **SHORT)
    assert restored.noise == pytest.approx(10 / np.sqrt(2), rel=0.12)
    np.testing.assert_allclose(restored.adjusted(1).image, (first + second) / 2, rtol=1e-5)
    assert restored.image.dtype == first.dtype
    counts = dip.denoise(first.astype("uint16"), repeat=second.astype("uint16"), **SHORT)
    assert counts.image.dtype == np.uint16


def test_how_far_neighbours_share_noise_is_measured_in_what_both_differ_by():
    first, second, _ = captures(64, shared=0.7)
    job = plan_denoise(first, repeat=second, **SHORT)
    problem = next(iter(job)).iterate._fit.problem
    assert problem.noise.guard > 0
    assert [along[0] for along in problem.noise.correlation] == pytest.approx([0.6, 0.6], abs=0.05)


def test_the_settings_say_that_there_was_a_repeat_and_make_the_result_again():
    first, second, _ = captures()
    restored = dip.denoise(first, repeat=second, **SHORT)
    settings = json.loads(json.dumps(restored.settings))
    again = dip.denoise(first, repeat=second, **settings)
    np.testing.assert_array_equal(again.image, restored.image)
    assert again.settings == restored.settings
    with pytest.raises(ValueError, match="of a run with a repeat"):
        dip.denoise(first, **settings)
    assert "repeat=repeat" in restored.as_python()
    other = dip.denoise(first, repeat=second + 1, **SHORT)
    assert other.settings["repeated"] != settings["repeated"]


def test_stacks_colours_neighbours_files_and_tiles(tmp_path):
    first, second, _ = captures(24)
    stack, others = np.stack([first, first[::-1]]), np.stack([second, second[::-1]])
    planes = dip.denoise(stack, repeat=others, warm=False, **SHORT)
    alone = dip.denoise(stack[1], repeat=others[1], **SHORT)
    np.testing.assert_array_equal(planes.image[1], alone.image)
    assert dip.denoise(stack, repeat=others, neighbours=1, **SHORT).image.shape == stack.shape
    written = dip.denoise(stack, repeat=others, warm=False, out=tmp_path / "both.ome.zarr", **SHORT)
    np.testing.assert_allclose(np.asarray(written.image), planes.image)
    colours = [np.stack([one, one + 9, one], -1).astype("uint8") for one in (first, second)]
    assert dip.denoise(colours[0], repeat=colours[1], **SHORT).image.shape == colours[0].shape
    wide = [np.tile(one, (1, 7)) for one in (first, second)]
    tiled = dip.denoise(wide[0], repeat=wide[1], tile=144, iterations=1).adjusted(1).image
    np.testing.assert_allclose(tiled, (wide[0] + wide[1]) / 2, rtol=1e-5)


def test_captures_that_lie_apart_are_told_in_a_sentence():
    first, second, _ = captures(64, sigma=3.0)
    with pytest.warns(UserWarning, match=r"does not lie on the image.* move it by .* in Y and .* in X"):
        dip.denoise(first, repeat=np.roll(second, 3, axis=0), **SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        dip.denoise(first, repeat=second, **SHORT)


def test_what_can_t_be_a_repeat_is_refused():
    first, second, _ = captures()
    with pytest.raises(ValueError, match="another capture of the same field, of the same shape"):
        dip.denoise(first, repeat=second[:-1])
    with pytest.raises(ValueError, match="repeat is for images that are restored at once"):
        dip.denoise(da.from_array(first), repeat=second)
    with pytest.raises(TypeError, match="repeat"):
        dip.inpaint(first, first > 150, repeat=second)
