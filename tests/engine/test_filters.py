import pytest
import torch

from napari_dip.engine.filters import gaussian_blur, smooth_fill, spread


@pytest.mark.parametrize("shape", [(20, 24), (9, 12, 16)])
def test_a_blur_keeps_a_flat_image_and_widens_a_point(shape):
    flat = torch.full((1, 2, *shape), 3.0)
    assert torch.allclose(gaussian_blur(flat, 1.5), flat, atol=1e-5)
    point = torch.zeros(1, 1, 41, 41)
    point[..., 20, 20] = 1
    blurred = gaussian_blur(point, 2.0)
    x = torch.arange(41.0) - 20
    assert blurred.sum() == pytest.approx(1, abs=1e-4)
    assert (blurred.sum(2) * x**2).sum() == pytest.approx(4, rel=0.03)


def test_spread_gives_the_mean_of_the_neighbours_that_count_and_nothing_far_from_them():
    values, weights = torch.full((1, 1, 32, 64), 5.0), torch.zeros(1, 1, 32, 64)
    weights[..., :16] = 1
    out = spread(values * weights, weights, 1.0)
    assert torch.allclose(out[..., :16], torch.tensor(5.0), atol=0.15)
    assert out[..., 17].mean() > 3
    assert out[..., 40:].abs().max() == 0


def test_a_smooth_fill_keeps_what_is_known_and_continues_a_ramp():
    ramp = torch.arange(64.0).expand(1, 1, 64, 64) / 64
    weights = torch.ones_like(ramp)
    weights[..., 20:44, 20:44] = 0
    filled = smooth_fill(torch.where(weights > 0, ramp, torch.tensor(9.0)), weights)
    assert torch.equal(filled[weights > 0], ramp[weights > 0])
    assert (filled - ramp)[weights == 0].abs().max() < 0.15


def test_a_large_hole_is_filled_to_its_middle():
    weights = torch.zeros(1, 1, 128, 128)
    weights[..., 0, 0] = 1
    assert torch.allclose(smooth_fill(torch.full_like(weights, 0.3), weights), torch.tensor(0.3), atol=1e-3)
