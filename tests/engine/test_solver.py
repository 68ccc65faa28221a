import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_dip.engine.fit import STEPS, TRUSTED, Fit
from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.inputs import ImageInput, NoiseInput
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.noise import Noise
from napari_dip.engine.penalties import total_variation
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import iterate, resolve
from napari_dip.engine.stopping import Fixed

FAST = PRESETS["denoise"]["fast"]
QUICK = replace(
    FAST,
    network=Hourglass((8, 16, 16), bias=False),
    input=NoiseInput(8, perturbation=0.02),
    stopping=HeldOut(guard=None),
    precision="float32",
    device="cpu",
    iterations=400,
    finish=0,
    tv=0.0,
)


def picture(size=48, sigma=0.15, seed=0):
    y, x = np.mgrid[:size, :size] / size
    truth = 0.5 + 0.3 * np.sign(np.sin(9 * x) * np.sin(7 * y + x)).astype(np.float32)
    noise = np.random.default_rng(seed).normal(0, sigma, truth.shape)
    return (torch.tensor(a, dtype=torch.float32)[None] for a in (truth + noise, truth))


def mse(a, b):
    return (a - b).square().mean().item()


def test_the_loop_denoises_and_stops_by_its_rule():
    noisy, truth = picture(64)
    errors, last = [], None
    for last in iterate(Problem(noisy, noise=Noise(0.0, 0.0, 0.15)), QUICK):
        errors.append(mse(last.estimate(), truth))
    assert last.stopped_by == "stopping rule"
    assert mse(last.best(), truth) < 0.35 * mse(noisy, truth)
    # Within 1 dB: the rule watches a few hundred pixels here.
    assert mse(last.best(), truth) < 10**0.1 * min(errors)


def test_a_fixed_number_of_iterations_ends_a_run_that_is_thrown_off_just_then(monkeypatch):
    monkeypatch.setattr("napari_dip.engine.solver.Footing.kept", lambda *what: False)
    noisy, _ = picture(24)
    its = list(iterate(Problem(noisy), replace(QUICK, stopping=Fixed(at=6), iterations=30)))
    assert (its[-1].iteration, its[-1].stopped_by) == (6, "stopping rule")


def test_the_limit_on_time_counts_in_the_finish_too(monkeypatch):
    noisy, _ = picture(24)
    settings = replace(QUICK, stopping=Fixed(at=6), iterations=30, finish=20, seconds=1e6)
    run = iterate(Problem(noisy), settings)
    assert [next(run).iteration for _ in range(9)] == list(range(1, 10))  # three of the finish
    monkeypatch.setattr("napari_dip.engine.solver._late", lambda *what: True)
    last = next(run)
    assert last.stopped_by == "time limit" and last.best().isfinite().all()
    assert next(run, None) is None


def test_what_is_known_again_is_guessed_no_more_and_what_is_not_still_is():
    noisy, _ = picture(32)
    known, more = torch.ones(2, 1, 32, 32, dtype=torch.bool)
    known[:, 8:24, 8:24], more[:, 16:24, 8:24] = False, False
    settings = replace(QUICK, guess=30)
    run = iterate(Problem(noisy, known), settings)
    for _ in range(3):
        next(run)
    fit = run.send(Problem(noisy, more))._fit
    assert fit.guessing == 26  # as many as were left
    assert not (fit.guessed * more).any() and (fit.guessed > 0).sum() == (~more).sum()
    assert float(fit.measurement[0][~more].std()) > 1e-3  # smooth, and not flat
    fit = run.send(Problem(noisy))._fit
    assert not fit.guessing and torch.equal(fit.measurement[0], noisy)


def test_iterates_count_from_1_and_time_grows():
    noisy, _ = picture()
    iterates = list(iterate(Problem(noisy), replace(QUICK, iterations=12)))
    assert [it.iteration for it in iterates] == list(range(1, 13))
    assert all(a.seconds <= b.seconds for a, b in pairwise(iterates))
    assert [it.stopped_by for it in iterates] == [None] * 11 + ["iteration limit"]
    assert iterates[9].figure is not None and iterates[8].figure is None


