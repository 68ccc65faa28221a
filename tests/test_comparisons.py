"""Presets that are no deep image prior, and explicit priors beside one, through the verbs."""

import json

import numpy as np
import pytest

import napari_dip as dip
from napari_dip.api import plan_denoise
from napari_dip.engine.presets import EXPLICIT, PRESETS
from napari_dip.presets import KINDS

SHORT = {"iterations": 12, "device": "cpu"}
MASK = np.zeros((6, 20, 20), bool)
MASK[:, 8:10] = True
VERBS = {
    "denoise": lambda image, **given: dip.denoise(image, **given),
    "inpaint": lambda image, **given: dip.inpaint(image, MASK[0] if image.ndim == 2 else MASK, **given),
    "super-resolve": lambda image, **given: dip.super_resolve(image, 2, **given),
    "deconvolve": lambda image, **given: dip.deconvolve(image, (2.0,) * image.ndim, **given),
}


def noisy(*shape):
    rng = np.random.default_rng(0)
    y, x = np.indices(shape)[-2:]
    return rng.poisson(40 + 60 * ((x > 9) ^ (y > 12))).astype("uint16")


def test_every_task_that_a_noisy_image_has_is_compared():
    for task in VERBS:
        assert all(set(EXPLICIT) < set(PRESETS[kind]) for kind in KINDS[task])


@pytest.mark.parametrize("shape", [(20, 20), (6, 20, 20)])
@pytest.mark.parametrize("name", EXPLICIT)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_them_in_planes_and_volumes(verb, name, shape):
    image = noisy(*shape)
    axes = "ZYX"[-len(shape) :]
    steps = []
    restored = VERBS[verb](image, preset=name, axes=axes, callback=steps.append, **SHORT)
    finer = 2 if verb == "super-resolve" else 1
    assert restored.image.shape == tuple(finer * size for size in shape)
    assert restored.image.dtype == image.dtype
    assert (restored.iterations, len(steps)) == (12, 12)
    assert restored.settings["penalty"]["name"] == name


@pytest.mark.parametrize("name", EXPLICIT)
def test_a_noisy_image_is_restored_blind_and_again_by_its_settings(name):
    truth = 40 + 60 * np.equal.outer(np.arange(32) > 12, np.arange(32) > 9)
    image = np.random.default_rng(0).poisson(truth).astype("uint16")
    restored = dip.denoise(image, preset=name, dtype="float32", device="cpu")
    assert restored.stopped_by == "stopping rule"
    assert np.mean((restored.image - truth) ** 2) < 0.6 * np.mean((image - truth) ** 2)
    again = dip.denoise(image, **json.loads(json.dumps(restored.settings)))
    np.testing.assert_array_equal(again.image, restored.image)


def test_a_weight_may_be_given_beside_a_network_and_a_script_says_so():
    image = noisy(20, 20)
    beside = {"name": "tikhonov", "weight": 4.0}
    alone = {"correction": "none", **SHORT}
    restored = dip.denoise(image, penalty=beside, **alone)
    assert restored.settings["penalty"]["weight"] == 4.0
    assert not np.array_equal(restored.image, dip.denoise(image, **alone).image)
    assert 'penalty={"name": "tikhonov", "weight": 4.0}' in restored.as_python()


def test_each_plane_of_a_stack_is_found_a_weight_for():
    restored = dip.denoise(np.stack([noisy(20, 20)] * 2), preset="tv", **SHORT)
    assert not any(restored.history["warm"])


def test_a_guide_is_refused_by_pixels_that_see_none():
    image = noisy(20, 20)
    with pytest.raises(ValueError, match="network 'picture', as the preset 'tv' has it here, makes nothing"):
        dip.denoise(image, guide=image, preset="tv")
    with pytest.raises(ValueError, match="leave guide out"):
        dip.super_resolve(image, 2, guide=image, preset="tikhonov")


def test_the_command_line_lists_them_as_what_they_are(capsys):
    from napari_dip.cli import main

    main(["presets", "denoise"])
    assert "tv            no deep image prior, to compare with" in capsys.readouterr().out


def test_jpeg_has_none():
    with pytest.raises(ValueError, match=r"preset 'tv' does not exist. Choose one of: fast, ulyanov2018"):
        dip.deblock(noisy(20, 20), preset="tv")


def salt_and_pepper():
    truth = 100 + 60 * np.equal.outer(np.arange(40) > 12, np.arange(40) > 9).astype(float)
    rng = np.random.default_rng(0)
    hit = rng.random(truth.shape) < 0.1
    return np.where(hit, rng.choice([0, 255], truth.shape), truth + rng.normal(0, 5, truth.shape)), truth


def test_total_variation_takes_another_data_term():
    image, truth = salt_and_pepper()
    errors = {}
    for term in ("gaussian", "l1"):
        restored = dip.denoise(image, preset="tv", likelihood=term, device="cpu")
        errors[term] = np.mean((restored.image - truth) ** 2)
    assert errors["l1"] < 0.3 * errors["gaussian"]


@pytest.mark.parametrize(("term", "robust"), [("gaussian", False), ("l1", True), ("laplacian-l1", True)])
def test_where_outliers_are_expected_they_do_not_decide_when_a_run_ends(term, robust):
    settings = plan_denoise(salt_and_pepper()[0], likelihood=term).settings
    assert settings["stopping"]["absolute"] is robust
    told = plan_denoise(salt_and_pepper()[0], likelihood=term, stopping={"absolute": not robust}).settings
    assert told["stopping"]["absolute"] is not robust
