import copy

import pytest
import torch
from torch import nn

from napari_dip.engine import optimisers
from napari_dip.engine.networks import SubPixel
from napari_dip.engine.optimisers import Adam, Muon, orthogonalise


@pytest.mark.parametrize("shape", [(2, 8, 30), (3, 30, 8), (1, 16, 16)])
def test_orthogonalise_brings_all_singular_values_near_1(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.3 and values.max() < 1.3


@pytest.mark.parametrize("rank", [1, 2])
def test_orthogonalise_leaves_what_has_few_directions_in_them(rank):
    generator = torch.Generator().manual_seed(0)
    low, beside = (
        torch.randn(1, 64, rank, generator=generator),
        torch.randn(1, rank, 576, generator=generator),
    )
    values = torch.linalg.svdvals(orthogonalise(1e-6 * low @ beside))[0]
    assert values[:rank].min() > 0.3 and values[:rank].max() < 1.3 and values[rank] < 0.01


def test_orthogonalise_bears_products_that_are_rounded():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        for matrices in (torch.randn(3, 64, 64), torch.randn(3, 64, 1) @ torch.randn(3, 1, 576)):
            assert torch.linalg.svdvals(orthogonalise(matrices)).max() < 2
    finally:
        torch.set_float32_matmul_precision(before)


def test_orthogonalise_does_not_depend_on_the_batch():
    matrices = torch.randn(3, 8, 20)
    alone = torch.cat([orthogonalise(m[None]) for m in matrices])
    assert torch.allclose(orthogonalise(matrices), alone, atol=1e-5)


@pytest.mark.parametrize("setting", [Adam(0.01), Muon(0.02)])
def test_steps_reduce_a_loss(setting):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 8, 3), nn.LeakyReLU(), nn.Conv2d(8, 8, 3), nn.LeakyReLU(), nn.Conv2d(8, 1, 3)
    )
    x, y = torch.rand(1, 2, 16, 16), torch.rand(1, 1, 10, 10)
    optimiser = setting.bind(net.parameters())
    losses = []
    for _ in range(60):
        loss = (net(x) - y).square().mean()
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < 0.7 * losses[0]


def test_muon_step_has_the_spectral_norm_of_its_rate():
    p = nn.Parameter(torch.zeros(8, 4, 3, 3))
    optimiser = Muon(rate=0.02).bind([p, nn.Parameter(torch.zeros(3, requires_grad=True))])
    p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    optimiser.step()
    assert torch.linalg.svdvals(p.detach().flatten(1)).max().item() == pytest.approx(0.02, rel=0.3)


def generator():
    """A generator with kernels of many shapes, wide and tall, and its input."""
    torch.manual_seed(0)
    network = SubPixel((8, 16, 16), skip=4).build(3, 1, (32, 32))
    return network.to(memory_format=torch.channels_last), torch.rand(1, 3, 16, 16)


def one_by_one(kernel, momentum, setting):
    """Muon's step of one kernel, by the words of its authors."""
    momentum.lerp_(kernel.grad, 1 - setting.momentum)
    matrix = kernel.grad.lerp(momentum, setting.momentum).flatten(1).double()
    matrix = matrix / matrix.norm()
    for _ in range(5):
        a = matrix @ matrix.T
        matrix = 3.4445 * matrix + (-4.7750 * a + 2.0315 * a @ a) @ matrix
    rows, columns = matrix.shape
    return -setting.rate * max(1, rows / columns) ** 0.5 * matrix.float().view_as(kernel)


@pytest.mark.parametrize("device", ["a processor", "a GPU"])
def test_kernels_that_are_orthogonalised_together_go_where_each_would_by_itself(device, monkeypatch):
    monkeypatch.setattr(optimisers, "PADS", ("cpu",) if device == "a GPU" else ())
    network, z = generator()
    setting = Muon()
    optimiser = setting.bind(network.parameters())
    kernels = [p for p in network.parameters() if p.ndim == 4]
    assert any(len(p) > p[0].numel() for p in kernels) and len({p.shape for p in kernels}) > 5
    momenta = [torch.zeros_like(p) for p in kernels]
    for _ in range(3):
        optimiser.zero_grad()
        (network(z) - 0.3).square().mean().backward()
        before = [p.detach().clone() for p in kernels]
        expected = [one_by_one(p, m, setting) for p, m in zip(kernels, momenta, strict=True)]
        optimiser.step()
        for p, old, change in zip(kernels, before, expected, strict=True):
            # Where a gradient has hardly any strength, single precision tells its direction roughly.
            assert (p.detach() - old - change).norm() < 0.01 * change.norm()


def test_muon_goes_back_to_a_saved_state():
    def walk(steps):
        for _ in range(steps):
            net(x).square().mean().backward()
            optimiser.step()
            optimiser.zero_grad()
        return net.weight.detach().clone()

    torch.manual_seed(0)
    net, x = nn.Conv2d(2, 4, 3), torch.rand(1, 2, 8, 8)
    optimiser = Muon().bind(net.parameters())
    walk(3)
    saved = copy.deepcopy((net.state_dict(), optimiser.state_dict()))
    first = walk(3)
    net.load_state_dict(saved[0])
    optimiser.load_state_dict(saved[1])
    assert torch.equal(walk(3), first)
