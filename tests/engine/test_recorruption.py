from dataclasses import replace

import pytest
import torch

from napari_dip.engine.fit import Fit
from napari_dip.engine.hints import by_patches
from napari_dip.engine.likelihoods import Huber
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises, shared
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.recorruption import Recorruption, input_of
from napari_dip.engine.solver import resolve
from napari_dip.engine.stopping import Fixed

WHITE = Noise(0.02, 0.1, 0.05)
SHARED = replace(WHITE, correlation=((0.6, 0.2), (0.5, 0.1)))
SETTINGS = resolve(
    replace(PRESETS["denoise"]["best"], network=Hourglass((8, 16), padding="zeros"), device="cpu")
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("correlation", "more"), [(0.0, 1), (0.2, 1), (0.4, 2)])
def test_the_more_neighbours_share_the_more_is_added(correlation, more):
    little = replace(WHITE, correlation=((correlation, 0.0), (0.0, 0.0)))
    for noise in (little, Noises((WHITE, little))):
        problem = Problem(torch.full((len(list(noise.by_channel())), 32, 32), 0.5), noise=noise)
        chosen = input_of(problem, SETTINGS)
        assert chosen.recorruption == more * SETTINGS.input.recorruption > 0


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("noise", [WHITE, Noises((WHITE, WHITE.times(2.0))), SHARED])
def test_neither_of_a_pair_knows_the_noise_of_the_other(noise, strength):
    truth = torch.linspace(0, 1, 256).expand(1, 2, 256, 256)
    variance = torch.cat([one.variance(truth[:, some]) for some, one in noise.by_channel()], 1)
    recorrupt = Recorruption(noise, truth, strength, seeded(1))
    pairs = torch.zeros(3, 2, 256)
    for seed in range(20):
        noisy = shared(torch.randn(truth.shape, generator=seeded(100 + seed)), noise) * variance.sqrt()
        more, less = recorrupt()
        first, second = noisy + more, noisy - less
        terms = (first.square(), second.square(), first * second)
        pairs += torch.stack([(term / variance).mean((0, 2)) for term in terms]) / 20
    expected = torch.tensor([1 + strength**2, 1 + strength**-2, 0.0])[:, None]
    # In all channels, and wherever the image is dark or bright: eight columns at a time are 41,000 numbers.
    deviations = (pairs.view(3, 2, 32, 8).mean(3) - expected.unsqueeze(-1)).abs()
    assert (deviations.amax((1, 2)) < 0.12 * expected.sum() / 2).all()
    assert (deviations.mean((1, 2)) < 0.02 * expected.sum() / 2).all()


@pytest.mark.parametrize(
    "shape", [(1, 2, 301, 200), (1, 1, 40, 101, 60), (1, 1, 4, 900, 900), (1, 1, 2, 900, 900)]
)
def test_neighbours_share_numbers_as_they_share_a_noise(shape):
    along = ((0.3, 0.0), (0.6, 0.2), (0.5, 0.1))[5 - len(shape) :]
    numbers = shared(torch.randn(shape, generator=seeded()), replace(WHITE, correlation=along))
    assert float(numbers.square().mean()) == pytest.approx(1, abs=0.03)
    assert shape[2] > 2 or float((numbers[:, :, 0] * numbers[:, :, 1]).mean()) == pytest.approx(0.3, abs=0.03)
    for axis, correlation in enumerate(along, 2):
        for lag, rho in enumerate((*correlation, 0.0), 1):
            size = shape[axis] - lag
            if size > 20:
                near, far = numbers.narrow(axis, 0, size), numbers.narrow(axis, lag, size)
                assert float((near * far).mean()) == pytest.approx(rho, abs=0.03)


def test_numbers_like_white_noise_are_as_they_were_and_each_channel_is_like_its_noise():
    numbers = torch.randn(1, 2, 200, 200, generator=seeded())
    assert torch.equal(shared(numbers, WHITE), numbers)
    mixed = shared(numbers, Noises((WHITE, SHARED)))
    assert torch.equal(mixed[:, 0], numbers[:, 0])
    assert float((mixed[0, 1, 1:] * mixed[0, 1, :-1]).mean()) == pytest.approx(0.6, abs=0.03)


