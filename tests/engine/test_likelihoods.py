import pytest
import torch

from napari_dip.engine.likelihoods import L1, Gaussian, Huber, PoissonGaussian
from napari_dip.engine.noise import Noise

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


def test_poisson_gaussian_bounds_the_weight_of_dark_pixels():
    level = torch.tensor([[[[0.0, 1.0, 1.0]]]])
    errors = PoissonGaussian(floor=0.1)(Y + 1, Y, level, PHOTONS).flatten()
    assert (errors[0] / errors[1]).item() == pytest.approx(1 / (0.1 * 2 / 3))