def test_the_same_seed_gives_the_same_result_and_another_seed_another():
    noisy, _ = picture()
    results = [
        [it.best() for it in iterate(Problem(noisy), replace(QUICK, iterations=20, seed=seed))][-1]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_run_leaves_the_users_random_state_alone():
    noisy, _ = picture()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    next(iterate(Problem(noisy), QUICK))
    assert torch.equal(before, torch.get_rng_state())


def test_a_pause_does_not_count_as_time():
    noisy, _ = picture()
    run = iterate(Problem(noisy), QUICK)
    next(run)
    before = next(run).seconds
    time.sleep(0.5)
    assert next(run).seconds - before < 0.4


def test_the_time_limit_ends_a_run_with_its_best():
    noisy, _ = picture()
    last = list(iterate(Problem(noisy), replace(QUICK, seconds=0.3)))[-1]
    assert last.stopped_by == "time limit"
    assert 0.2 < last.seconds < 3
    assert last.best().isfinite().all()


def test_missing_pixels_never_leak_into_the_result():
    noisy, _ = picture()
    known = torch.ones_like(noisy, dtype=torch.bool)
    known[0, 10:20, 12:16] = False
    results = []
    for under in (0.0, 1e6, float("nan")):
        measurement = torch.where(known, noisy, torch.tensor(under))
        results.append(
            [it.best() for it in iterate(Problem(measurement, known), replace(QUICK, iterations=30))][-1]
        )
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
    assert results[0].isfinite().all()


def test_the_best_estimate_is_kept_when_a_run_goes_on_too_long():
    noisy, truth = picture(size=32, sigma=0.25)
    patient = replace(QUICK, iterations=600, stopping=replace(QUICK.stopping, patience=100.0))
    last = list(iterate(Problem(noisy), patient))[-1]
    assert last.stopped_by == "iteration limit" and last.best_iteration < 500
    assert mse(last.best(), truth) < mse(last.estimate(), truth)


def test_a_finish_uses_all_pixels_and_ends_by_the_stopping_rule():
    noisy, truth = picture()
    plain = list(iterate(Problem(noisy), QUICK))[-1]
    iterates = list(iterate(Problem(noisy), replace(QUICK, finish=15)))
    assert len(iterates) == plain.iteration + 15
    assert [it.stopped_by for it in iterates[-16:]] == [None] * 15 + ["stopping rule"]
    assert not torch.equal(iterates[-1].best(), plain.best())
    assert mse(iterates[-1].best(), truth) < 1.2 * mse(plain.best(), truth)


def test_a_problem_that_changes_when_a_run_is_nearly_over_is_given_time():
    noisy, _ = picture()
    end = list(iterate(Problem(noisy), QUICK))[-1].iteration
    run = iterate(Problem(noisy), replace(QUICK, iterations=end + 1, finish=15))
    for it in run:
        if it.iteration == end + 5:
            break
    known = torch.ones_like(noisy, dtype=torch.bool)
    known[:, 10:14, 10:14] = False
    run.send(Problem(noisy, known))
    assert len(list(run)) > 20


@pytest.mark.parametrize("correction", ["interpolation", "patches"])
def test_the_explicit_estimate_in_the_input_knows_nothing_of_pixels_that_are_not_seen(correction):
    noisy, _ = picture()
    seen = (torch.rand(noisy.shape, generator=torch.Generator().manual_seed(3)) < 0.9).float()[None]
    settings = resolve(replace(QUICK, input=ImageInput(4), correction=correction))
    inputs = []
    for values in (noisy, torch.where(seen[0] > 0, noisy, 1000.0)):
        fit = Fit(Problem(values, noise=Noise(0.0, 0.0, 0.15)), settings)
        fit.show(seen)
        inputs.append(fit.input.z)
    assert torch.equal(*inputs)
    assert inputs[0][:, 0].std() > 0.1  # ... and something of those that are


def test_a_run_that_diverges_stops_with_a_finite_estimate():
    noisy, _ = picture()
    wild = replace(QUICK, optimiser=replace(QUICK.optimiser, rate=1e38), iterations=100)
    last = list(iterate(Problem(noisy), wild))[-1]
    assert last.stopped_by == "divergence"
    assert last.best().isfinite().all()


def test_three_dimensions_go_through_the_same_loop():
    measurement = torch.rand(1, 6, 20, 22)
    last = list(iterate(Problem(measurement), replace(FAST, iterations=3, precision="float32")))[-1]
    assert last.best().shape == measurement.shape


def test_total_variation_of_a_ramp_is_its_slope():
    ramp = torch.arange(8.0).expand(1, 1, 4, 8)
    assert total_variation(ramp).item() == pytest.approx(1.0)


def test_an_image_larger_than_memory_is_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr("napari_dip.engine.memory.available_memory", lambda device: 2**20)
    with pytest.raises(MemoryError, match=r"512 x 512 pixels needs about .* GiB but cpu has 0.0 GiB free"):
        next(iterate(Problem(torch.rand(1, 512, 512)), QUICK))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", list(PRESETS["denoise"]))
def test_every_preset_runs_on_every_device(name, device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA here")
    iterations = 2 if device == "cpu" else 12  # a GPU's are recorded after a few
    settings = replace(PRESETS["denoise"][name], iterations=iterations, device=device)
    last = list(iterate(Problem(torch.rand(1, 32, 32)), settings))[-1]
    assert last.iteration == iterations and last.best().isfinite().all()


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("denoise", "fast"),
        ("denoise", "best"),
        ("denoise", "ulyanov2018"),
        ("holes", "fast"),
        ("scratches", "ulyanov2018"),
        ("super-resolve volumes", "fast"),
        ("deconvolve volumes", "fast"),
    ],
)
def test_on_a_gpu_the_same_seed_gives_the_same(task, name, precision):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA here")
    measurement = torch.rand(1, 5, 33, 46) if "volumes" in task else torch.rand(1, 65, 94)
    known = torch.ones_like(measurement, dtype=torch.bool)
    known[..., 10:20, 10:20] = "denoise" in task
    problem = Problem(measurement, known, noise=Noise(0.01, 0.0, 0.1) if task == "denoise" else None)
    settings = replace(
        PRESETS[task][name], iterations=70, finish=10, device="cuda", precision=precision, guess=5
    )
    if "deconvolve" in task or "super" in task:
        settings = replace(settings, correction="none", likelihood=PRESETS["denoise"]["fast"].likelihood)
    stopping = (
        replace(settings.stopping, wait=20) if hasattr(settings.stopping, "wait") else settings.stopping
    )
    settings = replace(settings, stopping=stopping)
    first, second = (list(iterate(problem, settings))[-1] for _ in range(2))
    assert first.iteration == second.iteration
    assert torch.equal(first.best(), second.best())