def test_each_step_has_another_pair_and_each_run_the_same():
    one, other = (
        Recorruption(WHITE, torch.rand(1, 1, 16, 16, generator=seeded()), 1.0, seeded()) for _ in "ab"
    )
    pairs = [one() for _ in range(3)]
    assert not torch.equal(pairs[0][0], pairs[1][0])
    for more, less in pairs:
        again, taken = other()
        assert torch.equal(more, again) and torch.equal(less, taken)


def fit(problem, settings=SETTINGS):
    fit = Fit(problem, settings)
    fit.show(settings.stopping.begin(fit.problem, seeded()).seen)
    return fit


def test_only_noise_that_is_known_is_recorrupted_and_what_neighbours_share_with_more():
    image = torch.rand(1, 32, 32, generator=seeded())
    for noise, strength in ((WHITE, 1.0), (SHARED, 2.0)):
        recorruption = fit(Problem(image, noise=noise)).recorruption
        assert recorruption is not None and recorruption.strength == strength
    for problem, settings in (
        (Problem(image, noise=WHITE, guide=image), SETTINGS),
        (Problem(image), replace(SETTINGS, stopping=PRESETS["denoise"]["ulyanov2018"].stopping)),
        (Problem(image, noise=WHITE), replace(SETTINGS, correction="none")),
        (Problem(image, noise=WHITE), replace(SETTINGS, likelihood=Huber())),
        (Problem(image, noise=WHITE), SETTINGS.changed(input={"recorruption": 0.0})),
    ):
        assert fit(problem, settings).recorruption is None


def test_single_photons_are_not_recorrupted():
    for photons, told in ((2.0, True), (0.1, False)):
        counts = torch.poisson(torch.full((1, 64, 64), photons), generator=seeded())
        noise = Noise(gain=1.0, offset=0.0, read_noise=0.0)
        assert (fit(Problem(counts, noise=noise)).recorruption is not None) == told
        stains = Problem(counts.repeat(2, 1, 1), noise=Noises((noise, WHITE)))
        assert (fit(stains).recorruption is not None) == told


def test_the_input_is_the_image_and_nothing_else():
    image = torch.rand(2, 32, 32, generator=seeded())
    assert fit(Problem(image, noise=WHITE)).input().shape == (1, 2, 32, 32)
    assert fit(Problem(image, noise=SHARED)).input().shape == (1, 2, 32, 32)
    assert fit(Problem(image, noise=WHITE, guide=image)).input().shape == (1, 18, 32, 32)


def test_pixels_that_are_held_out_are_not_in_the_input():
    image = torch.rand(1, 32, 32, generator=seeded())
    first = fit(Problem(image, noise=WHITE))
    changed = torch.where(first.seen[0] > 0, image, 9.0)
    # The rule looks at specks before it hides anything: here it is shown the same pixels.
    second = Fit(Problem(changed, noise=WHITE), SETTINGS)
    second.show(first.seen)
    for one in (first, second):
        for iteration in (1, 2, 3):
            one.step(iteration)
    assert (first.seen == 0).any() and torch.equal(first.average, second.average)


@pytest.mark.parametrize("task", ["denoise", "scattered", "deconvolve"])
def test_without_a_correction_no_pixel_is_in_the_input_that_is_held_out(task):
    image = torch.rand(1, 32, 32, generator=seeded())
    settings = replace(PRESETS[task]["fast"], correction="none", precision="float32", device="cpu")
    one, other = (Fit(Problem(pixels, noise=WHITE), settings) for pixels in (image, 1 - image))
    seen = settings.stopping.begin(one.problem, seeded()).seen
    assert (seen == 0).any()
    for fits in (one, other):
        fits.show(seen)
    assert torch.equal(one.input(), other.input())
    # Where nothing is held out, it is the user's to choose.
    free = replace(settings, stopping=Fixed())
    one, other = (Fit(Problem(pixels, noise=WHITE), free) for pixels in (image, 1 - image))
    for fits in (one, other):
        fits.show(torch.ones_like(seen))
    assert not torch.equal(one.input(), other.input())


