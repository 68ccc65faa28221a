"""Two captures of a field: what they have in common, and what they differ by."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_dip.images.noise import estimate_noise, noise_of
from napari_dip.images.repeats import Drift, Repeated, shift_between


def textured(size=96, seed=0):
    """A field that is full of detail: nothing in it is flat."""
    rng = np.random.default_rng(seed)
    return 200 + 40 * np.clip(gaussian_filter(rng.normal(size=(size, size)), 0.8) / 0.35, -3, 3)


def test_what_few_pixels_share_is_chance():
    rng = np.random.default_rng(0)
    for shape in ((5, 5), (1, 2), (8, 8)):
        found = noise_of([(np.full(shape, 100.0), rng.normal(0, 3, shape))])
        assert not found.correlated or shape == (8, 8)
        assert all(value == 0 for axis in found.correlation for value in axis)


def test_two_captures_tell_the_noise_of_a_field_without_a_flat_place():
    rng, light = np.random.default_rng(1), textured()
    first, second = (3.0 * rng.poisson(light / 3) + rng.normal(0, 5, light.shape) for _ in range(2))
    mean, apart = (first + second) / 2, (first - second) / 2
    found = noise_of([(mean, apart)])
    true = (3 * 200 + 25) / 2
    assert found.variance(200) == pytest.approx(true, rel=0.06)
    assert found.gain == pytest.approx(1.5, rel=0.35)
    assert not found.correlated
    # From one image alone, structure passes for noise.
    assert abs(estimate_noise(mean).variance(200) / true - 1) > 3 * abs(found.variance(200) / true - 1)


def test_a_field_of_which_nothing_is_known_says_nothing_of_the_noise():
    light, alone = textured(32), np.random.default_rng(1).normal(0, 5, (32, 32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = noise_of([(light, alone), (light, np.full((32, 32), np.nan))])
    assert found == noise_of([(light, alone)])


def test_noise_that_neighbours_share_is_measured_as_it_is():
    rng = np.random.default_rng(2)
    alone = gaussian_filter(rng.normal(size=(96, 96)), (0.0, 0.7))
    alone /= alone.std()
    down, along = noise_of([(textured(), 7 * alone)]).correlation
    assert np.abs(down).max() < 0.05
    expected = [(alone[:, lag:] * alone[:, :-lag]).mean() for lag in (1, 2)]
    np.testing.assert_allclose(along[:2], expected, atol=0.03)
    assert along[0] > 0.5


def test_what_moves_between_captures_hardly_counts():
    rng, light = np.random.default_rng(3), np.full((96, 96), 100.0)
    apart = rng.normal(0, 2, light.shape)
    apart[40:48, 40:48] += 80
    assert noise_of([(light, apart)]).variance(100) == pytest.approx(4, rel=0.1)


def test_bleaching_between_captures_is_no_noise():
    light = textured()
    first, second = light, 0.8 * light + 12
    mean, apart = (first + second) / 2, (first - second) / 2
    drift = Drift.between(mean, apart)
    assert np.abs(drift.taken_from(mean, apart)).max() < 1e-6 * light.max()
    apart[3, 4] = np.nan
    assert drift.taken_from(mean, apart)[3, 4] == 0


@pytest.mark.parametrize("moved", [(0.0, 2.0), (-1.0, 0.5)])
def test_captures_that_do_not_lie_on_one_another_are_noticed(moved):
    rng, light = np.random.default_rng(4), gaussian_filter(textured(64), 1.5)
    first, second = (one + rng.normal(0, 2, light.shape) for one in (light, shift(light, moved, mode="wrap")))
    np.testing.assert_allclose(shift_between(first, second), -np.array(moved), atol=0.3)
    assert shift_between(first, light + rng.normal(0, 2, light.shape)) is None
    first[5, 7], second[9, 9] = np.inf, np.nan
    np.testing.assert_allclose(shift_between(first, second), -np.array(moved), atol=0.3)
    nothing = [rng.normal(size=(64, 64)) for _ in range(2)]
    assert shift_between(*nothing) is None  # there is nothing to tell it by


def test_where_nothing_tells_how_they_lie_they_lie_on_one_another():
    light = 20 + 10 * np.sin(np.arange(32) / 4) * np.ones((32, 1))
    for seed in range(8):
        first, second = np.random.default_rng(seed).poisson([light, light])
        assert shift_between(first, second) is None
    assert shift_between(np.full((32, 32), 5.0), np.full((32, 32), 6.0)) is None


def test_the_mean_is_read_part_by_part_and_misses_nothing_that_one_of_them_has():
    first, second = np.arange(24.0).reshape(2, 3, 4), np.arange(24.0).reshape(2, 3, 4) + 2
    first[0, 0, 0], second[0, 0, 1], first[1, 2, 3] = np.nan, np.inf, np.nan
    second[1, 2, 3] = np.nan
    both = Repeated(first, second)
    assert both[0][0].tolist() == [2, 1, 3, 4]
    assert np.isnan(both[1, 2, 3])
    assert both.apart(0)[0, 2] == -1 and np.isnan(both.apart(0)[0, :2]).all()
    exact = Repeated(np.full((1, 2), 65535, "uint16"), np.full((1, 2), 65534, "uint16"))
    assert exact.dtype == np.float32 and exact[0, 0] == 65534.5
    assert Repeated(np.zeros((1, 2), "int32"), np.zeros((1, 2), "int32")).dtype == np.float64


def test_what_can_be_no_repeat_is_refused():
    with pytest.raises(ValueError, match=r"the repeat has shape \(4, 3\), but the image has \(3, 4\)"):
        Repeated(np.zeros((3, 4)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="no pixel of the repeat is a finite number"):
        Repeated(np.zeros((3, 4)), np.full((3, 4), np.nan))
    with pytest.raises(TypeError, match="complex"):
        Repeated(np.zeros((3, 4)), np.zeros((3, 4), complex))
