"""Presets of the user's own."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

import napari_dip as dip
from napari_dip import presets
from napari_dip.cli import main

NOISY = np.random.default_rng(0).poisson(30, (24, 24)).astype("uint16")
HERE = {"device": "cpu", "precision": "float32"}


def test_a_result_s_settings_become_a_preset(home):
    first = dip.denoise(NOISY, preset="best", iterations=4, tv=20.0, stopping={"fraction": 0.1}, **HERE)
    assert presets.names() == []
    path = presets.save("Soft cells", first.settings)
    assert path == home / "denoise" / "Soft cells.json"
    assert presets.names("denoise") == ["Soft cells"]
    assert presets.names("inpaint") == []
    again = dip.denoise(NOISY, preset="Soft cells", **HERE)
    np.testing.assert_array_equal(again.image, first.image)
    # Whoever does not have the preset makes the same result again.
    assert again.settings == first.settings
    kept = presets.load("Soft cells")
    assert not kept.keys() & {"axes", "dtype", "tile", "noise", "neighbours", "device"}
    # What the call says changes the preset, and the rest of a part stays the preset's.
    other = dip.denoise(NOISY, preset="Soft cells", iterations=2, stopping={"every": 5}, **HERE).settings
    assert other["iterations"] == 2
    assert (other["stopping"]["fraction"], other["stopping"]["every"]) == (0.1, 5)
    presets.delete("Soft cells")
    with pytest.raises(ValueError, match="does not exist"):
        dip.denoise(NOISY, preset="Soft cells")


def test_the_rest_of_a_call_is_kept_too():
    presets.save("together", {"warm": False, "channels": "together", "detail": 0.4})
    assert "channels" not in presets.load("together")  # which not every image has
    assert dip.denoise(NOISY, preset="together", iterations=2).settings["detail"] == 0.4
    settings = dip.denoise(NOISY, preset="together", iterations=2, detail=0, warm=True).settings
    assert ("detail" in settings, settings["warm"]) == (False, True)


def test_a_preset_for_filling_in_keeps_nothing_of_the_mask_it_was_made_with(home):
    image = np.random.default_rng(0).normal(100, 5, (48, 48))
    hole, specks = np.zeros((2, 48, 48), bool)
    hole[12:36, 12:36] = True
    specks[5::9, 5::9] = True
    made = dip.inpaint(image, hole, iterations=4, stopping={"patience": 123}, device="cpu")
    presets.save("mine", made.settings, "inpaint")
    plain = dip.inpaint(image, specks, iterations=4, denoise=True, device="cpu").settings
    own = dip.inpaint(image, specks, denoise=True, preset="mine", device="cpu").settings
    assert made.settings["stopping"]["guard"] and not plain["stopping"]["guard"]
    assert own["stopping"] == plain["stopping"] | {"patience": 123}
    assert own["iterations"] == 4
    presets.save("few", {"damage": "holes", "stopping": {"patience": 123}}, "inpaint")  # of no result
    assert presets.load("few", "inpaint") == {"stopping": {"patience": 123}}


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "../a", "a/b", "a.b", "-a", "fast", "Best", "x" * 41, "Con", "lpt1", 3]
)
def test_names_that_can_t_be(name, home):
    with pytest.raises(ValueError, match="Choose a"):
        presets.save(name, {})
    assert not list(home.rglob("*"))


def test_nothing_is_lost_by_accident(home):
    presets.save("mine", {"tv": 3.0})
    with pytest.raises(ValueError, match="already"):
        presets.save("MINE", {"tv": 4.0})
    assert presets.load("mine") == {"tv": 3.0}
    presets.save("MINE", {"tv": 4.0}, overwrite=True)
    assert presets.names() == ["mine"]
    assert presets.load("Mine") == {"tv": 4.0}
    for wrong in ({"tw": 3.0}, {"tv": -1.0}, {"network": {"name": "hourglass", "depth": 3}}):
        with pytest.raises((TypeError, ValueError), match=r"tw|tv|depth"):
            presets.save("wrong", wrong)
    with pytest.raises(ValueError, match="task must be one of"):
        presets.save("wrong", {}, "sharpen")
    with pytest.raises(ValueError, match="no preset 'other'"):
        presets.delete("other")
    assert len(list(home.rglob("*.*"))) == 1


def test_a_disk_that_is_full_keeps_the_old_one_and_nothing_half_done(home, monkeypatch):
    presets.save("mine", {"tv": 3.0})

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        presets.save("mine", {"tv": 4.0}, overwrite=True)
    assert presets.load("mine") == {"tv": 3.0}
    assert [path.name for path in home.rglob("*.*")] == ["mine.json"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "no JSON"),
        ("[]", "no 'settings'"),
        (json.dumps({"version": "9.0", "settings": {"glow": 3}}), "'glow' in a preset.*napari-dip 9.0"),
        (json.dumps({"settings": {"network": {"name": "transformer"}}}), "'transformer' does not exist"),
    ],
)
def test_a_file_that_can_t_be_used_is_told_in_a_sentence(home, text, sentence, capsys):
    (home / "denoise").mkdir(parents=True)
    (home / "denoise" / "odd.json").write_text(text)
    with pytest.raises(ValueError, match=rf"your preset 'odd' .*{sentence}"):
        dip.denoise(NOISY, preset="odd")
    assert main(["presets"]) == 0  # the others are listed
    assert "denoise, your own" in capsys.readouterr().out


def test_the_command_line_knows_them(tmp_path, capsys):
    presets.save("mine", {"preset": "best", "iterations": 2, "tv": 5.0}, "super_resolve")
    assert main(["presets", "super-resolve", "--json"]) == 0
    *_, own = map(json.loads, capsys.readouterr().out.splitlines())
    assert own["for"] == "your own"
    assert own["presets"]["mine"]["tv"] == 5
    from PIL import Image

    Image.fromarray(NOISY.astype("uint8")).save(tmp_path / "a.png")
    assert (
        main(["super-resolve", str(tmp_path / "a.png"), "--factor", "2", "--preset", "mine", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["settings"]["tv"] == 5
    assert main(["denoise", str(tmp_path / "a.png"), "--preset", "mine"]) == 2
    assert "'mine' does not exist" in capsys.readouterr().err


def test_they_lie_in_the_user_s_own_folder(monkeypatch):
    monkeypatch.undo()
    assert presets.folder().parts[-2:] == ("napari-dip", "presets")
    package = Path(dip.__file__).parent
    assert package not in presets.folder().parents
