import numpy as np
import pytest
import torch
from skimage import data
from skimage.restoration import inpaint_biharmonic

from napari_dip.engine.filters import gaussian_blur, interpolate, laplacian, smooth_fill
from napari_dip.engine.operators import Downsample, Identity


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


def test_an_interpolation_is_the_thin_plate():
    """As scikit-image's biharmonic equation has it, between half of the pixels of a photograph."""
    rng = np.random.default_rng(0)
    image = data.camera()[100:164, 200:264] / 255
    missing = rng.random(image.shape) < 0.5
    weights = torch.tensor(~missing, dtype=torch.float32)[None, None]
    ours = interpolate(Identity(), torch.tensor(image).float()[None, None], weights)[0, 0].numpy()
    theirs = inpaint_biharmonic(np.where(missing, 0, image), missing)

    def error(filled):
        return np.mean((filled - image)[missing] ** 2)

    assert error(ours) < 1.1 * error(theirs)
    assert np.mean((ours - theirs)[missing] ** 2) < 0.2 * error(theirs)


@pytest.mark.parametrize(("shape", "factors"), [((16, 20), (4, 4)), ((5, 16, 16), (3, 1, 1))])
def test_an_interpolation_reproduces_a_coarse_measurement(shape, factors):
    operator = Downsample(factors)
    fine = torch.randn(1, 1, *operator.image_shape(shape), generator=torch.Generator().manual_seed(0))
    coarse = operator(gaussian_blur(fine, 4.0))
    there = operator(interpolate(operator, coarse, torch.ones_like(coarse)))
    assert (there - coarse).square().mean() < 0.01 * coarse.square().mean()


def test_an_interpolation_does_not_depend_on_what_is_missing_and_goes_on_to_the_end():
    weights = torch.zeros(1, 1, 32, 96)
    weights[..., :16] = 1
    values = torch.where(weights > 0, 5.0, -100.0)
    out = interpolate(Identity(), values, weights)
    assert torch.equal(out, interpolate(Identity(), values * weights, weights))
    assert torch.allclose(out, torch.tensor(5.0), atol=0.01)


def test_a_laplacian_is_its_own_adjoint_and_nothing_where_an_image_is_flat():
    u, v = torch.randn(2, 1, 2, 5, 7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert (laplacian(u) * v).sum() == pytest.approx(float((u * laplacian(v)).sum()))
    assert laplacian(torch.ones(1, 1, 8, 8)).abs().max() == 0


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


def test_a_blur_is_as_wide_in_a_volume_of_few_planes():
    plane = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    volume = plane[:, :, None].expand(-1, -1, 2, -1, -1)
    torch.testing.assert_close(gaussian_blur(volume, 2.0)[:, :, 0], gaussian_blur(plane, 2.0))
