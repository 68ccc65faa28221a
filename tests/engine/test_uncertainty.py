"""How far a result may be from the truth, by runs that differ and pixels they did not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dip.engine.judging import Unseen
from napari_dip.engine.noise import Noise
from napari_dip.engine.problem import Problem
from napari_dip.engine.uncertainty import Guess, deviation, made_anew

SIZE, NOISE = 96, 0.1


def smoothed(image):
    """Return the mean of 3 x 3 pixels, and what it would be without the middle one."""
    box = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(image[None], (1,) * 4, "reflect"), 3, 1)[0]
    return box, (9 * box - image) / 8


@pytest.mark.parametrize("folds", [1, 2])
def test_of_a_smoother_whose_error_is_known_it_is_as_large_as_the_error(folds):
    generator = torch.Generator().manual_seed(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    truth = torch.from_numpy(0.5 + 0.2 * np.sin(x / 6) * (x > SIZE / 2) * np.sign(np.sin(y))).float()[None]
    measured = truth + NOISE * torch.randn(truth.shape, generator=generator)
    problem = Problem(measured, noise=Noise(0.0, 0.0, NOISE))
    guesses = []
    for _ in range(folds):
        image, without = smoothed(measured)
        where = torch.randperm(SIZE**2, generator=generator)[:900]
        errors = (without - measured).flatten(1)[:, where]
        guesses.append(Guess(image, Unseen(where, errors)))
    anew, _ = smoothed(made_anew(problem, guesses[0].image, 1).measurement)
    found, error = deviation(problem, guesses, anew), guesses[0].image - truth
    assert float(found.square().mean() / error.square().mean()) == pytest.approx(1, abs=0.45)
    # Lines of one pixel are lost on the right.
    assert found[..., 60:].mean() > 1.2 * found[..., :36].mean()


def test_noise_made_anew_is_as_strong_and_as_correlated():
    image = torch.full((1, 128, 128), 0.5)
    noise = Noise(0.02, 0.1, 0.05, ((0.5, 0.2, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)))
    made = (made_anew(Problem(image, noise=noise), image, 3).measurement - image)[0].numpy()
    assert made.std() == pytest.approx(np.sqrt(0.02 * 0.4 + 0.05**2), rel=0.03)
    down, along = (np.mean(made[1:] * made[:-1]), np.mean(made[:, 1:] * made[:, :-1])) / made.var()
    assert down == pytest.approx(0.5, abs=0.06)
    assert along == pytest.approx(0, abs=0.06)


def test_without_held_out_pixels_and_other_noise_nothing_is_told():
    problem = Problem(torch.rand(1, 16, 16), noise=Noise(0.0, 0.0, NOISE))
    assert deviation(problem, [Guess(problem.measurement, None)] * 2, None) is None
