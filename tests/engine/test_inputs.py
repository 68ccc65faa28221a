import pytest
import torch

from napari_dip.engine.inputs import CoordinateInput, ImageInput, NoiseInput, Perturbed
from napari_dip.engine.problem import Problem


def seeded():
    return torch.Generator().manual_seed(0)


def test_noise_is_uniform_between_0_and_its_scale():
    z = NoiseInput(4, scale=0.1).draw(Problem(torch.zeros(1, 64, 64)), (64, 64), (1, 1), seeded())
    assert tuple(z.shape) == (1, 4, 64, 64)
    assert 0 <= z.min() < 0.001 and 0.099 < z.max() <= 0.1
    assert abs(z.std() - 0.1 / 12**0.5) < 0.001


def test_coordinates_run_from_0_to_1_along_each_axis():
    z = CoordinateInput().draw(Problem(torch.zeros(1, 8, 6)), (8, 6), (2, 2), seeded())
    assert tuple(z.shape) == (1, 2, 4, 3)
    assert torch.allclose(z[0, 0, :, 0], torch.linspace(0, 1, 4))
    assert torch.allclose(z[0, 1, 0], torch.linspace(0, 1, 3))


@pytest.mark.parametrize("chosen", [NoiseInput(3), CoordinateInput()])
def test_every_input_has_the_guide_beside_its_own(chosen):
    alone = Problem(torch.rand(1, 6, 8))
    guided = Problem(alone.measurement, guide=torch.rand(2, 6, 8))
    z = chosen.draw(guided, (8, 8), (2, 1), seeded())
    own = chosen.draw(alone, (8, 8), (2, 1), seeded())
    assert z.shape[1] == chosen.width(guided, (2, 1)) == own.shape[1] + 4
    assert torch.equal(z[:, : own.shape[1]], own)
    # In the middle of the canvas, its rows shared between two channels.
    assert torch.equal(z[0, own.shape[1] :: 2][:, 1:3], guided.guide[:, 1::2][:, :2])


def test_the_guide_takes_the_place_of_an_image():
    guided = Problem(torch.rand(1, 6, 8), guide=torch.rand(1, 6, 8))
    z = ImageInput(2).draw(guided, (6, 8), (1, 1), seeded())
    assert z.shape[1] == ImageInput(2).width(guided, (1, 1)) == 3
    assert torch.equal(z[:, 2], guided.guide)


def test_image_input_fills_missing_pixels_with_the_mean():
    measurement = torch.ones(1, 8, 8)
    measurement[0, 0, 0] = 99.0
    known = torch.ones_like(measurement, dtype=torch.bool)
    known[0, 0, 0] = False
    z = ImageInput().draw(Problem(measurement, known), (8, 8), (2, 2), seeded())
    assert tuple(z.shape) == (1, 4, 4, 4)
    assert torch.equal(z, torch.ones_like(z))


def test_blur_keeps_a_flat_image_and_lowers_the_noise_by_the_kernels_norm():
    draw = ImageInput(blur=2.0).draw
    flat = draw(Problem(torch.full((1, 32, 32), 0.3)), (32, 32), (1, 1), seeded())
    assert torch.allclose(flat, torch.tensor(0.3))
    noise = torch.randn(1, 256, 256, generator=seeded())
    blurred = draw(Problem(noise), (256, 256), (1, 1), seeded())
    assert abs(blurred.std() - 1 / (2 * 2.0 * torch.pi**0.5)) < 0.01


def test_perturbation_is_normal_and_new_at_each_call():
    z = torch.rand(1, 4, 64, 64)
    perturbed = Perturbed(z, 0.02, seeded(), torch.device("cpu"))
    first, second = perturbed() - z, perturbed() - z
    assert abs(first.std() - 0.02) < 0.001 and abs(first.mean()) < 0.001
    assert abs(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]) < 0.05


def test_no_perturbation_leaves_z_as_it_is():
    z = torch.rand(1, 4, 8, 8)
    assert torch.equal(Perturbed(z, 0.0, seeded(), torch.device("cpu"))(), z)


@pytest.mark.parametrize("factors", [(1, 1), (2, 2), (1, 2, 2)])
@pytest.mark.parametrize(
    "given", [NoiseInput(5), CoordinateInput(0), CoordinateInput(3), ImageInput(), ImageInput(channels=4)]
)
def test_the_width_of_an_input_is_known_before_it_is_drawn(given, factors):
    canvas = tuple(16 for _ in factors)
    problem = Problem(torch.rand(3, *canvas))
    drawn = given.draw(problem, canvas, factors, torch.Generator())
    assert drawn.shape[1] == given.width(problem, factors)


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_what_else_is_added_to_the_first_channels_stays_for_one_call(sigma):
    z, more = torch.rand(1, 3, 8, 8, generator=seeded()), torch.ones(1, 2, 8, 8)
    one, other = (Perturbed(z, sigma, seeded(), torch.device("cpu")) for _ in "ab")
    plain, added = one(), other(more)
    assert torch.equal(added[:, :2], plain[:, :2] + 1) and torch.equal(added[:, 2], plain[:, 2])
    assert torch.equal(one(), other())
