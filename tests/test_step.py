"""How long a job takes yet is foreseen by how its runs go."""

from dataclasses import replace
from types import SimpleNamespace

from napari_dip.engine.presets import preset
from napari_dip.step import Pace


def at(iteration, *, ended=False):
    """Where a run stands that takes a second for each iteration."""
    stopped = "stopping rule" if ended else None
    return SimpleNamespace(
        iteration=iteration, seconds=float(iteration), last_iteration=0, stopped_by=stopped
    )


def left(pace, it, waiting, usual=None, time=0):
    pace.step(0, (), at(1), waiting, usual, time)
    return pace.step(0, (), it, waiting, usual, time).seconds_left


def test_no_run_is_taken_to_be_longer_than_it_may_be():
    settings = replace(preset("fast"), expected=100, iterations=30, finish=5)
    assert left(Pace(settings, 4), at(5), waiting=3) == 30 + 3 * 35


def test_each_of_several_times_takes_as_long_as_it_took_before():
    settings = replace(preset("fast"), expected=100, iterations=1000, finish=0)
    pace = Pace(settings, 3, times=2)
    assert left(pace, at(50), waiting=2) == 50 + 100 + 2 * 200
    assert left(pace, at(150, ended=True), waiting=2, time=1) == 2 * (100 + 150)
    # The first one has taken 40.
    assert left(pace, at(10), waiting=1, usual=40) == 30 + 150 + (40 + 150)


def test_what_is_known_of_all_is_taken_for_each():
    settings = replace(preset("fast"), expected=100, iterations=1000, finish=0)
    assert left(Pace(settings, 3, usual=20.0), at(5), waiting=2) == 15 + 2 * 20
