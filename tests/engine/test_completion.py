"""Missing pixels are told from similar patches, as far as held-out pixels speak for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_dip.engine.completion import RIDGES, TIMES, Completion, choose
from napari_dip.engine.fit import Fit
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.patches import SIDE, complete
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import iterate, resolve


def bricks(size=64, channels=1):
    """A texture that repeats, and not by whole pixels."""
    y, x = torch.meshgrid(*[torch.arange(float(size))] * 2, indexing="ij")
    image = 0.5 + 0.2 * torch.sin(x / 1.7 + torch.sin(y / 9)) * torch.cos(y / 2.3)
    return torch.stack([image, 1 - image, image.mT][:channels])[None]


def some(image, part=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(image[:, :1].shape, generator=generator) < part).float().expand_as(image)


def blurred(image):
    return torch.nn.functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False)


def mse(a, b):
    return (a - b).square().mean().item()


@pytest.mark.parametrize("channels", [1, 3])
def test_similar_patches_tell_what_is_missing(channels):
    truth = bricks(channels=channels)
    seen, pilot = some(truth), blurred(truth)
    restored = complete(truth, seen, pilot, 1e-4)
    assert restored.shape == truth.shape
    assert mse(restored, truth) < 0.3 * mse(pilot, truth)


def test_what_is_missing_is_never_read():
    truth = bricks()
    seen, pilot = some(truth), blurred(truth)
    other = torch.where(seen > 0, truth, torch.full_like(truth, 77.0))
    assert torch.equal(complete(truth, seen, pilot, 1e-4), complete(other, seen, pilot, 1e-4))


def test_planes_of_a_volume_are_treated_one_by_one():
    planes = torch.cat([bricks(24), bricks(24).mT])
    volume = planes[:, 0][None, None]
    seen, pilot = some(volume), volume + 0.05
    whole = complete(volume, seen, pilot, 1e-3)
    for z in range(2):
        alone = complete(volume[:, :, z], seen[:, :, z], pilot[:, :, z], 1e-3)
        assert torch.allclose(whole[:, :, z], alone, atol=1e-6)


def test_patches_of_which_nothing_is_seen_stay_and_small_images_too():
    truth = bricks(40)
    seen, pilot = torch.ones_like(truth), blurred(truth)
    seen[..., 10:30, 10:30] = 0
    middle = (..., slice(10 + SIDE, 30 - SIDE), slice(10 + SIDE, 30 - SIDE))
    assert torch.allclose(complete(truth, seen, pilot, 1e-4)[middle], pilot[middle], atol=1e-5)
    tiny = truth[..., :6, :6]
    assert complete(tiny, seen[..., :6, :6], tiny + 1, 1e-4) is not tiny
    assert torch.equal(complete(tiny, seen[..., :6, :6], tiny + 1, 1e-4), tiny + 1)


def held_out(seen, part=0.1):
    """Return the weights without some pixels, and which these are."""
    watched = some(seen, part, seed=1)[:, :1] * seen[:, :1]
    return seen * (1 - watched), watched.flatten().nonzero().flatten()


def test_held_out_pixels_choose_as_much_variance_as_there_is_noise():
    truth = bricks(72)
    ridges = []
    for sigma in (0.0, 0.1):
        noisy = truth + sigma * torch.randn(truth.shape, generator=torch.Generator().manual_seed(3))
        seen, watched = held_out(some(truth))
        pilot = blurred(truth) if not sigma else truth + 0.3 * (noisy - truth)
        chosen = choose(noisy, seen, pilot, watched)
        ridges.append(chosen.ridge)
        assert chosen.ridge in RIDGES and 0 <= chosen.times <= TIMES
        if not sigma:
            assert chosen.times
            assert mse(chosen(noisy, seen, pilot), truth) < 0.3 * mse(pilot, truth)
    assert ridges[0] <= ridges[1]


def test_where_patches_only_harm_the_estimate_stays():
    truth = torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(0))  # nothing repeats
    seen, watched = held_out(some(truth))
    assert choose(truth, seen, truth, watched) == Completion()
    assert torch.equal(Completion()(truth, seen, truth), truth)


def test_a_volume_is_judged_in_the_plane_in_which_most_is_watched():
    volume = torch.stack([bricks(40)[0, 0], 0 * bricks(40)[0, 0]])[None, None]
    seen, watched = held_out(some(volume))
    watched = watched[watched < 1600]  # the first plane alone
    chosen = choose(volume, seen, blurred(volume[:, 0])[:, None], watched)
    assert chosen.times


QUICK = replace(
    PRESETS["scattered"]["fast"],
    network=Hourglass((16, 16, 16), bias=False, output="semilinear"),
    precision="float32",
    device="cpu",
    iterations=400,
    finish=10,
    correction="interpolation",
)


def scattered(**stopping):
    stopping = {"target": "missing", "guard": 0, "patience": 0.1, "wait": 40} | stopping
    return replace(QUICK, stopping=replace(QUICK.stopping, **stopping))


def test_a_run_ends_with_what_similar_patches_say(monkeypatch):
    truth = bricks(48)[0]
    known = some(truth[None])[0] > 0
    results = []
    for choice in (None, lambda *what: Completion()):
        if choice is not None:
            monkeypatch.setattr("napari_dip.engine.fit.choose", choice)
        last = list(iterate(Problem(torch.where(known, truth, 9.0), known), scattered()))[-1]
        assert last.stopped_by == "stopping rule"
        results.append(mse(last.best()[~known], truth[~known]))
    assert results[0] < 0.8 * results[1]


@pytest.mark.parametrize(
    ("stopping", "changes"),
    [
        ({"guard": 2}, {}),  # scratches: a pixel among others tells nothing of them
        ({"target": "measured"}, {}),
        ({}, {"correction": "none"}),
    ],
)
def test_only_single_missing_pixels_are_told_by_patches(stopping, changes, monkeypatch):
    monkeypatch.setattr("napari_dip.engine.fit.choose", None)
    truth = bricks(32)[0]
    known = some(truth[None])[0] > 0
    settings = replace(scattered(**stopping), iterations=90, **changes)
    assert list(iterate(Problem(truth, known), settings))[-1].best().isfinite().all()


def test_another_mask_forgets_what_was_found_out():
    truth = bricks(32)[0]
    fit = Fit(Problem(truth, some(truth[None])[0] > 0), resolve(scattered()))
    fit.completion = Completion(1e-4, 2)
    fit.take(Problem(truth, some(truth[None], 0.4, 5)[0] > 0))
    assert fit.completion.times == 0