def test_a_run_goes_on_with_another_problem_that_is_sent_to_it_as_if_it_had_been_the_first():
    noisy, truth = picture()
    damaged, known = noisy.clone(), torch.ones_like(noisy, dtype=torch.bool)
    damaged[0, 20:24], known[0, 20:24] = 1.2, False
    # A rule that watches a hundred pixels would end the two runs at different lengths.
    settings = replace(
        QUICK,
        network=Hourglass((8, 16, 16), bias=False, output="semilinear"),
        stopping=Fixed(),
        iterations=200,
    )

    def error(it):
        return mse(it.estimate()[0, 20:24], truth[0, 20:24])

    cold = error(list(iterate(Problem(damaged, known), settings))[-1])
    run = iterate(Problem(damaged), settings)
    it = next(it for it in run if it.iteration == 60)
    before = error(it)
    it = run.send(Problem(damaged, known))
    assert it.iteration == 61 and it.stopped_by is None
    assert error(it) < before / 4  # at once
    assert error(list(run)[-1]) < 3 * cold  # and in the end: 8 times if it were not made to forget


def test_a_problem_that_is_sent_during_the_finish_is_fitted_and_judged_anew():
    noisy, _ = picture()
    run = iterate(Problem(noisy), replace(QUICK, finish=15))
    it = next(it for it in run if it.figure is None and it.iteration % 10 == 0)
    it = run.send(Problem(noisy))
    assert it.stopped_by is None
    rest = list(run)
    assert len(rest) > 40 and any(it.figure is not None for it in rest)
    assert rest[-1].stopped_by == "stopping rule"


def frames(seeds=(0, 1)):
    return [Problem(next(picture(64, seed=seed)), noise=Noise(0.0, 0.0, 0.15)) for seed in seeds]


