"""How smooth a result is to be, chosen afterwards: between what is left of it and the image as it was."""

from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest

import napari_dip as dip
import napari_dip.job

SHORT = {"iterations": 30, "seed": 1}
CHOICES = (-1.0, -0.7, -0.3, 0.0, 0.2, 0.5, 1.0)


@pytest.fixture(scope="module")
def noisy():
    y, x = np.mgrid[:48, :40]
    clean = 500 + 150 * (np.hypot(y - 24, x - 20) < 12) + 60 * np.sin(x / 3)
    return np.random.default_rng(0).normal(clean, 40).astype("uint16")


@pytest.fixture(scope="module")
def restored(noisy):
    return dip.denoise(noisy, **SHORT)


def roughness(picture):
    """Mean absolute difference between neighbouring pixels."""
    return sum(np.abs(np.diff(picture.astype(float), axis=axis)).mean() for axis in (0, 1))


def test_pictures_go_from_smooth_to_the_image_as_it_was(noisy, restored):
    pictures = [restored.adjusted(detail).image for detail in CHOICES]
    rough = [roughness(picture) for picture in pictures]
    assert rough == sorted(rough)
    assert rough[0] < 0.8 * rough[3] < 0.5 * rough[-1]
    np.testing.assert_array_equal(pictures[3], restored.image)
    np.testing.assert_array_equal(pictures[-1], noisy)
    assert all(picture.dtype == noisy.dtype for picture in pictures)


@pytest.mark.parametrize(
    "offset", [np.int64(2**60), np.uint64(2**63), np.float32(0.1), np.float16(0.1), np.float64(0.1)]
)
def test_the_image_comes_back_to_the_last_bit(offset):
    noisy = np.random.default_rng(0).integers(0, 50, (24, 24)).astype(offset.dtype)
    noisy += offset
    back = dip.denoise(noisy, iterations=2, device="cpu").adjusted(1).image
    assert back.dtype == noisy.dtype
    np.testing.assert_array_equal(back, noisy)


def test_smoother_is_no_blur_and_keeps_the_brightness(noisy, restored):
    smooth = restored.adjusted(-1).image.astype(float)
    assert abs(smooth.mean() - noisy.mean()) < 3
    inside, outside = smooth[20:28, 16:24].mean(), smooth[:4, :].mean()
    assert inside - outside > 100  # the disk is still there


def test_what_was_removed_is_the_image_less_the_result(noisy, restored):
    removed = restored.removed
    assert removed.dtype == np.float32
    np.testing.assert_array_equal(removed, noisy.astype("f4") - restored.image)
    assert removed.min() < 0 < removed.max()
    np.testing.assert_array_equal(restored.adjusted(1).removed, 0)
    smoother = restored.adjusted(-0.5)
    np.testing.assert_array_equal(smoother.removed, noisy.astype("f4") - smoother.image)


def test_structure_shows_where_detail_went_with_the_noise(restored):
    structure = [restored.adjusted(detail).structure for detail in (-1, -0.5, 0, 0.5)]
    assert structure[0] > structure[1] > structure[2] == structure[3]
    assert abs(structure[2]) < 0.2


@pytest.mark.parametrize("detail", [-0.6, 0.3])
def test_the_settings_make_the_adjusted_result_again(noisy, restored, detail):
    adjusted = restored.adjusted(detail)
    settings = json.loads(json.dumps(adjusted.settings))
    assert settings["detail"] == detail
    again = dip.denoise(noisy, **settings)
    np.testing.assert_array_equal(again.image, adjusted.image)
    assert again.residual == pytest.approx(adjusted.residual)
    assert again.settings == adjusted.settings
    np.testing.assert_array_equal(again.adjusted(0).image, restored.image)
    assert again.adjusted(0).residual == pytest.approx(restored.residual)
    assert "detail" not in again.adjusted(0).settings


def test_the_residual_is_told_of_the_picture_that_is_there(noisy, restored):
    for detail in CHOICES:
        adjusted = restored.adjusted(detail)
        measured = np.sqrt(np.mean((noisy.astype(float) - adjusted.image) ** 2))
        assert adjusted.residual == pytest.approx(measured, abs=0.6)  # pixels are whole numbers


