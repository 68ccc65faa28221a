import copy

import pytest
import torch
from torch import nn

from napari_dip.engine.optimisers import Adam, Muon, orthogonalise


@pytest.mark.parametrize("shape", [(2, 8, 30), (3, 30, 8), (1, 16, 16)])
def test_orthogonalise_brings_all_singular_values_near_1(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.3 and values.max() < 1.3


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
