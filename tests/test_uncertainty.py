"""How sure a result is of each pixel."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

import napari_dip as dip
from napari_dip.cli import main
from napari_dip.images.files import Description, read, write

HERE = {"precision": "float32", "device": "cpu"}
SHORT = {"iterations": 10, **HERE}


@pytest.fixture(scope="module")
def scene():
    """A half that is flat and one with stripes, and both with noise."""
    y, x = np.mgrid[:32, :32]
    truth = np.where(x < 16, 100.0, 100 + 60 * np.sign(np.sin(x * 1.1 + y * 0.7)))
    return truth, truth + np.random.default_rng(1).normal(0, 20, truth.shape)


@pytest.fixture(scope="module")
def told(scene):
    return dip.denoise(scene[1], uncertainty=2, iterations=40, **HERE)


def test_the_errors_are_as_large_as_it_says_and_where_it_says(scene, told):
    error, said = np.abs(told.image - scene[0]), told.uncertainty
    assert said.dtype == np.float32 and said.shape == error.shape
    assert 0.6 < np.sqrt(np.mean(said**2) / np.mean(error**2)) < 1.6
    assert 0.5 < np.mean(error <= said) < 0.95
    assert np.mean(error <= 2 * said) > 0.85
    # ... which the noise alone would not tell.
    assert said[:, 19:].mean() > 1.3 * said[:, :13].mean()
    assert error[:, 19:].mean() > 1.3 * error[:, :13].mean()


def test_its_settings_make_it_again(scene):
    first = dip.denoise(scene[1], uncertainty=2, seed=3, **SHORT)
    settings = json.loads(json.dumps(first.settings))
    np.testing.assert_array_equal(dip.denoise(scene[1], **settings).uncertainty, first.uncertainty)
    assert "uncertainty=2" in first.as_python()
    assert first.adjusted(0.5).uncertainty is None


def test_it_is_in_the_images_units(scene):
    one = dip.denoise(scene[1], uncertainty=2, **SHORT).uncertainty
    scaled = dip.denoise(1000 * scene[1] - 7, uncertainty=2, **SHORT).uncertainty
    np.testing.assert_allclose(scaled, 1000 * one, rtol=2e-3)


def test_what_is_filled_in_is_less_sure_than_what_was_measured(scene):
    mask = np.zeros(scene[1].shape, bool)
    mask[12:20, 12:20] = True
    filled = dip.inpaint(scene[1], mask, uncertainty=2, noise=20.0, stopping={"start": 0}, **SHORT)
    np.testing.assert_allclose(filled.uncertainty[~mask], 20, rtol=1e-5)  # they come back as they were
    assert (filled.uncertainty[mask] > 0).all() and np.ptp(filled.uncertainty[mask]) > 0


def test_channels_colours_and_volumes_have_theirs():
    image = np.random.default_rng(0).normal(100, 10, (2, 16, 20))
    for given in ({"axes": "ZYX"}, {"axes": "CYX", "channels": "together"}):
        said = dip.denoise(image, uncertainty=2, **given, **SHORT).uncertainty
        assert said.shape == image.shape and (said > 0).all(), given
    colours = np.moveaxis(np.concatenate([image, image[:1]]), 0, -1).astype("uint8")
    assert dip.denoise(colours, uncertainty=2, **SHORT).uncertainty.shape == colours.shape


def test_progress_covers_all_runs_and_a_stop_keeps_what_is_known(scene):
    seen = []

    def follow(step):
        seen.append(step.progress)
        return len(seen) == 22  # in the third run

    stopped = dip.denoise(scene[1], uncertainty=3, callback=follow, **SHORT)
    assert seen == sorted(seen) and 0.6 < seen[-1] < 1
    assert stopped.stopped_by == "user" and (stopped.uncertainty > 0).all()
    np.testing.assert_array_equal(stopped.image, dip.denoise(scene[1], **SHORT).image)  # the first run's


def test_it_lies_in_a_file_beside_the_results(scene, tmp_path: Path):
    stack = np.stack([scene[1][:16, :20]] * 2)
    said = dip.denoise(stack, uncertainty=2, axes="TYX", out=tmp_path / "a.ome.tif", **SHORT).uncertainty
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-uncertainty.ome.tif", "a.ome.tif"]
    there, description = read(tmp_path / "a-uncertainty.ome.tif")
    assert there.dtype == np.float32 and description.axes == "TYX" and (there.compute() > 0).all()
    np.testing.assert_array_equal(said, there)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"uncertainty": 1}, "from 2 to 16"),
        ({"uncertainty": True}, "from 2 to 16"),
        ({"uncertainty": 3, "stopping": "whiteness"}, "held out, but stopping is 'whiteness'"),
        ({"uncertainty": 3, "detail": 0.5}, "detail is 0.5"),
    ],
)
def test_what_cannot_be_told_is_refused(scene, given, sentence):
    with pytest.raises(ValueError, match=sentence):
        dip.denoise(scene[1], **given, **SHORT)


def test_the_command_line_writes_it_beside_the_result(scene, tmp_path, capsys):
    write(tmp_path / "a.ome.tif", scene[1][:16, :20].astype("f4"), Description.plain("YX"))
    words = [
        "denoise",
        str(tmp_path / "a.ome.tif"),
        "--uncertainty",
        "2",
        "--iterations",
        "10",
        "--device",
        "cpu",
    ]
    assert main(words) == 0
    name = "a.denoised-uncertainty.ome.tif"
    first = read(tmp_path / name)[0].compute()
    assert main([*words, "--seed", "4", "--overwrite"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "a.denoised.ome.tif", "a.ome.tif"]
    assert (read(tmp_path / name)[0].compute() != first).any()
    assert capsys.readouterr().err == ""
    assert main([*words[:2], *words[4:], "--overwrite"]) == 0
    assert f"{name} stays, and is of the result that was overwritten" in capsys.readouterr().err


def test_tasks_that_cannot_tell_say_so(scene):
    with pytest.raises(ValueError, match="restored at once"):
        dip.denoise(da.from_array(scene[1]), uncertainty=2)
    with pytest.raises(ValueError, match="this is to super-resolve"):
        dip.super_resolve(scene[1], 2, uncertainty=3)


def test_a_stop_before_anything_is_known_says_so(scene):
    seen = []
    with pytest.warns(UserWarning, match="stopped before that"):
        stopped = dip.denoise(
            scene[1], uncertainty=2, callback=lambda step: seen.append(0) or len(seen) == 12, **SHORT
        )
    assert stopped.uncertainty is None and stopped.image.shape == scene[1].shape
