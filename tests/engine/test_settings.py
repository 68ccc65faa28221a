import json

import pytest

from napari_dip.engine.networks import Hourglass, SubPixel
from napari_dip.engine.presets import PRESETS, preset


@pytest.mark.parametrize("name", list(PRESETS["denoise"]))
def test_settings_survive_json(name):
    text = json.dumps(PRESETS["denoise"][name].to_dict(), allow_nan=False)
    assert PRESETS["denoise"]["fast"].changed(**json.loads(text)) == PRESETS["denoise"][name].changed()


def test_a_dict_changes_the_presets_part_and_a_name_replaces_it():
    fast = PRESETS["denoise"]["fast"]
    assert fast.changed(network={"skip": 2}).network == Hourglass(**{**vars(fast.network), "skip": 2})
    assert fast.changed(network="subpixel").network == SubPixel()
    assert fast.changed(network={"name": "subpixel", "channels": [8, 8]}).network == SubPixel(channels=(8, 8))


def test_none_leaves_a_setting_as_it_is():
    assert PRESETS["denoise"]["fast"].changed(iterations=None, network=None) == PRESETS["denoise"]["fast"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"network": "transformer"},
            "network 'transformer' does not exist. Choose one of: hourglass, subpixel",
        ),
        ({"network": 3}, "network must be a name .* but is of type int"),
        ({"stopping": {"fractoin": 0.1}}, "stopping 'held-out': 'fractoin' is not known. Known are fraction"),
        ({"learning_rate": 3}, "'learning_rate' is not known"),
        ({"iterations": -1}, "iterations must be a whole number of at least 1, but is -1"),
        ({"iterations": 1.5}, "iterations must be a whole number"),
        ({"seconds": 0.0}, "seconds must be a number above 0 or None"),
        ({"averaging": 1.0}, "averaging must be a number of at least 0 and below 1"),
        ({"precision": "float8"}, "precision must be auto, float32 or bfloat16"),
        ({"tv": -1.0}, "tv must be a number of at least 0 or None, but is -1.0"),
        ({"penalty": {"name": "tv", "weight": 10**30}}, "weight of .tv. must be a number .* but is 1000"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PRESETS["denoise"]["fast"].changed(**change)


def test_an_unknown_preset_is_refused_with_the_names_of_the_others():
    with pytest.raises(
        ValueError, match=r"preset 'turbo' does not exist. Choose one of: fast, best, ulyanov2018"
    ):
        preset("turbo")
