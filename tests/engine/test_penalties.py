from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from skimage.restoration import denoise_tv_chambolle

from napari_dip.engine.fit import Fit
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.noise import Noise
from napari_dip.engine.operators import Blur, Downsample, Identity
from napari_dip.engine.penalties import (
    NoPenalty,
    Tikhonov,
    TotalVariation,
    total_variation,
)
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.engine.solver import iterate, resolve
from napari_dip.engine.stopping import Fixed

TV = PRESETS["denoise"]["tv"]


def scene(*shape, sigma=0.1, seed=0):
    """Boxes on a slope, with noise and without."""
    y, x = np.indices(shape)[-2:] / shape[-1]
    truth = 0.3 + 0.2 * x + 0.3 * ((abs(x - 0.5) < 0.25) & (abs(y - 0.4) < 0.2))
    noisy = truth + np.random.default_rng(seed).normal(0, sigma, shape)
    return noisy.astype(np.float32), truth.astype(np.float32)


def fixed(penalty, iterations=150):
    return replace(TV, penalty=penalty, stopping=Fixed(), iterations=iterations, device="cpu")


def quick(settings):
    """The same in a quarter of the iterations."""
    return replace(
        settings,
        penalty=replace(settings.penalty, halving=15),
        stopping=replace(settings.stopping, wait=50, every=5),
        finish=30,
        device="cpu",
    )


def end(problem, settings):
    *_, last = iterate(problem, settings)
    return last


def fitted(measured, settings):
    return end(Problem(torch.from_numpy(measured)[None]), settings).best()[0].numpy()


def tv_objective(image, measured, weight):
    """What scikit-image minimises, for each pixel."""
    gradient = np.stack(
        [np.diff(image, axis=axis, append=image.take([-1], axis)) for axis in range(image.ndim)]
    )
    lengths = np.sqrt((gradient**2).sum(0))
    return ((image - measured) ** 2).mean() / 2 + weight * lengths.mean()


@pytest.mark.parametrize("shape", [(32, 40), (5, 16, 20)])
@pytest.mark.parametrize("weight", [0.03, 0.15])
def test_total_variation_comes_to_scikit_images_minimum(shape, weight):
    measured, _ = scene(*shape)
    theirs = denoise_tv_chambolle(measured, weight, eps=1e-6, max_num_iter=1000)
    ours = fitted(measured, fixed(TotalVariation(weight)))
    assert tv_objective(ours, measured, weight) == pytest.approx(
        tv_objective(theirs, measured, weight), rel=0.01
    )
    other = fitted(measured, fixed(TotalVariation(3 * weight)))
    assert tv_objective(other, measured, weight) > 1.05 * tv_objective(theirs, measured, weight)


@pytest.mark.parametrize("weight", [0.5, 8.0])
def test_tikhonov_comes_to_the_linear_filter_that_it_is(weight):
    measured, _ = scene(32, 40)
    waves = [2 - 2 * np.cos(np.pi * np.arange(size) / size) for size in measured.shape]
    filtered = idctn(dctn(measured) / (1 + weight * np.add.outer(*waves)))
    assert abs(fitted(measured, fixed(Tikhonov(weight), 250)) - filtered).max() < 0.01


def test_each_form_of_total_variation_is_smallest_by_its_own_measure():
    measured, _ = scene(40, 40)
    measured = measured + 0.3 * (np.add.outer(np.arange(40), np.arange(40)) > 40).astype(
        np.float32
    )  # a slant
    images = {
        form: torch.from_numpy(fitted(measured, fixed(TotalVariation(0.1, isotropic=form))))[None, None]
        for form in (True, False)
    }

    def objective(image, form):
        data = (image[0, 0] - torch.from_numpy(measured)).square().mean() / 2
        return float(data + 0.1 * TotalVariation(isotropic=form)(image))

    assert objective(images[True], True) < 0.995 * objective(images[False], True)
    assert objective(images[False], False) < 0.995 * objective(images[True], False)


def test_a_flat_image_has_no_penalty_and_a_gradient():
    for penalty in (TotalVariation(), Tikhonov()):
        flat = torch.full((1, 1, 8, 8), 0.3, requires_grad=True)
        penalty(flat).backward()
        assert penalty(flat).item() == 0
        assert flat.grad.abs().max() == 0


def test_penalties_of_a_ramp_are_known():
    ramp = torch.arange(100.0).expand(1, 2, 50, 100)
    assert TotalVariation()(ramp).item() == pytest.approx(0.99, rel=2e-3)
    assert Tikhonov()(ramp).item() == pytest.approx(0.99 / 2)
    assert total_variation(ramp).item() == pytest.approx(1.0)


@pytest.mark.parametrize("penalty", [TotalVariation(), Tikhonov()])
def test_the_weight_that_is_found_is_nearly_the_best(penalty):
    measured, truth = scene(40, 40)
    noise = Noise(0.0, 0.0, 0.1)
    problem = Problem(torch.from_numpy(measured)[None], noise=noise)
    found = end(problem, replace(TV, penalty=penalty, device="cpu"))
    assert found.stopped_by == "stopping rule"

    def error(image):
        return float(((image - truth) ** 2).mean())

    weights = [0.06, 0.12, 0.2] if penalty.name == "tv" else [1, 2, 4]
    best = min(error(fitted(measured, fixed(replace(penalty, weight=weight)))) for weight in weights)
    assert error(found.best()[0].numpy()) < 1.1 * best
    assert best < 0.4 * error(measured)


def blurred(shape):
    psf = torch.ones((3,) * len(shape))
    return Blur(psf)