def test_all_planes_of_a_stack_are_adjusted(noisy):
    stack = np.stack([noisy, noisy[::-1]])[:, :24, :24].astype("float32")
    restored = dip.denoise(stack, iterations=3)
    assert np.ptp(restored.adjusted(1).image - stack) < 1e-3
    smooth = restored.adjusted(-1)
    assert all(roughness(a) < roughness(b) for a, b in zip(smooth.image, restored.image, strict=True))
    np.testing.assert_array_equal(dip.denoise(stack, **smooth.settings).image, smooth.image)
    lazy = dip.denoise(da.from_array(stack, chunks=(1, 24, 24)), iterations=3, warm=False, detail=0.5)
    assert lazy.settings["detail"] == 0.5
    alone = dip.denoise(stack[1], iterations=3, detail=0.5).image
    np.testing.assert_allclose(lazy.image[1].compute(), alone, rtol=1e-5)


def test_colours_volumes_tiles_and_missing_pixels_are_adjusted(noisy):
    colours = np.stack([noisy, noisy[::-1], noisy], axis=-1) / 4
    colours = colours.astype("uint8")
    np.testing.assert_array_equal(dip.denoise(colours, iterations=2, detail=1).image, colours)
    volume = np.stack([noisy[:16, :16]] * 4)
    restored = dip.denoise(volume, iterations=2, axes="ZYX")
    assert restored.adjusted(-1).image.shape == volume.shape
    wide = np.concatenate([noisy] * 4, axis=1).astype("float64")
    wide[3, 5] = np.nan
    tiled = dip.denoise(wide, iterations=2, tile=150)
    picture = tiled.adjusted(1).image
    assert picture[3, 5] == tiled.image[3, 5]
    assert np.isfinite(tiled.adjusted(-1).image).all()
    wide[3, 5] = picture[3, 5] = 0
    np.testing.assert_allclose(picture, wide, rtol=1e-6)


def test_a_run_that_is_stopped_has_the_detail_that_was_asked_for(noisy):
    plain = dip.denoise(noisy, callback=lambda step: step.iterate.iteration == 12)
    stopped = dip.denoise(noisy, detail=0.4, callback=lambda step: step.iterate.iteration == 12)
    assert stopped.stopped_by == "user"
    np.testing.assert_array_equal(stopped.image, plain.adjusted(0.4).image)


def test_a_file_is_written_with_the_detail_that_was_asked_for(noisy, tmp_path):
    stack = np.stack([noisy, noisy])[:, :24, :24]
    written = dip.denoise(stack, iterations=2, detail=-0.5, out=tmp_path / "r.ome.tif")
    np.testing.assert_array_equal(
        np.asarray(written.image), dip.denoise(stack, iterations=2, detail=-0.5).image
    )
    with pytest.raises(ValueError, match="in memory"):
        written.adjusted(0.5)


def test_pictures_that_would_take_too_much_memory_are_not_kept(noisy, monkeypatch):
    monkeypatch.setattr(napari_dip.job, "MOST_BYTES", 1000)
    restored = dip.denoise(noisy, iterations=2)
    with pytest.raises(ValueError, match="Pass detail="):
        restored.adjusted(0.5)


@pytest.mark.parametrize("detail", [1.5, -2, "more", True, float("nan")])
def test_what_is_no_choice_of_detail_is_refused(noisy, restored, detail):
    with pytest.raises(ValueError, match="detail must be a number from -1"):
        dip.denoise(noisy, detail=detail)
    with pytest.raises(ValueError, match="detail must be a number from -1"):
        restored.adjusted(detail)


def test_detail_is_for_denoising_alone(noisy):
    with pytest.raises(ValueError, match="super-resolve"):
        dip.super_resolve(noisy, 2, detail=0.5)
    finer = dip.super_resolve(noisy[:16, :16], 2, iterations=2)
    with pytest.raises(ValueError, match="denoised"):
        finer.adjusted(0.5)
