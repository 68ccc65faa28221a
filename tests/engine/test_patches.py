"""Similar patches are what their definitions say, however they are found and solved for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_dip.engine import patches
from napari_dip.engine.noise import Noise
from napari_dip.engine.patches import ALIKE, MISSING, REACH, SEEN, SIDE, nonlocal_bayes

WHITE, SHARED = Noise(0.02, 0.0, 0.05), Noise(0.0, 0.0, 0.1, ((0.5, 0.2), (0.3,)))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def smooth(*shape):
    return F.avg_pool2d(torch.rand(1, 1, shape[0] + 4, shape[1] + 4), 5, 1)[0, 0]


def groups(count=3, number=ALIKE):
    """Groups of patches that are alike: pilots, what was measured there, and a guide's."""
    common = torch.rand(count, 1, SIDE**2)
    shades = torch.randn(count, number, 4) @ torch.randn(count, 4, SIDE**2) / 10
    x = 0.5 + common / 5 + shades + torch.randn(count, number, SIDE**2) / 30
    return x, x + torch.randn_like(x) / 10, shades + torch.randn_like(x) / 40


@pytest.mark.parametrize("offset", [0.0, 1000.0])  # what all have in common must not blur what differs
@pytest.mark.parametrize("shape", [(40, 33), (9, 21)])
def test_those_are_found_that_differ_least(shape, offset):
    plane = 100 * smooth(*shape).double()
    every = F.unfold(plane[None, None], SIDE)[0].mT
    width = shape[1] - SIDE + 1
    rows = patches._places(shape[0] - SIDE)
    found = patches._alike((plane + offset).float(), rows)
    places = [(row, column) for row in rows for column in patches._places(width - 1)]
    assert found.shape == (len(places), ALIKE)
    for (row, column), alike in zip(places, found, strict=True):
        down, across = torch.arange(shape[0] - SIDE + 1) - row, torch.arange(width) - column
        near = ((down.abs() <= REACH)[:, None] & (across.abs() <= REACH)).flatten()
        distances = (every - every[row * width + column]).square().sum(1)
        assert near[alike].all()
        assert alike[0] == row * width + column
        expected = distances[near].sort().values[: min(ALIKE, int(near.sum()))]
        # Where there are fewer, a patch is like itself.
        expected = torch.cat([expected, expected.new_zeros(ALIKE - len(expected))]).sort().values
        torch.testing.assert_close(distances[alike].sort().values, expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("noise", [WHITE, SHARED])
@pytest.mark.parametrize("guided", [False, True])
def test_they_are_expected_given_what_was_measured_and_what_a_guide_shows(noise, guided):
    x, y, guide = groups()
    correlation = patches._correlation(noise)
    assert (correlation is None) is (noise is WHITE)
    found, weights = patches._expected(y, x, guide if guided else None, noise, correlation)
    for group in range(len(x)):
        both = torch.cat([x[group], guide[group]], 1) if guided else x[group]
        both, measured = both.double(), torch.cat([y[group], guide[group]], 1)[:, : both.shape[1]].double()
        mean, covariance = both.mean(0), torch.cov(both.mT)
        spread = patches.deviation(noise, mean[: SIDE**2])
        shared = torch.eye(SIDE**2) if correlation is None else correlation
        seen = covariance.clone()
        seen[: SIDE**2, : SIDE**2] += spread[:, None] * shared * spread
        if guided:
            seen.diagonal()[SIDE**2 :].add_(patches._roughness(guide))
        kept = torch.linalg.solve(seen, covariance[:, : SIDE**2])
        expected = mean[: SIDE**2] + (measured - mean) @ kept
        torch.testing.assert_close(found[group].double(), expected, atol=2e-4, rtol=0)
        left = kept[: SIDE**2].square().sum() + patches.LEFT
        assert float(weights[group] * left) == pytest.approx(1, rel=1e-2)


@pytest.mark.parametrize("guide", ["flat", "the image", "another scale"])
def test_a_guide_does_no_harm_where_there_is_no_noise(guide):
    image = smooth(40, 48)[None, None]
    guides = {"flat": torch.zeros_like(image), "the image": image, "another scale": 1e3 * image + 5}
    restored = nonlocal_bayes(image, image, Noise(0.0, 0.0, 1e-6), guides[guide])
    torch.testing.assert_close(restored, image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("ridge", [1e-6, 1e-3])
def test_what_is_missing_is_expected_given_what_is_seen(ridge):
    x = groups(number=len(MISSING) + 4)[0]
    y = x + ridge**0.5 * torch.randn_like(x)
    parts = torch.tensor([0.0, 0.01, *(number / SIDE**2 for number in MISSING), 0.9, 1.0])
    seen = (torch.rand_like(y) >= parts[:, None]).float()
    told, found = patches._completed(y, x, seen, ridge)
    share = seen.mean(2)
    assert torch.equal(told, (share >= SEEN) & (share < 1))
    assert told.sum() > len(MISSING) and not told.all()
    expected = []
    for group, number in told.nonzero().tolist():
        mean, covariance = x[group].double().mean(0), torch.cov(x[group].double().mT)
        little = 1e-5 * covariance.diagonal().mean()
        there = seen[group, number] > 0
        among = covariance[there][:, there] + (ridge + little) * torch.eye(int(there.sum()))
        pull = torch.linalg.solve(among, y[group, number].double()[there] - mean[there])
        value = mean + covariance[:, there] @ pull
        value[there] += little * pull
        expected.append(value)
    torch.testing.assert_close(found.double(), torch.stack(expected), atol=1e-3, rtol=0)