OPERATORS = {
    "denoise": lambda shape: Identity(),
    "super-resolve": lambda shape: Downsample((2,) * len(shape)),
    "deconvolve": blurred,
}


@pytest.mark.parametrize("name", ["tv", "tikhonov"])
@pytest.mark.parametrize("shape", [(24, 24), (6, 10, 10)])
@pytest.mark.parametrize("task", list(OPERATORS))
def test_each_task_is_solved_in_planes_and_volumes(task, shape, name):
    operator = OPERATORS[task](shape)
    whole = operator.image_shape(shape)
    truth = torch.from_numpy(scene(*whole, sigma=0)[1])[None, None]
    rng = torch.Generator().manual_seed(0)
    noise = 0.1 if task == "denoise" else 0.02
    measured = operator(truth) + noise * torch.randn(operator(truth).shape, generator=rng)
    known = torch.rand(measured.shape[1:], generator=rng) < 0.8  # and some pixels are missing
    problem = Problem(torch.where(known, measured[0], torch.nan), known, operator)
    restored = end(problem, quick(PRESETS[task][name])).best()[None]
    smooth = end(problem, fixed(Tikhonov(300.0), 100)).best()[None]
    inside = (..., *(slice(1, size - 1) for size in whole))
    assert (restored - truth)[inside].square().mean() < 0.35 * (smooth - truth)[inside].square().mean()
    missing = ~known[None]
    predicted = (operator(restored) - operator(truth))[missing].square().mean()
    assert predicted < 0.02


def test_the_weight_falls_until_the_best_is_found_and_stays_there():
    measured, _ = scene(32, 32)
    weights = []

    class Watched(TotalVariation):
        def weight_at(self, iteration):
            weights.append(super().weight_at(iteration))
            return weights[-1]

    last = end(
        Problem(torch.from_numpy(measured)[None], noise=Noise(0.0, 0.0, 0.1)),
        quick(replace(TV, penalty=Watched())),
    )
    assert weights[0] == 1.0 and weights[15] == 0.5
    assert len(weights) == last.iteration
    finish = weights[-30:]
    assert set(finish) == {weights[last.best_iteration]}
    assert finish[0] > min(weights)


def test_another_problem_is_begun_with_a_strong_weight():
    measured, _ = scene(24, 24)
    problem = Problem(torch.from_numpy(measured)[None])
    fit = Fit(problem, resolve(replace(TV, device="cpu")))
    fit.show(fit.problem.weights)
    for iteration in range(1, 31):
        fit.step(iteration)
    assert fit.fallen == 30
    fit.take(replace(problem, known=torch.rand(1, 24, 24) < 0.9))
    assert fit.fallen == 0


@pytest.mark.parametrize("shape", [(1, 2, 5, 6), (1, 1, 3, 4, 5), (1, 1, 1, 4, 5), (1, 1, 1, 1)])
def test_total_variation_has_the_gradient_that_it_says(shape):
    x = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: 3 * total_variation(x), x)


def test_a_weight_is_found_anew_for_each_plane_of_a_stack():
    problem = Problem(torch.from_numpy(scene(24, 24)[0])[None])
    *_, last = iterate(problem, replace(TV, iterations=20, device="cpu"))
    sought = next(iterate(problem, replace(TV, device="cpu"), last.neighbour()))
    given = next(iterate(problem, fixed(TotalVariation(0.1)), last.neighbour()))
    assert (sought.warm, given.warm) == (False, True)


def test_beside_a_network_it_makes_its_picture_smoother():
    measured, _ = scene(24, 24, sigma=0.2)
    settings = replace(
        PRESETS["denoise"]["fast"],
        network=Hourglass((8, 16), bias=False),
        stopping=Fixed(),
        iterations=60,
        tv=0.0,
        correction="none",
        precision="float32",
        device="cpu",
    )
    penalties = {"none": NoPenalty(), "tv": TotalVariation(0.1), "tikhonov": Tikhonov(4.0)}
    rough = {
        name: total_variation(
            torch.from_numpy(fitted(measured, replace(settings, penalty=penalty)))[None, None]
        )
        for name, penalty in penalties.items()
    }
    assert rough["tv"] < 0.7 * rough["none"]
    assert rough["tikhonov"] < 0.7 * rough["none"]


def test_settings_of_before_there_were_penalties_still_work():
    settings = PRESETS["denoise"]["fast"]
    old = settings.to_dict()
    del old["penalty"]
    assert settings.changed(**old) == settings
    assert isinstance(settings.penalty, NoPenalty)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"penalty": "entropy"}, "penalty 'entropy' does not exist. Choose one of: none, tv, tikhonov"),
        ({"penalty": {"name": "tv", "weight": -1.0}}, "weight of .tv. must be .*of at least 0"),
        ({"penalty": {"name": "tikhonov", "start": 0.0}}, "start of .tikhonov. must be a number above 0"),
        ({"penalty": {"name": "tv", "halving": 0}}, "halving of .tv. must be a whole number of at least 1"),
        ({"penalty": {"name": "tikhonov", "isotropic": True}}, "'isotropic' is not known"),
        ({"optimiser": {"name": "adam", "memory": 1.0}}, "memory of .adam. must be .*below 1"),
    ],
)
def test_bad_penalties_are_refused_in_one_sentence(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PRESETS["denoise"]["fast"].changed(**change)


def test_more_memory_is_asked_for_than_the_pixels_take():
    from napari_dip.engine.memory import memory_of

    problem = Problem(torch.empty(1, 500, 400, device="meta"))
    assert memory_of(problem, TV) > 20 * 4 * 500 * 400
    assert isinstance(TV, Settings)
