from dataclasses import replace

import pytest
import torch

from napari_dip.engine import devices
from napari_dip.engine.devices import available_memory, choose_device, choose_precision, layout, repeatable
from napari_dip.engine.noise import Noise
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import iterate

CPU = torch.device("cpu")


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "", 3])
def test_an_unknown_device_is_refused_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"is not available here. Choose one of: auto, .*cpu"):
        choose_device(name)


def test_the_precision_is_chosen_once_and_kept():
    device = torch.device("cpu")
    first = choose_precision(device, 1)
    assert first in ("float32", "bfloat16")
    assert all(choose_precision(device, 1) == first for _ in range(3))


@pytest.fixture
def instructions(monkeypatch):
    """Have this processor say that it has others."""

    def say(name):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: name)

    return say


def test_a_processor_without_bfloat16_is_not_timed(instructions, monkeypatch):
    timed = []
    monkeypatch.setattr(devices, "_time_block", lambda device, precision: timed.append(precision) or 1.0)
    for name, expected in {
        "AVX2": [],
        "AVX512": ["float32", "bfloat16"],
        "DEFAULT": 2 * ["float32", "bfloat16"],
    }.items():
        instructions(name)
        assert choose_precision.__wrapped__(CPU, 1) == "float32"
        assert timed == expected


@pytest.mark.parametrize("name", ["AVX2", "AVX512"])
def test_a_run_comes_to_much_the_same_however_images_lie(name, instructions):
    problem = Problem(
        torch.rand(1, 40, 44, generator=torch.Generator().manual_seed(0)), noise=Noise(0.0, 0.0, 0.2)
    )
    settings = replace(PRESETS["denoise"]["fast"], iterations=2, precision="float32", device="cpu")
    own = list(iterate(problem, settings))[-1].estimate()
    instructions(name)
    last = list(iterate(problem, settings))[-1]
    planes = torch.channels_last if name == "AVX512" else torch.contiguous_format
    kernel = max(last._fit.network.parameters(), key=torch.numel)
    assert layout(CPU, 2) == planes and kernel.is_contiguous(memory_format=planes)
    assert layout(CPU, 3) == torch.channels_last_3d
    assert torch.allclose(last.estimate(), own, atol=1e-3)


def test_what_torch_keeps_of_a_gpus_memory_is_free(monkeypatch):
    for name, answer in {
        "mem_get_info": (1000, 4000),
        "memory_reserved": 500,
        "memory_allocated": 200,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, answer=answer: answer)
    assert available_memory(torch.device("cuda:0")) == 1300


def test_convolutions_are_repeatable_until_the_last_one_has_left(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "deterministic", False)
    with repeatable():
        with repeatable():
            assert cudnn.deterministic
        assert cudnn.deterministic
    assert not cudnn.deterministic
    monkeypatch.setattr(cudnn, "deterministic", True)  # whoever wanted it before goes on wanting it
    with repeatable():
        pass
    assert cudnn.deterministic
