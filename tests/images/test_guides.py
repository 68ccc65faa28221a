"""Guides: whatever array they come as, they lie on the result's grid."""

import numpy as np
import pytest

from napari_dip.images.axes import Axes
from napari_dip.images.guides import array_guide
from napari_dip.images.intensities import HIGH, LOW

STACK = (3, 12, 16)


def guide_of(array, shape=STACK, axes=None, factors=None):
    return array_guide(array, shape, Axes.of(shape, axes), factors or (1,) * len(shape))


def numbered(shape):
    return np.arange(np.prod(shape), dtype=float).reshape(shape)


def plane(n=0):
    return (n, slice(None), slice(None))


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ((3, 12, 16), 1),
        ((12, 16), 1),
        ((2, 12, 16), 2),
        ((12, 16, 3), 3),
        ((12, 16, 4), 3),
        ((5, 3, 12, 16), 5),
    ],
)
def test_a_guide_is_of_the_whole_or_one_plane_for_all_and_may_have_channels(shape, channels):
    guide = guide_of(numbered(shape))
    assert guide.channels == channels
    assert guide[plane(1)].shape == (channels, 12, 16) and guide[plane(1)].dtype == np.float32


def test_each_plane_is_guided_by_its_own():
    whole = numbered(STACK) ** 2
    guide = guide_of(whole)
    for n in (2, 0, 1):
        shown = guide[plane(n)][0]
        expected = LOW + (HIGH - LOW) * (whole[n] - whole[n].min()) / np.ptp(whole[n])
        np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert np.array_equal(guide[(1, slice(2, 5), slice(3, 9))], guide[plane(1)][:, 2:5, 3:9])


def test_a_single_plane_guides_all():
    guide = guide_of(numbered((12, 16)))
    assert np.array_equal(guide[plane(0)], guide[plane(2)])


@pytest.mark.parametrize("shape", [(24, 32), (6, 8), (36, 16), (8, 24)])
def test_a_guide_of_another_scale_keeps_its_place(shape):
    y, x = ((np.arange(size) + 0.5) / size for size in shape)
    shown = guide_of(np.add.outer(y, x))[plane()][0]
    expected = np.add.outer((np.arange(12) + 0.5) / 12, (np.arange(16) + 0.5) / 16)
    inner = (slice(2, -2),) * 2  # at the border it ends
    slope = np.polyfit(expected[inner].ravel(), shown[inner].ravel(), 1)
    np.testing.assert_allclose(np.polyval(slope, expected[inner]), shown[inner], atol=0.005)


def test_of_a_finer_result_the_guide_may_be_as_fine():
    fine = np.random.default_rng(0).random((24, 32))
    guide = guide_of(fine, factors=(1, 2, 2))
    assert np.array_equal(guide[plane()].argmax(), fine.argmax()) and guide.shape == (24, 32)
    assert guide_of(fine[::2, ::2], factors=(1, 2, 2)).shape == (24, 32)


def test_missing_pixels_and_flat_planes_say_nothing():
    holes = np.random.default_rng(0).random((12, 16))
    holes[0] = np.nan
    shown = guide_of(holes)[plane()]
    assert np.isfinite(shown).all() and np.ptp(shown[0, 0]) == 0
    assert np.ptp(guide_of(np.full((12, 16), 7))[plane()]) == 0


def test_volumes_and_axes_in_any_order_are_turned_as_the_image_is():
    shape = (16, 4, 12)
    guide = guide_of(numbered(shape), shape, "XZY")
    shown = guide[(slice(None),) * 3]
    assert shown.shape == (1, 4, 12, 16)
    np.testing.assert_allclose(np.diff(shown[0, 0, 0]), np.diff(shown[0, 0, 0])[0], rtol=1e-3)


def test_the_fingerprint_follows_the_numbers():
    a = np.random.default_rng(0).random(STACK)
    b = a.copy()
    b[2, 3, 4] += 1e-9
    assert guide_of(a).fingerprint == guide_of(a.copy()).fingerprint != guide_of(b).fingerprint


@pytest.mark.parametrize("shape", [(13, 16), (4, 12, 15), (12,), (120, 161)])
def test_a_guide_that_does_not_fit_is_refused_in_a_sentence(shape):
    with pytest.raises(ValueError, match=r"guide has shape .* image's planes are \(12, 16\)"):
        guide_of(np.zeros(shape))
    with pytest.raises(TypeError, match="guide holds complex128"):
        guide_of(np.zeros((12, 16), complex))
