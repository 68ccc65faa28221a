"""The synthetic fluorescence image is what its docstring says, so that benchmarks can rest on it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from napari_dip.engine.operators import Downsample, Gaussian
from napari_dip.images.synthetic import (
    GAIN,
    OFFSET,
    PIXEL_SIZE,
    READ_NOISE,
    RESOLUTION,
    SLICE_FWHM,
    _slices,
    beads,
    fluorescence,
)


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
    start = time.process_time()
    fluorescence()
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize("shape", [(64,), (4, 64, 64), (0, 64)])
def test_a_shape_that_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="two positive sides"):
        fluorescence(shape)


@pytest.mark.parametrize("peak", [0.0, -1.0, float("nan"), float("inf")])
def test_a_peak_without_photons_is_refused(peak):
    with pytest.raises(ValueError, match="positive number of photons"):
        fluorescence((32, 32), peak=peak)


def _downsampled(truth, factor):
    operator = Downsample((factor, 1, 1), (Gaussian(SLICE_FWHM),))
    return operator(torch.from_numpy(truth)[None, None])[0, 0].numpy()


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_bead_stack_is_its_truth_downsampled_and_noise(factor):
    coarse, truth = beads((9, 64, 80), factor, peak=300.0, seed=2)
    assert coarse.shape == (9, 64, 80)
    assert truth.shape == (9 * factor, 64, 80)
    assert (coarse.dtype, truth.dtype) == (np.uint16, np.float32)
    assert (truth.max() - OFFSET) / GAIN == pytest.approx(300, rel=1e-4)
    mean = _downsampled(truth, factor)
    residual = (coarse - mean) / GAIN
    expected = ((mean - OFFSET) / GAIN).mean() + READ_NOISE**2
    assert abs(residual.mean()) < 0.05
    assert residual.var() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_slices_see_exactly_what_the_operator_says(factor):
    planes = torch.eye(7 * factor).reshape(1, 7 * factor, 7 * factor, 1, 1)
    expected = Downsample((factor, 1, 1), (Gaussian(SLICE_FWHM),))(planes)[0, :, :, 0, 0].T
    np.testing.assert_allclose(_slices(7, factor), expected, atol=1e-6)


def test_a_bead_of_the_truth_is_as_wide_as_stated_along_every_axis():
    _, truth = beads()
    light = truth - np.median(truth)
    centre = 4 + np.array(np.unravel_index(light[4:-4, 4:-4, 4:-4].argmax(), (56, 88, 88)))
    for step in np.eye(3, dtype=int):
        before, at, after = (light[tuple(centre + shift * step)] for shift in (-1, 0, 1))
        sigma = (np.log(at / before) + np.log(at / after)) ** -0.5  # of a Gaussian through the three
        assert np.sqrt(8 * np.log(2)) * sigma * PIXEL_SIZE == pytest.approx(RESOLUTION, rel=0.2)


def test_one_seed_gives_one_bead_stack():
    first, again, other = (beads((4, 24, 24), seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"shape": (16, 96)}, "three positive sides"),
        ({"shape": (0, 96, 96)}, "three positive sides"),
        ({"factor": 1}, "two planes or more"),
        ({"peak": 0.0}, "positive number of photons"),
    ],
)
def test_a_bead_stack_that_cannot_be_is_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        beads(**wrong)
