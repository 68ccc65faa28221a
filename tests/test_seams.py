"""A plane that was restored in tiles shows neither where they meet nor which was which."""

import itertools

import numpy as np
import pytest

import napari_dip as dip
from napari_dip.api import plan_denoise
from napari_dip.images.synthetic import fluorescence


@pytest.fixture(scope="module")
def noisy():
    return fluorescence((330, 48), peak=20)[0]


@pytest.fixture(scope="module")
def tiles(noisy):
    return [part.tile.where[0] for part in plan_denoise(noisy, tile=144).parts]


@pytest.fixture(scope="module")
def restored(noisy):
    return dip.denoise(noisy, tile=144, iterations=40, dtype="float32", device="cpu").image


def stands_out(image, row, around=20):
    """How far the mean step into a row stands out from those around it, in their standard deviations."""
    steps = np.abs(np.diff(image, axis=0)).mean(axis=1)
    near = np.r_[row - 1 - around : row - 1, row : row + around]
    return (steps[row - 1] - steps[near].mean()) / steps[near].std()


def test_no_step_stands_out_where_tiles_begin_meet_or_end(restored, tiles):
    assert len(tiles) >= 3
    edges = {row for t in tiles for row in (t.start, t.stop)} - {0, len(restored)}
    middles = {(a.stop + b.start) // 2 for a, b in itertools.pairwise(tiles)}
    assert max(stands_out(restored, row) for row in edges | middles) < 3.5


def test_a_seam_would_be_found(restored, tiles):
    seam = tiles[1].start
    assert stands_out(restored + 6.0 * (np.arange(len(restored)) >= seam)[:, None], seam) > 3.5


def test_tiles_are_equally_smooth(noisy, restored, tiles):
    removed = noisy - restored
    middles = [removed[t.start + 48 : t.stop - 48] for t in tiles]
    spread = [part.std() for part in middles]
    assert max(spread) < 1.25 * min(spread)