def test_runs_that_start_from_their_neighbour_are_as_good_in_far_fewer_iterations():
    _, truth = picture(64)
    cold, *warm = chain = [], *[[] for _ in range(TRUSTED + 2)]
    start = None
    for run, problem in zip(chain, frames(range(len(chain))), strict=True):
        run += iterate(problem, QUICK, start)
        start = run[-1].neighbour()
    assert [run[-1].warm for run in chain] == [False, *[True] * len(warm)]
    # What one run found out on held-out pixels serves the next five.
    looked = [any(it.figure is not None for it in run) for run in chain]
    assert looked == [True, *[False] * TRUSTED, True, False]
    assert {(len(run), run[0].last_iteration) for run in warm[:TRUSTED]} == {(STEPS, STEPS)}
    errors = [mse(run[-1].best(), truth) / mse(cold[-1].best(), truth) for run in warm]
    # Each has noise of its own: in some a cold run is as bad.
    assert max(errors) < 1.2 and sum(errors) / len(errors) < 1.0
    assert all(len(run) < len(cold) / 4 for run in warm)


def test_several_channels_take_more_steps_after_a_warm_start():
    one, other = frames()
    both = replace(one, measurement=torch.cat([one.measurement, other.measurement]))
    first = list(iterate(both, QUICK))[-1].neighbour()
    last = list(iterate(both, QUICK, first))[-1]
    assert last.warm and last.iteration == last.last_iteration == Fit(both, QUICK).steps
    assert Fit(one, QUICK).steps == STEPS < last.iteration


def test_what_was_not_found_out_is_not_trusted():
    first, second = frames()
    for settings in (replace(QUICK, iterations=30), replace(QUICK, stopping=Fixed(), iterations=30)):
        neighbour = list(iterate(first, settings))[-1].neighbour()
        assert not neighbour.parts
        run = list(iterate(second, settings, neighbour))
        assert run[0].warm
        assert len(run) == 30 or any(it.figure is not None for it in run)


@pytest.mark.parametrize("other", ["empty", "another scene", "another size"])
def test_a_run_starts_cold_where_the_neighbour_shows_something_else(other):
    first, second = frames()
    normal = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0))
    measurement = {
        "empty": 0.15 * normal,
        "another scene": second.measurement.flip(1).roll(11, 2),
        "another size": second.measurement[:, :60],
    }[other]
    settings = replace(QUICK, iterations=10)
    neighbour = list(iterate(first, replace(QUICK, iterations=100)))[-1].neighbour()
    second = replace(second, measurement=measurement)
    runs = [list(iterate(second, settings, start)) for start in (None, neighbour)]
    assert not runs[1][-1].warm
    assert torch.equal(runs[0][-1].best(), runs[1][-1].best())


def test_a_linear_last_layer_begins_with_what_it_can_make_of_the_features():
    noisy, truth = picture(64)
    problem = Problem(noisy, noise=Noise(0.0, 0.0, 0.15))
    first = {}
    for output in ("linear", "semilinear"):
        settings = QUICK.changed(network={"output": output}, input={"name": "image", "channels": 8})
        run = iterate(problem, settings)
        first[output] = mse(next(run).estimate(), truth)
        run.close()
    assert first["linear"] < 0.6 * truth.var() < first["semilinear"]


def test_the_weights_of_a_neighbour_are_left_as_they_are():
    noisy, truth = picture(64)
    problem = Problem(noisy, noise=Noise(0.0, 0.0, 0.15))
    settings = QUICK.changed(network={"output": "linear"}, input={"name": "image", "channels": 8})
    *_, last = iterate(problem, settings)
    run = iterate(problem, settings, last.neighbour())
    assert mse(next(run).estimate(), truth) < 1.5 * mse(last.best(), truth)
    run.close()


def test_a_neighbour_whose_noise_was_of_another_kind_is_not_started_from():
    noisy, _ = picture(32)
    white, settings = Noise(0.0, 0.0, 0.15), replace(FAST, device="cpu", iterations=12)
    photons = Noise(gain=5.0, offset=0.0, read_noise=0.15)  # single ones, which are not recorrupted
    *_, last = iterate(Problem(noisy, noise=white), settings)
    for noise, warm in ((white, True), (photons, False)):
        run = iterate(Problem(noisy, noise=noise), settings, last.neighbour())
        assert next(run).warm == warm
        run.close()
