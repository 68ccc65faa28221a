"""Settings for a microscope from images whose truth or repeat is known."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_dip as dip
from napari_dip import calibration, presets
from napari_dip.calibration import DETAIL, NOISE, NUMBER, _chosen, calibrate
from napari_dip.fields import Field
from napari_dip.images.noise import Noise

HERE = {"device": "cpu", "precision": "float32"}
WHITE = Noise(0.0, 0.0, 5.0)


def fields(count=3, size=32, sigma=12.0):
    """Truths, and two captures of each."""
    rng = np.random.default_rng(0)
    truths = [100 + 60 * (gaussian_filter(rng.normal(size=(size, size)), 3) > 0.02) for _ in range(count)]
    return truths, *([truth + rng.normal(0, sigma, truth.shape) for truth in truths] for _ in range(2))


def test_a_second_capture_tells_the_error_of_an_estimate():
    truths, first, second = fields(1, size=160)
    by_truth = Field.of(first[0], truths[0], None, True, 1)
    by_repeat = Field.of(first[0], 1.2 * second[0] + 7, None, False, 1)
    for sigma in (0.7, 1.5):
        estimate = gaussian_filter(first[0], sigma)
        true = np.mean((estimate - truths[0]) ** 2) / 12**2
        assert by_truth.error(estimate) == pytest.approx(true, rel=0.05)
        assert by_repeat.error(estimate) == pytest.approx(true, abs=0.06)


def test_what_is_found_makes_what_was_measured_and_becomes_a_preset(monkeypatch):
    monkeypatch.setattr(calibration, "FIRST", 27)
    # A generator that 27 iterations suit.
    presets.save("short", {"iterations": 30, "expected": 40, "seed": 1, "network": {"name": "subpixel"}})
    truths, images, _ = fields(2, size=24)
    found = calibrate(images, truths=truths, preset="short", name="scope", **HERE)
    assert found.preset == "scope" and found.gain > 0.05
    assert presets.names() == ["scope", "short"]
    assert presets.load("scope")["noise"] == found.settings["noise"]
    assert found.settings["noise"]["read_noise"] == pytest.approx(12, rel=0.15)
    text = repr(found)
    assert "scope" in text and "2 images" in text and f"{found.gain:+.2f}" in text
    best, by_number = max(found.tried, key=lambda one: one.gain), found.tried[-1]
    assert found.settings.items() >= best.settings.items() and found.gain == best.gain
    again = dip.denoise(images[0], preset="scope", stopping=by_number.settings["stopping"], finish=0, **HERE)
    assert again.settings["noise"] == found.settings["noise"]
    assert (again.iterations, again.stopped_by) == (27, "stopping rule")

    # What was said of an image is what a run gives that knows the others' noise.
    known = [Field.of(*pair, None, True, 1) for pair in zip(images, truths, strict=True)]
    noise = calibration.noise_of([one.sample for one in known[1:]]).to_dict()

    def error(**settings):
        run = dip.denoise(images[0], preset="short", dtype="float64", **settings, **HERE)
        return known[0].error(run.image)

    plain = error()
    fixed = error(noise=noise, stopping={"name": "fixed", "at": 27}, finish=0)
    assert by_number.gains[0] == pytest.approx(10 * math.log10(plain / fixed), abs=1e-6)


def rows(detail, noise, number):
    """What is tried on four images: errors by choice, the same or one for each image."""
    return [
        {DETAIL: {k: at(v, n) for k, v in detail.items()}, NOISE: {1.0: at(noise, n)},
         NUMBER: {k: at(v, n) for k, v in number.items()}}
        for n in range(4)
    ]  # fmt: skip


def at(value, n):
    return value[n] if isinstance(value, tuple) else value


def test_a_number_of_iterations_is_judged_and_kept_without_another_detail(home):
    presets.save("sharp", {"preset": "fast", "detail": 0.5}, overwrite=True)
    found = _chosen(rows({0.0: 1.0}, 1.0, {20.0: 2.0, 40.0: 0.5}), WHITE, "sharp")
    assert found.settings["stopping"] == {"name": "fixed", "at": 40} and "detail" not in found.settings
    found = _chosen(rows({0.0: 1.0}, 0.5, {20.0: 2.0}), WHITE, "sharp")
    assert found.settings["detail"] == 0.5


def test_the_preset_is_kept_where_nothing_beats_it():
    errors = rows({0.0: 1.0, 0.1: 1.1}, 1.0, {20.0: 2.0, 40.0: 1.001})
    found = _chosen(errors, WHITE, "fast")
    assert (found.preset, found.settings, found.gain) == ("fast", {"preset": "fast"}, 0)
    assert "keep it" in repr(found)
    with pytest.raises(ValueError, match="nothing to save"):
        found.save("mine")
    assert presets.names() == []


def test_a_gain_that_only_the_image_itself_would_choose_is_none():
    # Each image has a number of its own at which it would be ten times better.
    luck = {
        float(stop): tuple(0.1 if n == k else 1.3 for n in range(4))
        for k, stop in enumerate((20, 27, 36, 49))
    }
    found = _chosen(rows({0.0: 1.0}, 1.0, luck), WHITE, "fast")
    assert found.gain == 0 and found.tried[-1].gain < 0


def test_a_gain_of_which_nobody_knows_how_sure_it_is_is_none():
    # Without the first image nothing is left above the noise.
    errors = rows({0.0: (3.0, -0.5, -0.5, -0.5)}, (1.5, -0.1, -0.1, -0.1), {20.0: 9.0})
    found = _chosen(errors, WHITE, "fast")
    assert found.tried[1].gain > 0.5 and math.isnan(found.tried[1].uncertainty)
    assert found.gain == 0


def test_the_best_of_what_beats_the_preset_is_taken():
    errors = rows(
        {0.0: (1.0, 1.1, 0.9, 1.0), 0.1: (0.9, 1.0, 0.8, 0.9)}, 0.8, {20.0: 2.0, 40.0: 0.5, 60.0: 0.7}
    )
    found = _chosen(errors, WHITE, "best")
    assert found.settings["stopping"] == {"name": "fixed", "at": 40}
    assert found.settings["preset"] == "best" and found.settings["finish"] == 0
    assert found.gain == pytest.approx(10 * math.log10(2))
    assert found.tried[0].settings == {"detail": 0.1}
    assert found.tried[1].gain == pytest.approx(10 * math.log10(1 / 0.8))
    found.save("mine")
    assert found.preset == "mine" and presets.load("mine")["noise"] == WHITE.to_dict()


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({}, "give truths or repeats"),
        ({"truths": [0], "repeats": [0]}, "give truths or repeats"),
        ({"repeats": [np.eye(24)]}, "2 images and 1 repeats"),
        ({"repeats": np.eye(24)[None]}, "2 images and 1 repeats"),
        ({"repeats": 6}, "several each, but 6 was given: put it into a list"),
        ({"truths": [2 * np.eye(24), np.eye(23)]}, r"of image 2, the repeat has shape \(23, 23\)|of image 2"),
        ({"repeats": [np.eye(24), np.eye(24)], "name": "fast"}, "comes with napari-dip"),
    ],
)
def test_what_can_t_be_calibrated_with_is_refused(known, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        calibrate([np.eye(24), np.eye(24)], **known)


def test_an_image_that_is_the_same_everywhere_is_refused():
    with pytest.raises(ValueError, match="image 1 is the same everywhere"):
        calibrate([np.full((24, 24), 5)] * 2, truths=[np.full((24, 24), 6)] * 2)


def test_one_image_is_too_few_and_stacks_are_given_plane_by_plane():
    with pytest.raises(ValueError, match="at least two images"):
        calibrate([np.eye(24)], repeats=[np.eye(24)])
    stack = np.random.default_rng(0).random((2, 16, 16))
    with pytest.raises(ValueError, match=r"image 1 has shape .* each plane of a stack by itself"):
        calibrate([stack, stack], repeats=[stack[::-1], stack[::-1]])
