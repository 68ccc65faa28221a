"""Everything that computes on a GPU, on one that is pretended: what it needs lies there, and nobody waits.

`test_pretended_gpu.py` runs these tests, in a process of their own.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pretended
import pytest
import torch

import napari_dip as dip
from napari_dip.engine import capture, devices, optimisers, solver
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.noise import Noise
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.planning import plan_denoise

SHAPE = (24, 28)
SMALL = {"iterations": 4, "precision": "float32"}
rng = np.random.default_rng(0)
y, x = np.mgrid[:24, :28] / 24
TRUTH = (100 + 60 * np.sin(9 * x) * np.cos(7 * y)).astype(np.float32)
NOISY = TRUTH + rng.normal(0, 10, SHAPE).astype(np.float32)
SLICES = TRUTH + rng.normal(0, 10, (3, *SHAPE)).astype(np.float32)
GREY = NOISY.astype(np.uint8)
HOLE, SCATTERED, SCRATCHES = np.zeros(SHAPE, bool), rng.random(SHAPE) < 0.4, np.zeros(SHAPE, bool)
HOLE[8:14, 8:20] = True
SCRATCHES[::7] = True
NETWORK = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU()).eval()


@pytest.fixture
def gpu(monkeypatch):
    """Have every run that may choose take a GPU that is pretended; return what is asked of it."""
    monkeypatch.setattr(capture, "RECORDERS", (pretended.NAME,))
    monkeypatch.setattr(capture, "record", pretended.record)
    monkeypatch.setattr(optimisers, "PADS", (pretended.NAME,))
    for module in (devices, solver):
        monkeypatch.setattr(module, "choose_device", lambda name="auto": pretended.DEVICE)
    return pretended.LOG.begin()


def _denoise(image=NOISY, **settings):
    return dip.denoise(image, **SMALL | settings)


RUNS = {
    "fast": _denoise,
    "best": lambda: _denoise(preset="best"),
    "2018": lambda: _denoise(preset="ulyanov2018"),
    "noise that neighbours share": lambda: _denoise((NOISY + np.roll(NOISY, 1, 1)) / 2),
    "photons": lambda: _denoise(rng.poisson(TRUTH / 10)),
    "outliers": lambda: _denoise(likelihood="l1"),
    "a volume": lambda: _denoise(SLICES, axes="ZYX"),
    "planes by themselves": lambda: _denoise(SLICES[:2], axes="ZYX", neighbours=0),
    "planes with neighbours": lambda: _denoise(SLICES, axes="ZYX", neighbours=1),
    "channels together": lambda: _denoise(SLICES[:2], axes="CYX", channels="together"),
    "colours": lambda: _denoise(np.moveaxis(SLICES, 0, -1).clip(0, 255).astype(np.uint8)),
    "two captures": lambda: _denoise(SLICES[0], repeat=SLICES[1]),
    "a guide": lambda: _denoise(guide=TRUTH),
    "how sure": lambda: _denoise(uncertainty=2),
    "detail": lambda: _denoise(detail=0.5),
    "missing pixels": lambda: _denoise(np.where(HOLE, np.nan, NOISY)),
    "holes": lambda: dip.inpaint(TRUTH, HOLE, **SMALL),
    "holes, denoised": lambda: dip.inpaint(NOISY, HOLE, denoise=True, **SMALL),
    "scattered": lambda: dip.inpaint(TRUTH, SCATTERED, **SMALL),
    "scratches": lambda: dip.inpaint(TRUTH, SCRATCHES, preset="best", **SMALL),
    "finer": lambda: dip.super_resolve(NOISY, 2, **SMALL),
    "finer volumes": lambda: dip.super_resolve(SLICES, (2, 1, 1), axes="ZYX", **SMALL),
    "sharper": lambda: dip.deconvolve(NOISY, 1.5, **SMALL),
    "sharper volumes": lambda: dip.deconvolve(SLICES, 1.5, axes="ZYX", **SMALL),
    "blocks": lambda: dip.deblock(GREY, **SMALL),
    "blocks and their table": lambda: dip.deblock(GREY, table=np.full((8, 8), 20), **SMALL),
}
# Their steps differ from one to the next.
UNLIKE = {
    "tv": lambda: _denoise(preset="tv"),
    "tikhonov": lambda: _denoise(preset="tikhonov"),
    "inversion": lambda: dip.invert_features(NETWORK, "1", NOISY, **SMALL),
    "activation": lambda: dip.maximise_activation(NETWORK, "0", unit=(2,), shape=SHAPE, **SMALL),
}


@pytest.mark.parametrize("name", [*RUNS, *UNLIKE])
def test_everything_lies_where_it_is_needed_and_is_recorded(name, gpu):
    result = (RUNS | UNLIKE)[name]()
    assert np.isfinite(result.image).all() and np.std(result.image) > 0
    assert result.settings["device"] == str(pretended.DEVICE)
    assert bool(gpu.recordings) == (name in RUNS)


@pytest.mark.parametrize(
    ("task", "choice"), [("denoise", "fast"), ("denoise", "best"), ("scratches", "fast")]
)
def test_a_recording_repeats_what_the_steps_do_bit_for_bit(task, choice, gpu, monkeypatch):
    known, noise = (None, Noise(0.0, 0.0, 0.1)) if task == "denoise" else (~SCRATCHES, None)
    image, known = (None if one is None else torch.from_numpy(one)[None] for one in (NOISY / 100, known))
    preset = PRESETS[task][choice]
    settings = replace(
        preset,
        network=Hourglass((8, 16), bias=False),
        precision="float32",
        correction="patches" if noise else "none",
        stopping=replace(preset.stopping, wait=10, patience=0.0),
        iterations=32,
        finish=4,
    )
    recorded = [it.estimate() for it in solver.iterate(Problem(image, known, noise=noise), settings)]
    assert len(gpu.recordings) == 1
    monkeypatch.setattr(capture, "RECORDERS", ())
    plain = [it.estimate() for it in solver.iterate(Problem(image, known, noise=noise), settings)]
    assert len(gpu.recordings) == 1 and len(recorded) == len(plain) > 13
    assert all(torch.equal(one, other) for one, other in zip(recorded, plain, strict=True))


def test_nobody_waits_but_where_the_rule_looks(gpu):
    waits, looked = [], []
    for step in plan_denoise(NOISY, **SMALL | {"iterations": 40}):
        waits.append(gpu.waits.total())
        looked.append(step.iterate.figure is not None)
    between = [after - before for before, after in pairwise(waits)]
    assert sum(looked) == 4
    assert all(bool(more) == looks for more, looks in zip(between[:-1], looked[1:-1], strict=True))


def test_what_a_run_remembers_is_read_at_once(gpu):
    result = _denoise(iterations=20)
    few = gpu.begin().waits
    other = _denoise(iterations=40)
    assert result.history["data_term"] == other.history["data_term"][:20]
    assert all(isinstance(value, float) for value in other.history["data_term"])
    assert few.total() < 60


def test_a_step_that_waits_is_not_recorded(gpu):
    recording = capture.Recording(pretended.DEVICE)

    def step(x):
        return (x * (2 if x.sum() > 0 else 3),)

    for _ in range(4):
        (result,) = recording(step, torch.ones(3, device=pretended.DEVICE))
        assert result.tolist() == [2.0] * 3
    assert not gpu.recordings


def test_what_lies_elsewhere_is_not_mixed(gpu):
    there = torch.ones(3, device=pretended.DEVICE)
    with pytest.raises(RuntimeError, match="same device"):
        there + torch.ones(3)
    with pytest.raises(TypeError, match="to numpy"):
        there.numpy()
    assert (there + torch.tensor(1.0)).tolist() == [2.0] * 3  # a number may
