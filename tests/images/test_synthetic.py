"""The synthetic fluorescence image is what its docstring says, so that benchmarks can rest on it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_dip.images.synthetic import GAIN, OFFSET, READ_NOISE, fluorescence


def test_dtypes_and_shape():
    noisy, truth = fluorescence((64, 100))
    assert noisy.shape == truth.shape == (64, 100)
    assert noisy.dtype == np.uint16
    assert truth.dtype == np.float32


@pytest.mark.parametrize("peak", [2.0, 30.0, 500.0])
def test_peak_is_the_photons_at_the_brightest_point(peak):
    _, truth = fluorescence((128, 128), peak=peak)
    assert (truth.max() - OFFSET) / GAIN == pytest.approx(peak, rel=1e-4)
    assert truth.min() > OFFSET


def test_the_noise_is_poisson_and_gaussian_with_the_stated_parameters():
    noisy, truth = fluorescence((1024, 1024), peak=60.0, seed=3)
    photons = (truth - OFFSET) / GAIN
    residual = (noisy.astype(float) - truth) / GAIN
    # Of about 100 000 pixels a bin: the variance is known to 1%, the mean to 0.02 photons.
    for low, high in [(1, 4), (4, 10), (10, 20), (20, 30)]:
        inside = (photons >= low) & (photons < high)
        assert abs(residual[inside].mean()) < 0.05
        expected = photons[inside].mean() + READ_NOISE**2 + 1 / (12 * GAIN**2)  # the last: rounding
        assert residual[inside].var() == pytest.approx(expected, rel=0.03)


def test_the_noise_is_white():
    noisy, truth = fluorescence((512, 512))
    r = noisy - truth
    r = r - r.mean()
    for shifted, kept in [(r[:, 1:], r[:, :-1]), (r[1:], r[:-1])]:
        assert abs((shifted * kept).mean() / r.var()) < 0.01


def test_a_seed_gives_one_scene_at_every_photon_level():
    first, dim = fluorescence((96, 96), peak=5.0, seed=1)
    again, _ = fluorescence((96, 96), peak=5.0, seed=1)
    _, bright = fluorescence((96, 96), peak=50.0, seed=1)
    other, _ = fluorescence((96, 96), peak=5.0, seed=2)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose((bright - OFFSET) / 10, dim - OFFSET, rtol=1e-4)
    assert (first != other).any()


def test_it_takes_less_than_a_second():
    start = time.perf_counter()
    fluorescence()
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("shape", [(64,), (4, 64, 64), (0, 64)])
def test_a_shape_that_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="two positive sides"):
        fluorescence(shape)


@pytest.mark.parametrize("peak", [0.0, -1.0, float("nan"), float("inf")])
def test_a_peak_without_photons_is_refused(peak):
    with pytest.raises(ValueError, match="positive number of photons"):
        fluorescence((32, 32), peak=peak)
