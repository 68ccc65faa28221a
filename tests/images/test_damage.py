import time

import numpy as np
import pytest
from skimage.draw import line

from napari_dip.images.damage import KINDS, damage_of

SHAPE = (256, 256)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rows(*missing, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[list(missing)] = True
    return mask


LETTERS = """
#####.####.#...#.####
..#...#.....#.#..#..#
..#...###....#...####
..#...#.....#.#..#...
..#...####.#...#.#...
"""


def text(stroke):
    """Printed text with strokes of so many pixels."""
    letters = np.array([[c == "#" for c in row] for row in LETTERS.split()])
    return np.pad(np.kron(letters, np.ones((stroke, stroke), bool)), 3 * stroke)


# The kind of damage


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.1, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("shape", [(64, 64), (512, 512), (24, 64, 64)])
def test_missing_single_pixels_are_scattered_however_many_they_are(share, shape, rng):
    assert damage_of(rng.random(shape) < share).kind == "scattered"


@pytest.mark.parametrize("stroke", [3, 4, 6])
def test_text_is_scratches(stroke):
    damage = damage_of(text(stroke))
    assert damage.kind == "scratches" and abs(damage.width - stroke) <= 1


@pytest.mark.parametrize(
    "mask",
    [
        rows(100),
        rows(0),
        rows(10, 11, 200),
        rows(*range(0, 256, 2)),
        rows(77, 130).T,
        rows(3, shape=(9, 64, 64)),
    ],
    ids=["row", "first row", "rows", "every other row", "columns", "slice of a volume"],
)
def test_missing_lines_are_scratches(mask):
    damage = damage_of(mask)
    assert (damage.kind, damage.width) == ("scratches", 2.0) or damage.width < 4


@pytest.mark.parametrize("count", [1, 40])
def test_thin_scratches_of_any_direction_are_scratches(count, rng):
    mask = np.zeros(SHAPE, bool)
    for a, b, c, d in rng.integers(0, 256, (count, 4)):
        mask[line(a, b, c, d)] = True
    assert damage_of(mask).kind == "scratches"


@pytest.mark.parametrize("dead", [0, 0.002, 0.05, 0.2])
def test_a_large_place_is_a_hole_whatever_else_is_missing(dead, rng):
    mask = rng.random((512, 512)) < dead
    mask[200:248, 100:148] = True
    damage = damage_of(mask)
    assert damage.kind == "holes" and 48 <= damage.width <= 54


def test_width_is_that_of_the_widest_place_within_a_pixel():
    for width in range(1, 40):
        mask = np.zeros((64, 96), bool)
        mask[12 : 12 + width, 5:90] = True
        damage = damage_of(mask)
        assert abs(damage.width - width) <= 1
        assert damage.kind == ("holes" if width >= 15 else "scratches")


@pytest.mark.parametrize("radius", [6, 8, 9.9, 10, 25])
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_width_of_a_disc_is_its_diameter_also_beside_a_smaller_square(radius, ndim):
    mask = sum((axis - 30) ** 2 for axis in np.ogrid[(slice(61),) * ndim]) <= radius**2
    mask = np.pad(mask, [(0, 0)] * (ndim - 1) + [(0, 40)])
    side = int(1.3 * radius) - 1
    mask[..., -side - 2 : -2] |= np.all(np.indices(mask.shape[:-1]) < side, axis=0)[..., None]
    damage = damage_of(mask)
    assert abs(damage.width - 2 * radius) <= 2
    assert damage.kind == ("holes" if radius > 8 else "scratches" if radius < 7 else damage.kind)


def test_a_diamond_is_as_wide_as_the_disc_in_it():
    y, x = np.ogrid[-30:31, -30:31]
    mask = abs(y) + abs(x) <= 20
    assert abs(damage_of(mask).width - 2 * 20 / np.sqrt(2)) <= 2


def test_a_band_along_the_border_counts_twice():
    assert damage_of(rows(*range(10))).width == 20
    assert damage_of(rows(*range(10))).kind == "holes"


def test_nothing_and_everything_have_a_kind():
    assert damage_of(np.zeros((8, 8), bool)).width == 0
    assert damage_of(np.ones((8, 9), bool)).kind == "holes"
    assert {damage_of(m).kind for m in (np.eye(64) > 0, rows(*range(99)))} <= set(KINDS)


def test_telling_the_kind_takes_no_time(rng):
    mask = rng.random((512, 512)) < 0.5
    mask[100:160, 200:280] = True
    start = time.process_time()
    damage_of(mask)
    assert time.process_time() - start < 0.3
