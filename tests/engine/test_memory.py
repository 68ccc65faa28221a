"""What a run is said to take of the memory, and what torch keeps."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from napari_dip.engine.memory import memory_of
from napari_dip.engine.networks import Hourglass
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem

NETWORKS = {
    (settings.network, "volumes" in task) for task, of_it in PRESETS.items() for settings in of_it.values()
}


def seen(network, inputs, outputs, shape):
    """Return how many bytes torch keeps on the way forward, on its device that computes nothing."""
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        storages[id(storage)] = storage  # holding it keeps its id from being used again

    with torch.device("meta"):
        built = network.build(inputs, outputs, shape)
    coarse = (size // factor for size, factor in zip(shape, network.factors(shape), strict=True))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda nothing: nothing):
        built(torch.empty(1, inputs, *coarse, device="meta")).sum()
    return sum(storage.nbytes() for storage in storages.values())


@pytest.mark.parametrize(("network", "volumes"), sorted(NETWORKS, key=repr))
@pytest.mark.parametrize(("inputs", "outputs", "small"), [(20, 1, False), (7, 3, True)])
def test_a_network_knows_what_torch_will_keep(network, volumes, inputs, outputs, small):
    shape = (200, 333) if small else (512, 512)
    if volumes:
        shape = (5, 100, 64) if small else (24, 64, 80)
    canvas = network.canvas(shape)
    told = 4 * sum(network.kept(inputs, outputs, canvas))
    if network.name == "picture":  # its pixels are its weights, and nothing else is kept
        assert told == 4 * outputs * math.prod(canvas)
    else:
        assert told == pytest.approx(seen(network, inputs, outputs, canvas), rel=0.02)


def test_memory_grows_with_the_pixels():
    small, large = (
        memory_of(Problem(torch.zeros(1, n, n)), PRESETS["denoise"]["ulyanov2018"]) for n in (128, 256)
    )
    assert 3.5 < large / small < 4.1
    # 2018's network at one megapixel was seen to take 5 to 9 GB.
    assert 4e9 < 16 * large < 10e9


def test_a_border_costs_a_copy():
    plain, reflected = (
        sum(Hourglass(padding=padding).kept(32, 1, (256, 256))) for padding in ("zeros", "reflect")
    )
    assert 1.1 * plain < reflected < 2 * plain


def test_nothing_loads_torchs_compiler():
    """It takes seconds, and a user waits for the first picture meanwhile."""
    run = (
        "import sys, numpy as np, napari_dip as dip;"
        "dip.denoise(np.random.default_rng(0).random((24, 24)), iterations=2, device='cpu');"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", run], timeout=100).returncode == 0
