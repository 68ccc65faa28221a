"""What the window says is what a person would say."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dip.restoration import Restoration
from napari_dip.viewer.words import ENDINGS, duration, ending, time_left


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
    assert time_left(23, at_least=True) == "still improving, at least 25\xa0s left"


@pytest.mark.parametrize("stopped_by", ENDINGS)
def test_every_ending_has_a_sentence(stopped_by):
    history = {"run": [0] * 3, "best_iteration": [0, 2, 2], "seconds": [1.0, 2.0, 3.04]}
    result = Restoration(np.zeros((2, 2)), 3, stopped_by, history, {})
    assert ending(result).endswith("(iteration 2, 3.0\xa0s).")
