"""A step that is recorded and repeated; a stand-in records where there is no GPU."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from napari_dip.engine import capture
from napari_dip.engine.capture import STEADY, Recording
from napari_dip.engine.features import Features
from napari_dip.engine.fit import Fit
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.noise import Noise
from napari_dip.engine.operators import Identity
from napari_dip.engine.optimisers import Adam, Muon
from napari_dip.engine.penalties import TotalVariation
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import iterate, resolve

CPU = torch.device("cpu")
FAST = replace(
    PRESETS["denoise"]["fast"],
    network=Hourglass((8, 8), bias=False),
    precision="float32",
    device="cpu",
    iterations=60,
    finish=12,
)


def noisy(size=32):
    y, x = torch.meshgrid(*[torch.arange(size) / size] * 2, indexing="ij")
    truth = 0.5 + 0.3 * torch.sin(9 * x) * torch.cos(7 * y)
    return (truth + 0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)))[None]


def places(fit):
    """Where everything lies in memory that a step reads or changes, besides what it is given."""
    state = fit.optimiser.state_dict()
    adam = state.get("adam", state) or {}
    tensors = [
        *fit.network.parameters(),
        *([state["momentum"]] if "momentum" in state else []),
        *adam.values(),
    ]
    return [tensor.data_ptr() for tensor in tensors]


def staying(fit):
    """Return what asserts that a step reads and changes, and decides, the same as now."""
    gone = weakref.ref(fit)

    def now():
        fit = gone()
        return places(fit), bool(fit.guessing), fit.settings.penalty.weight_at(fit.fallen)

    before = now()

    def check():
        assert now() == before

    return check


@pytest.fixture
def recorder(monkeypatch):
    """Have this processor record: what is recorded is done again whenever it is repeated."""
    recorded = []

    def record(function, device):
        results = []
        checks = [staying(one.__self__) for one in _cells(function) if hasattr(one, "__self__")]

        def replay():
            for check in checks:
                check()
            results[:] = function()

        recorded.append(function)
        return replay, results

    monkeypatch.setattr(capture, "RECORDERS", ("cpu",))
    monkeypatch.setattr(capture, "record", record)
    return recorded


def _cells(function):
    return [cell.cell_contents for cell in function.__closure__ or ()]


def follow(problem, settings, other=None, at=0):
    """Return what each iteration comes to; another problem is sent after iteration `at`."""
    seen, run = [], iterate(problem, settings)
    for it in run:
        while it is not None and it.iteration == at:
            at = 0
            it = run.send(other)
        seen.append((it.estimate().clone(), it.best().clone(), it.figure, float(it.data_term)))
    return seen, it.stopped_by


def same(one, other):
    (first, why), (second, why_too) = one, other
    assert why == why_too and len(first) == len(second)
    for (a, b, *c), (d, e, *f) in zip(first, second, strict=True):
        assert torch.equal(a, d) and torch.equal(b, e) and c == f


KNOWN = torch.ones(1, 32, 32, dtype=torch.bool)
KNOWN[0, 10:16] = False


@pytest.mark.parametrize(
    ("problem", "changes", "other", "times"),
    [
        (Problem(noisy(), noise=Noise(0.0, 0.0, 0.1)), {}, None, 1),  # and the finish, on all pixels
        (Problem(noisy()), {"optimiser": Adam(0.01)}, None, 1),
        (Problem(noisy(), noise=Noise(0.02, 0.0, 0.1)), {"optimiser": Muon()}, None, 1),
        (Problem(noisy(), KNOWN), {"guess": 7}, None, 1),
        (Problem(noisy()), {}, Problem(noisy(), KNOWN), 2),
        (Problem(noisy()), {"penalty": TotalVariation(0.1)}, None, 1),
        # when its weight falls no more
        (Problem(noisy()), {"penalty": TotalVariation(), "iterations": 120}, None, 1),
    ],
)
def test_a_run_with_recorded_steps_comes_to_the_same(problem, changes, other, times, recorder, monkeypatch):
    if other is not None or changes:
        changes = {"iterations": 40, "correction": "none", **changes}
    settings = replace(FAST, stopping=replace(FAST.stopping, patience=0.0, wait=20), **changes)
    with_recorder = follow(problem, settings, other, 9)
    assert len(recorder) == times
    monkeypatch.setattr(capture, "RECORDERS", ())
    same(follow(problem, settings, other, 9), with_recorder)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_on_a_gpu_a_recorded_run_comes_to_much_the_same(precision, monkeypatch):
    problem = Problem(noisy(96), noise=Noise(0.0, 0.0, 0.1))
    settings = replace(FAST, device="cuda", precision=precision, iterations=80)
    results = []
    for recorders in (("cuda",), ()):
        monkeypatch.setattr(capture, "RECORDERS", recorders)
        last = list(iterate(problem, settings))[-1]
        assert (last._fit.recording._replay is not None) == bool(recorders)
        results.append(last.best())
    # Sums of a GPU come in any order, and small differences grow.
    assert (results[0] - results[1]).square().mean().sqrt() < 0.02


class Moody(Identity):
    repeats = False


def test_an_operator_that_may_do_otherwise_each_time_is_not_recorded(recorder):
    assert not Features.repeats
    list(iterate(Problem(noisy(), operator=Moody()), replace(FAST, iterations=8, correction="none")))
    assert not recorder


def test_a_run_that_steps_back_goes_on_as_recorded(recorder):
    fit = Fit(Problem(noisy()), resolve(FAST))
    fit.show(fit.problem.weights)
    for iteration in range(1, 11):
        fit.step(iteration)
    state = fit.state()
    after = [fit.step(iteration).item() for iteration in range(11, 18)]
    fit.restore(state)
    fit.show(fit.problem.weights)  # the same random numbers from here on
    again = [fit.step(iteration).item() for iteration in range(11, 18)]
    assert len(recorder) == 1
    assert len(after) == len(again) and all(torch.isfinite(torch.tensor(again)))


def test_the_device_is_called_at_first_and_where_it_cannot_record(monkeypatch):
    monkeypatch.setattr(capture, "RECORDERS", ("cpu",))
    tried = []

    monkeypatch.setattr(capture, "record", lambda function, device: refuse(device))

    def refuse(device):
        tried.append(device)
        raise RuntimeError("operation not permitted when stream is capturing")

    recording, calls = Recording(CPU), []

    def double(x, part):
        calls.append(part)
        return (2 * x * part,)

    for call in range(8):
        (result,) = recording(double, torch.ones(3), 0.5 + call)
        assert torch.equal(result, torch.full((3,), 1.0 + 2 * call))
    assert len(calls) == 8 and tried == [CPU]


def test_results_are_not_changed_by_later_calls(recorder):
    recording = Recording(CPU)
    results = [recording(lambda x, part: (x + part,), torch.full((2,), float(i)), 0.25)[0] for i in range(7)]
    assert [result[0].item() for result in results] == [i + 0.25 for i in range(7)]
    assert len(recorder) == 1 and STEADY < 7


def test_an_argument_is_copied_when_it_is_another_or_was_changed(recorder):
    recording, one = Recording(CPU), torch.ones(3)

    def result(x, part):
        return recording(lambda x, part: (x * part,), x, part)[0].tolist()

    for _ in range(3):
        assert result(one, 2.0) == [2.0] * 3
    assert len(recorder) == 1
    assert result(one, 3.0) == [3.0] * 3
    one += 1
    assert result(one, 3.0) == [6.0] * 3
    assert result(torch.zeros(3), 3.0) == [0.0] * 3
    recording.renew()
    assert result(one, 3.0) == [6.0] * 3
    assert len(recorder) == 2


def test_a_run_that_is_over_is_let_go_of_at_once(recorder):
    gc.disable()
    try:
        fit = Fit(Problem(noisy()), resolve(FAST))
        fit.show(fit.problem.weights)
        for iteration in range(1, 8):
            fit.step(iteration)
        gone = weakref.ref(fit)
        recorder.clear()
        fit.recording.renew()
        del fit
        assert gone() is None
    finally:
        gc.enable()
