"""benchmarks/architecture.py shows what docs/what-the-network-prefers.md says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scripts import ROOT

BENCHMARKS = ROOT / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="a source distribution has no benchmarks")


@pytest.fixture
def architecture(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import architecture

    return architecture


def smooth(size):
    y, x = np.indices((size, size)) / size
    return 0.5 + 0.25 * np.sin(5 * x + 2 * y) + 0.25 * np.cos(4 * y)


def test_an_hourglass_fits_a_picture_faster_than_noise_and_dense_layers_do_not(architecture):
    from napari_dip.engine.networks import Hourglass

    truth = smooth(24)
    hourglass = architecture.Variant(Hourglass((16, 16)))
    dense = architecture.Variant(architecture.FullyConnected())
    resists, does_not = (architecture.measure(variant, truth, 40) for variant in (hourglass, dense))
    left = {name: np.mean(curve[-10:]) for name, curve in resists["left"].items()}
    assert left["picture"] < 0.05
    assert min(left["shuffled"], left["noise"]) > 4 * left["picture"]
    assert architecture.impedance(does_not) == pytest.approx(1, abs=0.1)
    # Where noise is resisted, the picture comes out cleaner than it went in.
    noisy = architecture.targets(truth)["picture + noise"]
    assert max(resists["quality"]) > architecture.psnr(noisy, truth) + 2
    assert max(does_not["quality"]) < architecture.psnr(noisy, truth) + 1


def test_one_by_one_filters_leave_no_others(architecture):
    network = architecture.Pointwise((8, 8), 4).build(3, 1, (16, 16))
    kernels = {m.kernel_size for m in network.modules() if isinstance(m, torch.nn.Conv2d)}
    assert kernels == {(1, 1)}
    assert network(torch.rand(1, 3, 16, 16)).shape == (1, 1, 16, 16)


def test_a_pixel_by_itself_sees_no_other(architecture):
    network = architecture.SinglePixels(8).build(3, 1, (16, 16))
    z = torch.rand(1, 3, 16, 16, requires_grad=True)
    shown = network[0][0](z)[..., 5, 7].sum()
    shown.backward()
    assert (z.grad.abs().sum(1)[0] > 0).sum() == 1


def test_what_was_saved_is_shown_again(architecture, monkeypatch, tmp_path, capsys):
    file = tmp_path / "curves.json"
    asked = ["architecture.py", "--study", "filters", "--size", "16", "--iterations", "3"]
    monkeypatch.setattr(architecture, "fit", lambda *_, **__: [(0.1, np.zeros((16, 16)))] * 3)
    monkeypatch.setattr("sys.argv", [*asked, "--json", str(file)])
    architecture.main()
    first = capsys.readouterr().out
    monkeypatch.setattr(architecture, "fit", None)
    monkeypatch.setattr("sys.argv", ["architecture.py", "--again", str(file)])
    architecture.main()
    assert capsys.readouterr().out == first
    assert list(json.loads(file.read_text())["studies"]) == ["filters"]
