import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve
from skimage.measure import block_reduce

from napari_dip.engine.operators import Blur, Box, Downsample, Gaussian, Identity, Lanczos


def dot(a, b):
    return (a.double() * b.double()).sum()


KERNELS = st.one_of(
    st.just(Box()), st.integers(1, 4).map(Lanczos), st.floats(0.05, 5).map(lambda fwhm: Gaussian(fwhm))
)


@st.composite
def operators(draw):
    """Return a linear operator over 2 or 3 axes, and the shape of what it measures."""
    axes = draw(st.integers(2, 3))

    def each(one):
        return tuple(draw(one) for _ in range(axes))

    measured = each(st.integers(1, 8))
    kind = draw(st.sampled_from([Identity, Downsample, Blur]))
    if kind is Downsample:
        return Downsample(each(st.integers(1, 5)), each(KERNELS)), measured
    if kind is Blur:
        psf = torch.rand(*(2 * size + 1 for size in each(st.integers(0, 3))))
        return Blur(psf + 0.01), measured
    return Identity(), measured


@settings(max_examples=100, deadline=None, derandomize=True)
@given(operators(), st.integers(0, 2**32))
def test_the_adjoint_is_the_transpose(operator_and_shape, seed):
    a, measured = operator_and_shape
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 2, *a.image_shape(measured), generator=random)
    y = torch.randn(1, 2, *measured, generator=random)
    assert a(x).shape == y.shape and a.adjoint(y).shape == x.shape
    scale = a(x).norm() * y.norm() + 1e-6
    assert abs(dot(a(x), y) - dot(x, a.adjoint(y))) < 1e-5 * scale


@pytest.mark.parametrize("kernel", [Lanczos(), Box(), Gaussian(1.5), Gaussian(0.01), Gaussian(1e-200)])
@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8])
def test_a_ramp_is_sampled_at_the_centres_of_the_coarse_pixels(factor, kernel):
    fine = torch.arange(16 * factor, dtype=torch.float32).expand(1, 1, 4, -1)
    coarse = Downsample((1, factor), (kernel,))(fine)
    centres = (torch.arange(16) + 0.5) * factor - 0.5
    # Away from the border, where the mean is one-sided.
    assert torch.allclose(coarse[0, 0, 0, 4:-4], centres[4:-4], atol=1e-3)


@pytest.mark.parametrize("kernel", [Lanczos(), Box(), Gaussian(1.5)])
def test_a_flat_image_stays_flat_up_to_the_border(kernel):
    flat = torch.full((1, 1, 12, 12), 0.7)
    assert torch.allclose(Downsample((3, 4), (kernel,))(flat), torch.tensor(0.7), atol=1e-6)


def test_box_is_camera_binning():
    x = torch.rand(1, 3, 12, 20)
    binned = Downsample((3, 4), (Box(),))(x)
    expected = torch.tensor(block_reduce(x[0].numpy(), (1, 3, 4), func=lambda a, axis: a.mean(axis)))
    assert torch.allclose(binned[0], expected, atol=1e-6)


def test_the_gaussian_has_the_width_that_it_says():
    # An impulse on the fine grid, seen by every coarse pixel: the point spread function itself.
    factor, fwhm = 8, 3.0
    impulse = torch.zeros(1, 1, 1, 64 * factor)
    impulse[..., 32 * factor + factor // 2] = 1
    seen = Downsample((1, factor), (Gaussian(fwhm),))(impulse)[0, 0, 0].double()
    x = torch.arange(64)
    mean = (seen * x).sum() / seen.sum()
    deviation = ((seen * (x - mean) ** 2).sum() / seen.sum()).sqrt()
    assert deviation * (8 * torch.tensor(2.0).log()).sqrt() == pytest.approx(fwhm, rel=0.01)


def test_axes_may_have_kernels_of_their_own():
    x = torch.rand(1, 1, 8, 6, 6)
    a = Downsample((4, 2, 2), (Gaussian(2.0), Box(), Box()))
    b = Downsample((4, 1, 1), (Gaussian(2.0),))(Downsample((1, 2, 2), (Box(),))(x))
    assert torch.allclose(a(x), b, atol=1e-6)


def test_a_gaussian_without_width_is_refused():
    with pytest.raises(ValueError, match=r"fwhm of .gaussian. must be a number above 0"):
        Gaussian(0.0)


def test_blur_is_a_convolution_without_what_lies_beyond_the_image():
    psf, x = torch.rand(5, 3), torch.randn(1, 1, 13, 17)
    expected = convolve(x[0, 0].numpy(), (psf / psf.sum()).numpy(), mode="valid")
    assert torch.allclose(Blur(psf)(x)[0, 0], torch.tensor(expected), atol=1e-6)


def test_blur_loses_no_light_and_makes_none():
    a = Blur(torch.rand(5, 7, dtype=torch.float64))
    point = torch.zeros(1, 1, *a.image_shape((12, 16)))
    point[..., 8, 10] = 3.0
    assert a(point).sum() == pytest.approx(3.0, abs=1e-5)
    flat = torch.full_like(point, 0.7)
    assert torch.allclose(a(flat), torch.tensor(0.7), atol=1e-6)  # up to the border
