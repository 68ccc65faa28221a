from dataclasses import replace

import pytest
import torch

from napari_dip.engine.fit import Fit
from napari_dip.engine.likelihoods import L1, LIKELIHOODS, Gaussian, Huber, LaplacianL1, PoissonGaussian
from napari_dip.engine.noise import Noise
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import resolve

Y = torch.tensor([[[[0.0, 0.0, 0.0]]]])
PHOTONS = Noise(gain=1.0, offset=0.0, read_noise=0.0)
X = torch.tensor([[[[0.05, -0.05, 1.0]]]])


def test_gaussian_is_the_squared_error():
    assert torch.allclose(Gaussian()(X, Y, None, None), X**2)


def test_l1_is_the_absolute_error():
    assert torch.allclose(L1()(X, Y, None, None), X.abs())


def test_huber_is_squared_for_small_errors_and_linear_beyond():
    errors = Huber(delta=0.1)(X, Y, None, None).flatten()
    assert errors[:2].tolist() == pytest.approx([0.0025, 0.0025])
    assert errors[2] == pytest.approx(2 * 0.1 * (1.0 - 0.05))


def test_poisson_gaussian_weighs_pixels_by_their_inverse_variance():
    level = torch.tensor([[[[0.1, 0.2, 0.4]]]])
    errors = PoissonGaussian()(Y + 1, Y, level, PHOTONS).flatten()
    assert (errors[0] / errors[1]).item() == pytest.approx(2.0)
    assert (errors[1] / errors[2]).item() == pytest.approx(2.0)
    assert errors.mean().item() == pytest.approx(1.0)


def test_poisson_gaussian_is_the_squared_error_before_there_is_a_level_or_a_noise():
    assert torch.equal(PoissonGaussian()(X, Y, None, PHOTONS), X**2)
    assert torch.equal(PoissonGaussian()(X, Y, X, None), X**2)
    assert torch.equal(PoissonGaussian()(X, Y, X, Noise(0.0, 0.0, 0.0)), X**2)


def test_poisson_gaussian_bounds_the_weight_of_dark_pixels():
    level = torch.tensor([[[[0.0, 1.0, 1.0]]]])
    errors = PoissonGaussian(floor=0.1)(Y + 1, Y, level, PHOTONS).flatten()
    assert (errors[0] / errors[1]).item() == pytest.approx(1 / (0.1 * 2 / 3))


def pyramid(error):
    return LaplacianL1()(error, torch.zeros_like(error), None, None).mean().item()


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 2, 30, 17), (1, 1, 6, 16, 20), (1, 1, 5, 5)])
def test_a_pyramid_tells_a_constant_error_once_and_none_where_there_is_none(shape):
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    assert pyramid(torch.full(shape, 0.3)) == pytest.approx(0.3, rel=1e-4)
    errors = LaplacianL1()(image, image, None, None)
    assert errors.shape == shape and errors.abs().max() == 0


def test_a_pyramid_sees_an_error_that_pixels_share_beneath_their_noise():
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    y = torch.arange(64.0)
    wave = 0.3 * (torch.sin(y / 5) * torch.sin(y[:, None] / 5))[None, None]
    seen_by_l1 = ((noise + wave).abs() - noise.abs()).mean()
    assert pyramid(noise + wave) - pyramid(noise) > 3 * seen_by_l1 > 0


def test_a_pyramid_grows_in_proportion_to_the_error():
    error = torch.randn(1, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    assert pyramid(-3 * error) == pytest.approx(3 * pyramid(error), rel=1e-5)


def test_a_pyramid_needs_levels():
    with pytest.raises(ValueError, match=r"levels of .* must be a whole number of at least 1, but is 0"):
        LaplacianL1(levels=0)


@pytest.mark.parametrize("likelihood", LIKELIHOODS.values())
def test_what_the_fit_must_not_see_does_not_change_it(likelihood):
    measured = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = (torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1)) < 0.9).float()
    iterates = []
    for hidden in (0.0, 5.0):
        problem = Problem(torch.where(seen[0] > 0, measured, hidden), noise=PHOTONS)
        fit = Fit(problem, resolve(replace(PRESETS["denoise"]["tv"], likelihood=likelihood(), device="cpu")))
        fit.show(seen)
        for iteration in range(1, 6):
            fit.step(iteration)
        iterates.append(fit.last)
    assert torch.equal(*iterates)


@pytest.mark.parametrize("term", LIKELIHOODS.values())
def test_similar_patches_are_asked_only_where_no_outliers_are_expected(term):
    problem = Problem(torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0)), noise=PHOTONS)
    fast = replace(PRESETS["denoise"]["fast"], likelihood=term(), device="cpu", precision="float32")
    fit = Fit(problem, resolve(fast))
    fit.show(fit.problem.weights)
    fit.step(1)
    asked = not torch.equal(fit.settled(warm=False), fit.estimate)
    assert asked == (term in (Gaussian, PoissonGaussian))