def test_total_variation_that_somebody_asks_for_counts():
    image = torch.rand(1, 32, 32, generator=seeded())
    averages = {}
    for tv in (None, 0.0, 4.0):
        one = fit(Problem(image, noise=WHITE), replace(SETTINGS, tv=tv))
        for iteration in (1, 2, 3):
            one.step(iteration)
        averages[tv] = one.average
    assert torch.equal(averages[None], averages[0.0]) and not torch.equal(averages[0.0], averages[4.0])
    # Where noise could be fitted there is some by itself.
    known = Problem(image, noise=WHITE)
    robust = [fit(known, replace(SETTINGS, likelihood=Huber(), tv=tv))._tv for tv in (None, 0.0, 8.0)]
    assert robust == [8.0, 0.0, 8.0]


def test_what_a_run_ends_with_is_told_from_the_generators_own_best_estimate():
    noisy = torch.rand(1, 32, 32, generator=seeded())
    stopping = replace(SETTINGS.stopping, wait=30)
    settings = replace(SETTINGS, stopping=stopping, finish=0, iterations=500)
    figures, estimates = {}, {}

    class Spy(Fit):
        def judged(self, judge, iteration):
            figure = super().judged(judge, iteration)
            figures[iteration], estimates[iteration] = self.least, self.average
            return figure

    one = Spy(Problem(noisy, noise=WHITE), settings)
    judge = settings.stopping.begin(one.problem, seeded())
    one.show(judge.seen)
    for iteration in range(1, 121):
        one.step(iteration)
        if judge.due(iteration):
            one.judged(judge, iteration)
    best = min(figures, key=figures.get)
    one.go_back()
    assert best < 120 and torch.equal(one.average, estimates[best])


def test_a_generator_of_recorrupted_images_takes_up_noise_late():
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    truth = (0.5 + 0.3 * torch.sin(rows / 4) * torch.cos(columns / 5))[None]
    noise = Noise(0.0, 0.0, 0.2)
    noisy = truth + 0.2 * torch.randn(truth.shape, generator=seeded())
    left = {}
    for strength in (0.0, 1.0):
        settings = SETTINGS.changed(input={"recorruption": strength}, tv=0.0)
        one = Fit(Problem(noisy, noise=noise), settings)
        one.show(one.problem.weights)
        for iteration in range(1, 101):
            one.step(iteration)
        left[strength] = (one.average[0] - truth).square().mean().item() / noise.variance(0.5)
    assert left[1.0] < 0.1 and left[0.0] > 0.2


def test_noise_that_neighbours_share_is_recorrupted_with_such_noise():
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    truth = (0.5 + 0.3 * torch.sin(rows / 4) * torch.cos(columns / 5))[None]
    noise = Noise(0.0, 0.0, 0.2, ((0.6, 0.15), (0.6, 0.15)))
    noisy = truth + 0.2 * shared(torch.randn(1, *truth.shape, generator=seeded()), noise)[0]
    left = {}
    for told in (noise, replace(noise, correlation=())):
        one = Fit(Problem(noisy, noise=told), replace(SETTINGS, tv=0.0))
        one.show(one.problem.weights)
        for iteration in range(1, 101):
            one.step(iteration)
        left[told.correlated] = (one.average[0] - truth).square().mean().item() / noise.variance(0.5)
    print(left)
    assert left[True] < 0.2 and left[False] > 2 * left[True]


@pytest.mark.parametrize(
    ("second", "least", "most"), [(None, 0, 0), ("same", 0.4, 0.6), ("another", 0, 0.02)]
)
def test_what_channels_show_together_is_not_left_to_patches_of_each(second, least, most):
    texture = torch.rand(2, 48, 48, generator=seeded())
    truth = {None: texture[:1], "same": texture[[0, 0]], "another": texture}[second]
    one = fit(Problem(truth, noise=WHITE), replace(SETTINGS, finish=0))
    one.step(1)
    one.average = truth[None]  # as if the generator knew
    told = by_patches(one.problem, one.problem.weights, one._explained)
    far = (one.average - told).abs().mean()
    moved = (one.settled(warm=False) - told).abs().mean() / far
    assert far > 1e-2 and least <= moved <= most
