import itertools

import numpy as np
import pytest

from napari_dip.images.tiles import tiles


def test_sides_may_be_numbers_of_numpy():
    assert tiles((100, 130), np.int64(64), np.int32(16)) == tiles((100, 130), 64, 16)


CASES = [
    ((100, 130), 64, 16),
    ((64, 500), 100, 33),
    ((97, 101), (32, 101), (8, 0)),
    ((20, 75, 90), (20, 32, 48), (0, 9, 7)),
    ((31, 33, 35), 16, 5),
    ((40, 41), 13, 0),
]


def laid(shape, parts, restored, factors=None):
    """The tiles laid over one another, as a run shows them."""
    factors = factors or (1,) * len(shape)
    image = np.full([n * f for n, f in zip(shape, factors, strict=True)], np.inf)
    for number, tile in enumerate(parts):
        where, opacity = tile.fine(factors), tile.opacity(factors).astype(float)
        below = np.where(np.isinf(image[where]), 0, image[where])  # nothing laid: opacity is 1
        assert (opacity[np.isinf(image[where])] == 1).all()
        image[where] = below + opacity * (restored(where, number) - below)
    return image


@pytest.mark.parametrize(("shape", "largest", "overlap"), CASES)
def test_tiles_cover_the_shape_and_are_equal_in_size(shape, largest, overlap):
    parts = tiles(shape, largest, overlap)
    counts = np.zeros(shape, int)
    for tile in parts:
        counts[tile.where] += 1
    assert counts.min() == 1 and counts.max() <= 2 ** len(shape)
    assert len({tuple(s.stop - s.start for s in tile.where) for tile in parts}) == 1
    size = np.array([s.stop - s.start for s in parts[0].where])
    assert (size <= largest).all()
    assert [t.where for t in parts] == sorted(
        (t.where for t in parts), key=lambda w: tuple(s.start for s in w)
    )


@pytest.mark.parametrize(("shape", "largest", "overlap"), CASES)
def test_neighbours_overlap_by_at_least_what_was_asked_and_hardly_more(shape, largest, overlap):
    parts = tiles(shape, largest, overlap)
    for axis, asked in enumerate(np.broadcast_to(overlap, len(shape))):
        lines = sorted({(t.where[axis].start, t.where[axis].stop) for t in parts})
        shared = [a[1] - b[0] for a, b in itertools.pairwise(lines)]
        assert all(asked <= s <= asked + 2 for s in shared)


def test_what_fits_is_a_single_opaque_tile():
    (tile,) = tiles((64, 48), 64, 16)
    assert tile.where == (slice(0, 64), slice(0, 48))
    assert (tile.opacity() == 1).all()


@pytest.mark.parametrize(("shape", "largest", "overlap"), CASES)
def test_a_field_that_every_tile_restores_alike_comes_out_as_it_is(shape, largest, overlap):
    field = sum(np.sin(np.indices(shape)[a] / (5 + a)) for a in range(len(shape)))
    image = laid(shape, tiles(shape, largest, overlap), lambda where, _: field[where])
    np.testing.assert_allclose(image, field, atol=1e-6)


@pytest.mark.parametrize(("shape", "overlap"), [((100, 130), 16), ((300, 200), 20), ((40, 75, 50), 8)])
@pytest.mark.parametrize("factor", [1, 2])
def test_tiles_of_different_levels_leave_no_seam_even_where_four_meet(shape, overlap, factor):
    parts = tiles(shape, 4 * overlap, overlap)
    levels = np.random.default_rng(0).uniform(-1, 1, len(parts))
    image = laid(shape, parts, lambda _, number: levels[number], (factor,) * len(shape))
    steps = max(np.abs(np.diff(image, axis=axis)).max() for axis in range(len(shape)))
    assert steps <= 1.05 * np.ptp(levels) / (overlap * factor)


def test_weights_come_to_1_wherever_tiles_lie():
    total = np.zeros((40, 190))
    for tile in tiles((40, 190), 80, 20):
        total[tile.where] += tile.weight()
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_the_order_does_not_favour_later_tiles():
    left, right = tiles((8, 28), 16, 4)
    image = laid((8, 28), [left, right], lambda _, number: float(number))
    np.testing.assert_allclose(image, 1 - image[:, ::-1], atol=1e-6)


def test_factors_enlarge_place_and_opacity():
    tile = tiles((100, 130), 64, 16)[-1]
    assert tile.fine((2, 3)) == tuple(
        slice(s.start * f, s.stop * f) for s, f in zip(tile.where, (2, 3), strict=True)
    )
    coarse, fine = tile.opacity(), tile.opacity((2, 3))
    assert fine.shape == (coarse.shape[0] * 2, coarse.shape[1] * 3) and fine.dtype == np.float32
    means = fine.reshape(coarse.shape[0], 2, coarse.shape[1], 3).mean(axis=(1, 3))
    np.testing.assert_allclose(means, coarse, atol=0.01)


def test_tiles_that_would_overlap_more_than_their_neighbours_are_refused():
    with pytest.raises(ValueError, match="three times its overlap"):
        tiles((100, 100), 32, 16)
