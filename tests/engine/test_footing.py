"""A run that goes astray steps back to its last sound state, and goes on from there."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from napari_dip.engine.fit import Fit
from napari_dip.engine.footing import EVERY, TIMES, Footing
from napari_dip.engine.inputs import NoiseInput
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.optimisers import OPTIMISERS
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import iterate
from napari_dip.engine.stopping import Fixed

SETTINGS = replace(
    PRESETS["denoise"]["fast"],
    network=Hourglass((8, 8), bias=False),
    input=NoiseInput(8, perturbation=0.02),
    stopping=Fixed(),
    correction="none",
    precision="float32",
    device="cpu",
    iterations=120,
)
Y, X = torch.meshgrid(torch.arange(24), torch.arange(24), indexing="ij")
TRUTH = (0.5 + 0.3 * torch.sin(X / 3) * torch.cos(Y / 4))[None]
NOISY = Problem(TRUTH + 0.05 * torch.randn(TRUTH.shape, generator=torch.Generator().manual_seed(0)))


def error():
    """Return how far a run's result is from the truth; infinite where its last iteration gave no number."""
    *_, last = iterate(NOISY, SETTINGS)
    assert last.iteration == SETTINGS.iterations and last.stopped_by == "iteration limit"
    return (last.best() - TRUTH).square().mean().item() if last.data_term.isfinite() else math.inf


def begun(settings, steps=12):
    fit = Fit(NOISY, settings)
    fit.show(torch.ones(1, *TRUTH.shape))
    for iteration in range(1, steps + 1):
        fit.step(iteration)
    return fit


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
def test_a_step_back_takes_the_optimisers_memory_with_it_however_often(optimiser):
    fit = begun(replace(SETTINGS, optimiser=OPTIMISERS[optimiser](), input=NoiseInput(8, perturbation=0.0)))
    state = fit.state()
    kept = copy.deepcopy(state)
    ways = []
    for _ in range(3):
        for iteration in range(13, 17):
            fit.step(iteration)
        ways.append(fit.average)
        fit.restore(state)
        torch.testing.assert_close(fit.state(), kept, rtol=0, atol=0)
    assert torch.equal(ways[0], ways[1]) and torch.equal(ways[0], ways[2])


@pytest.mark.parametrize("fault", [50.0, float("nan")])
def test_a_run_that_is_thrown_off_ends_nearly_as_well_as_one_that_is_not(monkeypatch, fault):
    step = Fit.step
    undisturbed = error()

    def faulty(fit, iteration):
        if iteration == 73:
            with torch.no_grad():
                for weight in fit.network.parameters():
                    weight.mul_(fault)
        return step(fit, iteration)

    monkeypatch.setattr(Fit, "step", faulty)
    assert error() < 1.2 * undisturbed
    # Without stepping back it would not.
    monkeypatch.setattr(Footing, "kept", lambda footing, iteration, data_term: True)
    assert error() > 2 * undisturbed


class Counter:
    """What stands for a fit: a number."""

    number = 0

    def state(self):
        return {"number": self.number}

    def restore(self, state):
        self.number = state["number"]


def followed(data_terms, **settings):
    """Return at which looks a fit with these data terms, one for each look, has been stepped back."""
    fit = Counter()
    footing = Footing(fit, **settings)
    back = []
    for look, data_term in enumerate(data_terms, 1):
        for iteration in range((look - 1) * EVERY + 1, look * EVERY + 1):
            fit.number = look
            # A spike between two looks counts as much as one at them.
            sound = footing.kept(iteration, torch.tensor(data_term if iteration % EVERY == 3 else 0.0))
        if not sound:
            back.append((look, fit.number))
    return back, footing.lost


def test_a_spike_is_five_decibels_of_what_the_fit_had_come_to():
    assert followed([1.0, 0.5, 1.5, 0.5]) == ([], False)
    assert followed([1.0, 0.5, 1.6, 0.5, 0.4, 9.0]) == ([(3, 2), (6, 5)], False)
    # Near nothing, errors go up and down, and what is excited has data terms below 0.
    assert followed([1.0, 1e-6, 9e-3]) == ([], False)
    assert followed([-1.0, -5.0, -1.0, -0.1]) == ([], False)
    assert followed([1.0, 0.5, 1.6], spikes=False) == ([], False)


def test_what_comes_again_is_no_chance():
    # A level that stays is what the data term is now ...
    back, lost = followed([1.0, 0.1] + [0.9] * 6)
    assert [look for look, _ in back] == [3, 4, 5] and len(back) == TIMES and not lost
    # ... and numbers that are none end the run, with the last sound state.
    back, lost = followed([1.0, 0.1] + [float("nan")] * (TIMES + 1))
    assert back[-1] == (TIMES + 3, 2) and lost
