"""Restoration with a guide: better where both show the same, and nothing printed in."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_dip as dip
from napari_dip.api import plan_denoise, plan_super_resolve

SHORT = {"iterations": 4, "precision": "float32", "device": "cpu"}


def two_stains(size=48, photons=6.0):
    """Blobs that both show, and a ring that the guide alone shows."""
    rng = np.random.default_rng(0)
    blobs = gaussian_filter(rng.standard_normal((size, size)), 1.6) > 0.06
    blobs = gaussian_filter(blobs.astype(float), 0.7)
    y, x = np.indices((size, size)) - size / 2
    ring = np.exp(-(((np.hypot(y, x) - size / 4) / 1.2) ** 2))
    truth = 0.15 + 0.85 * blobs
    guide = rng.poisson(300 * (0.3 + 0.5 * blobs + 0.2 * ring))
    return rng.poisson(photons * truth).astype("uint16"), photons * truth, guide, ring


def test_a_guide_helps_and_what_it_alone_shows_is_not_printed():
    noisy, truth, guide, ring = two_stains()
    early = {"stopping": {"start": 60, "wait": 40}, "precision": "float32", "device": "cpu"}
    alone, guided = (
        dip.denoise(noisy, dtype="float32", **given, **early).image for given in ({}, {"guide": guide})
    )
    assert np.mean((guided - truth) ** 2) < 0.88 * np.mean((alone - truth) ** 2)

    def printed(image):
        return np.corrcoef((image - truth).ravel(), ring.ravel())[0, 1]

    assert abs(printed(guided)) < abs(printed(alone)) + 0.12


def test_the_settings_say_that_there_was_a_guide_and_make_the_result_again():
    noisy, _, guide, _ = two_stains(24)
    first = dip.denoise(noisy, guide=guide, **SHORT)
    settings = json.loads(json.dumps(first.settings))
    again = dip.denoise(noisy, guide=guide, **settings)
    np.testing.assert_array_equal(again.image, first.image)
    assert again.settings == first.settings
    assert "guided_by" not in dip.denoise(noisy, **SHORT).settings
    with pytest.raises(ValueError, match="of a run with a guide"):
        dip.denoise(noisy, **settings)


def test_every_verb_takes_a_guide_and_planes_take_their_own():
    rng = np.random.default_rng(0)
    stack, guide = rng.random((2, 16, 20)), rng.random((2, 16, 20))
    mask = np.eye(16, 20, dtype=bool)
    for verb, more, finer in (
        (dip.denoise, (), 1),
        (dip.inpaint, (mask,), 1),
        (dip.super_resolve, (2,), 2),
        (dip.deconvolve, (2.0,), 1),
    ):
        whole = verb(stack, *more, guide=guide, warm=False, **SHORT).image
        single = verb(stack[1], *more, guide=guide[1], warm=False, **SHORT).image
        assert whole.shape == (2, 16 * finer, 20 * finer)
        np.testing.assert_array_equal(whole[1], single)
        assert not np.array_equal(single, verb(stack[1], *more, **SHORT).image)


def test_a_guide_in_a_file_and_a_result_in_a_file(tmp_path):
    from imageio.v3 import imwrite

    noisy, _, guide, _ = two_stains(24)
    imwrite(tmp_path / "guide.png", guide.astype("uint16"))
    kept = dip.denoise(noisy, guide=guide.astype("uint16"), **SHORT)
    read = dip.denoise(noisy, guide=tmp_path / "guide.png", out=tmp_path / "result.ome.tif", **SHORT)
    np.testing.assert_array_equal(np.asarray(read.image), kept.image)


@pytest.mark.parametrize("guide", [np.full((24, 24), 7), np.full((24, 24), np.nan)])
def test_a_guide_that_says_nothing_is_refused(guide):
    with pytest.raises(ValueError, match="the guide is the same everywhere, or has no finite pixel"):
        plan_denoise(np.random.default_rng(0).random((24, 24)), guide=guide, **SHORT)


@pytest.mark.parametrize("change", [np.copy, np.negative, np.sqrt, lambda image: 3 * image + 7])
def test_an_image_that_guides_itself_is_warned_of(change):
    image = np.random.default_rng(0).random((24, 24))
    with pytest.warns(
        UserWarning, match="the guide is the image itself, or made of it, noise and all, which then passes"
    ):
        plan_denoise(image, guide=change(image), **SHORT)


def test_another_picture_of_the_same_is_not_warned_of(recwarn):
    y, x = np.mgrid[:24, :24]
    truth = 50 + 40 * np.sin(x / 3) * np.sin(y / 4)
    image, guide = np.random.default_rng(0).poisson([truth, truth])
    for other in (guide, truth, truth**2):
        plan_denoise(image, guide=other, **SHORT)
    assert not recwarn


def test_a_guide_is_not_for_lazy_results():
    import dask.array as da

    with pytest.raises(ValueError, match="a dask array is restored when it is computed"):
        dip.denoise(da.zeros((4, 16, 16)), guide=np.eye(16))


def test_layers_are_reconciled_in_world_coordinates():
    layers = pytest.importorskip("napari.layers")
    rng = np.random.default_rng(0)
    fine = gaussian_filter(rng.random((60, 60)), 2.0)
    image = layers.Image(rng.random((20, 24)), scale=(2, 2), translate=(10, 6))
    # Pixel (i, j) of the image lies at (10 + 2 i, 6 + 2 j) of the guide.
    job = plan_denoise(image, guide=layers.Image(fine))
    shown = job.guide[(slice(None),) * 2][0]
    assert np.corrcoef(shown.ravel(), fine[10:50:2, 6:54:2].ravel())[0, 1] > 0.98
    # Of a result that is twice as fine, pixel 0 lies a quarter of a pixel before the image's.
    finer = plan_super_resolve(image, 2, guide=layers.Image(fine)).guide[(slice(None),) * 2][0]
    assert finer.shape == (40, 48)
    expected = (fine[10:49, 6:53] + fine[9:48, 5:52]) / 2
    assert np.corrcoef(finer[:39, :47].ravel(), expected.ravel())[0, 1] > 0.98
    # The same grid needs no resampling.
    same = layers.Image(fine[:20, :24], scale=(2, 2), translate=(10, 6))
    assert plan_denoise(image, guide=same).guide.turn is None
    with pytest.raises(ValueError, match="doesn't meet the image layer"):
        plan_denoise(image, guide=layers.Image(fine, translate=(500, 0)))
    with pytest.raises(ValueError, match="don't lie plane on plane"):
        plan_denoise(image, guide=layers.Image(rng.random((3, 20, 24))))
