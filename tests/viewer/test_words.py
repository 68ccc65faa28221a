"""What the window says is what a person would say."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dip.restoration import Restoration
from napari_dip.viewer.words import (
    ENDINGS,
    becomes,
    duration,
    ending,
    need,
    number,
    place,
    steps,
    time_left,
    unfinished,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (7.6, "8 s"),
        (9.9, "10 s"),
        (23, "25 s"),
        (58, "1 min"),
        (59.9, "1 min"),
        (83, "1 min 20 s"),
        (598, "10 min"),
        (754, "13 min"),
        (3599, "1 h"),
        (4000, "1 h 7 min"),
    ],
)
def test_a_time_is_rounded_as_far_as_it_is_uncertain(seconds, words):
    assert duration(seconds).replace("\xa0", " ") == words


def test_no_time_is_named_before_there_is_one_and_none_for_the_last_moments():
    assert time_left(None, at_least=False) == "estimating the time left"
    assert time_left(0.4, at_least=False) == "nearly done"
    assert time_left(23, at_least=False) == "about 25\xa0s left"
    assert time_left(23, at_least=False, at_most=True) == "at most 25\xa0s left"
    assert time_left(23, at_least=True) == "still improving, at least 25\xa0s left"


@pytest.mark.parametrize("stopped_by", ENDINGS)
def test_every_ending_has_a_sentence(stopped_by):
    history = {"run": [0] * 3, "best_iteration": [0, 2, 2], "seconds": [1.0, 2.0, 3.04]}
    result = Restoration(np.zeros((2, 2)), 3, stopped_by, history, {})
    assert ending(result).endswith("(best at iteration 2, 3.0\xa0s).")


def test_where_nothing_was_to_be_restored_it_is_said():
    history = {"run": [], "best_iteration": [], "seconds": []}
    assert "nothing was to be restored" in ending(
        Restoration(np.zeros((2, 2)), 0, "stopping rule", history, {})
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3.14159, "3.1"),
        (0.98, "0.98"),
        (0.0314159, "0.031"),
        (31.4, "31"),
        (314.159, "310"),
        (12345.6, "12000"),
        (0.00000314159, "3.1e-06"),
        (9.96, "10.0"),
        (0, "0"),
    ],
)
def test_a_measured_number_has_two_digits(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("residual", "noise", "told"),
    [
        (3.1234, 3.312, " Downsampled, the result differs from the image by 3.1 (its noise: 3.3)."),
        (0.0213, None, " Downsampled, the result differs from the image by 0.021."),
        (None, None, ""),
    ],
)
def test_super_resolution_tells_how_true_it_is_to_the_image(residual, noise, told):
    history = {"run": [0], "best_iteration": [1], "seconds": [2.0]}
    kept = {"residual": residual, "noise": noise}
    finer = Restoration(np.zeros((2, 2)), 1, "stopping rule", history, {"factor": [2, 2]}, **kept)
    plain = Restoration(np.zeros((2, 2)), 1, "stopping rule", history, {"preset": "fast"}, **kept)
    assert ending(finer) == ending(plain) + told
    assert "ownsampled" not in ending(plain)


@pytest.mark.parametrize(
    ("description", "fine", "words"),
    [
        ("a plane of 512 x 512 pixels", (2048, 2048), "a plane of 512 x 512 pixels becomes 2048 x 2048"),
        (
            "3 images, each a plane of 8 x 9 pixels",
            (16, 18),
            "3 images, each a plane of 8 x 9 pixels that becomes 16 x 18",
        ),
    ],
)
def test_what_an_image_becomes(description, fine, words):
    assert becomes(description, fine) == words


@pytest.mark.parametrize(
    ("memory", "tiles", "words"),
    [
        (1.34 * 2**30, 1, "about 1.3 GiB of memory"),
        (0.97 * 2**30, 1, "about 1.0 GiB of memory"),
        (152.3 * 2**20, 9, "about 150 MiB of memory, in 9 overlapping tiles"),
    ],
)
def test_memory_is_told_beforehand(memory, tiles, words):
    assert need(memory, tiles).replace("\xa0", " ") == words


def test_how_the_z_step_compares_with_the_pixel_size():
    assert steps(4.0).replace("\xa0", " ") == "Z step is 4 × the pixel size."
    assert steps(3.704).replace("\xa0", " ") == "Z step is 3.7 × the pixel size."
    assert steps(8.4).count(".") == 2
    assert steps(250.0).endswith("Beyond 8 times finer most is invention.")
    assert "No larger Z step" in steps(1.0000001)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ([("T", 5)], "time 5"),
        ([("T", slice(3, 8)), ("C", 1)], "time 3 to 7, channel 1"),
        ([("P", slice(3, 4)), ("Z", 0)], "position 3, slice 0"),
        ([("Q", 2), ("Q", 7)], "plane 2, 7"),
        ([], ""),
    ],
)
def test_a_place_in_a_stack_is_told_by_its_axes(named, words):
    assert place(named, "plane") == words


@pytest.mark.parametrize(
    ("done", "under_way", "words"),
    [
        (12, "", ""),
        (3, "time 7", "3 of 12 planes are restored, time 7 as far as it got; the others are the original's."),
        (11, "time 7", "11 of 12 planes are restored, time 7 as far as it got."),
        (11, "", "11 of 12 planes are restored; the other one is the original's."),
        (1, "", "1 of 12 planes is restored; the others are the original's."),
        (0, "time 7", "Time 7 is restored as far as it got; the others are the original's."),
    ],
)
def test_a_stack_that_ended_early_is_told(done, under_way, words):
    assert unfinished(done, 12, "plane", under_way) == words
