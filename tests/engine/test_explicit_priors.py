import pytest
import torch
from skimage import data

from napari_dip.engine import hints, patches, shrinkage
from napari_dip.engine.noise import Noise
from napari_dip.engine.patches import nonlocal_bayes
from napari_dip.engine.problem import Problem
from napari_dip.engine.shrinkage import shrink


def by_patches(image, noise):
    return nonlocal_bayes(image, shrink(image, noise), noise)


both = pytest.mark.parametrize("denoise", [shrink, by_patches])


def scene(*shape):
    """A smooth wave with an edge."""
    y, x = (torch.linspace(0, 1, size) for size in shape)
    return (0.3 + 0.2 * torch.sin(6 * x) * torch.cos(4 * y[:, None]) + 0.3 * (x > 0.5))[None, None]


def noisy(truth, noise, seed=0):
    normal = torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
    return truth + noise.variance(truth).sqrt() * normal


def mse(a, b):
    return float((a - b).square().mean())


@both
@pytest.mark.parametrize("noise", [Noise(0.0, 0.0, 0.1), Noise(0.03, 0.0, 0.02), Noise(0.05, 0.1, 0.0)])
@pytest.mark.parametrize("shape", [(64, 64), (61, 83)])
def test_most_of_the_noise_is_taken_away(denoise, noise, shape):
    truth = scene(*shape)
    image = noisy(truth, noise)
    assert mse(denoise(image, noise), truth) < 0.15 * mse(image, truth)


def test_what_repeats_is_seen_more_clearly_by_its_patches():
    tile = torch.rand(5, 5, generator=torch.Generator().manual_seed(1))
    truth = torch.kron(torch.ones(16, 16), tile)[None, None]
    noise = Noise(0.0, 0.0, 0.15)
    image = noisy(truth, noise)
    assert mse(by_patches(image, noise), truth) < 0.6 * mse(shrink(image, noise), truth)


@pytest.fixture
def face():
    """A noisy photograph as a problem, and its truth."""
    truth = torch.from_numpy(data.camera()[64:128, 128:192] / 255)[None, None].float()
    noise = Noise(0.0, 0.0, 0.1)
    return Problem(noisy(truth, noise)[0], noise=noise), truth


def asked(problem, parts):
    pilot = shrink(problem.filled, problem.noise)
    return hints.by_patches(problem, problem.weights, pilot, parts)


def test_patches_that_are_asked_twice_tell_more(face):
    problem, truth = face
    once, twice = (mse(asked(problem, parts), truth) for parts in ((1.0,), hints.PARTS))
    assert twice < 0.96 * once


def test_patches_with_less_of_their_noise_left_count_for_more(face, monkeypatch):
    problem, truth = face
    weighted = mse(asked(problem, (1.0,)), truth)
    monkeypatch.setattr(patches, "LEFT", 1e9)  # all count the same
    assert weighted < 0.98 * mse(asked(problem, (1.0,)), truth)


@both
def test_noise_that_is_shared_by_neighbours_is_known_by_its_correlation(denoise):
    truth, kernel = scene(96, 96), torch.tensor([0.25, 0.5, 0.25])
    blur = (kernel[:, None] * kernel)[None, None]
    white = torch.randn(1, 1, 98, 98, generator=torch.Generator().manual_seed(0))
    shared = torch.nn.functional.conv2d(white, blur) / blur.square().sum().sqrt()
    image = truth + 0.1 * shared
    along = (2 / 3, 1 / 6, 0.0, 0.0)
    told, untold = (mse(denoise(image, Noise(0.0, 0.0, 0.1, c)), truth) for c in ((along, along), ()))
    assert told < 0.5 * untold


@both
def test_a_measured_correlation_that_no_noise_can_have_does_no_harm(denoise):
    truth, impossible = scene(48, 48), (0.9, 0.1, 0.0, 0.6)
    image = noisy(truth, Noise(0.0, 0.0, 0.1))
    restored = denoise(image, Noise(0.0, 0.0, 0.1, (impossible, impossible)))
    assert mse(restored, truth) < 2 * mse(image, truth)


@both
def test_without_noise_nothing_changes(denoise):
    truth = scene(40, 40)
    assert torch.allclose(denoise(truth, Noise(0.0, 0.0, 0.0)), truth, atol=1e-3)


@both
def test_brightness_and_units_do_not_matter(denoise):
    truth, noise = scene(48, 48), Noise(0.03, 0.1, 0.05)
    image = noisy(truth, noise)
    other = Noise(0.03 * 200, 0.1 * 200 + 100, 0.05 * 200)
    assert torch.allclose(denoise(200 * image + 100, other), 200 * denoise(image, noise) + 100, atol=0.5)


@both
def test_strips_leave_no_trace(denoise, monkeypatch):
    noise = Noise(0.0, 0.0, 0.1)
    image = noisy(scene(70, 50), noise)
    whole = denoise(image, noise)
    monkeypatch.setattr(shrinkage, "AT_ONCE_ON_CPU", 200)
    monkeypatch.setattr(patches, "ROWS", 3)
    monkeypatch.setattr(patches, "AT_ONCE", 50)
    assert torch.allclose(denoise(image, noise), whole, atol=1e-4)


@both
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (1, 1, 8, 8), (1, 1, 8, 40), (1, 1, 3, 20), (1, 3, 16, 16), (1, 1, 5, 16, 16)]
)
def test_any_shape_keeps_it(denoise, shape):
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    result = denoise(image, Noise(0.0, 0.0, 0.1))
    assert result.shape == shape
    assert result.isfinite().all()
