import pytest
import torch

from napari_dip.engine.likelihoods import L1, Gaussian, Huber, PoissonGaussian

Y = torch.tensor([[[[0.0, 0.0, 0.0]]]])
X = torch.tensor([[[[0.05, -0.05, 1.0]]]])


def test_gaussian_is_the_squared_error():
    assert torch.allclose(Gaussian()(X, Y, None), X**2)


def test_l1_is_the_absolute_error():
    assert torch.allclose(L1()(X, Y, None), X.abs())


def test_huber_is_squared_for_small_errors_and_linear_beyond():
    errors = Huber(delta=0.1)(X, Y, None).flatten()
    assert errors[:2].tolist() == pytest.approx([0.0025, 0.0025])
    assert errors[2] == pytest.approx(2 * 0.1 * (1.0 - 0.05))


def test_poisson_gaussian_weighs_pixels_by_their_inverse_variance():
    level = torch.tensor([[[[0.1, 0.2, 0.4]]]])
    errors = PoissonGaussian(gain=1.0, offset=0.0, read_noise=0.0)(Y + 1, Y, level).flatten()
    assert (errors[0] / errors[1]).item() == pytest.approx(2.0)
    assert (errors[1] / errors[2]).item() == pytest.approx(2.0)
    assert errors.mean().item() == pytest.approx(1.0)


def test_poisson_gaussian_is_the_squared_error_before_there_is_a_level_or_a_noise():
    assert torch.equal(PoissonGaussian(1.0, 0.0, 0.0)(X, Y, None), X**2)
    assert torch.equal(PoissonGaussian()(X, Y, X), X**2)


def test_poisson_gaussian_bounds_the_weight_of_dark_pixels():
    level = torch.tensor([[[[0.0, 1.0, 1.0]]]])
    errors = PoissonGaussian(gain=1.0, offset=0.0, read_noise=0.0, floor=0.1)(Y + 1, Y, level).flatten()
    assert (errors[0] / errors[1]).item() == pytest.approx(1 / (0.1 * 2 / 3))
