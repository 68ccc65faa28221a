import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from napari_dip.engine.features import Excitement, Features
from napari_dip.engine.operators import Identity
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import iterate

SHAPE = (20, 24)


def plain(image):
    return image


def small(channels=1):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(4),
        nn.Dropout(0.5),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Flatten(),
    )


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.times = 0

    def forward(self, x):
        self.times += 1
        return x


def state(network):
    return (
        [(module.training, len(module._forward_hooks)) for module in network.modules()],
        [(p.requires_grad, p.grad, p.detach().clone()) for p in network.parameters()],
        [buffer.clone() for buffer in network.buffers()],
    )


def same(before, after):
    weights = all(
        a[0] == b[0] and b[1] is None and torch.equal(a[2], b[2])
        for a, b in zip(before[1], after[1], strict=True)
    )
    buffers = all(torch.equal(a, b) for a, b in zip(before[2], after[2], strict=True))
    return before[0] == after[0] and weights and buffers


def test_a_run_leaves_the_network_as_it_was_found_and_uses_it_as_if_to_predict():
    network = small().train()
    network[0].eval()
    network[4].weight.requires_grad_(False)
    before = state(network)
    features = Features.of(network, "4", 1, SHAPE, plain)
    wanted = features(torch.rand(1, 1, *SHAPE))
    settings = replace(PRESETS["invert-features"]["fast"], iterations=3, device="cpu", precision="float32")
    last = list(iterate(Problem(wanted[0], operator=features), settings))[-1]
    assert same(before, state(network))
    image = last.best()[None]
    assert torch.equal(features(image), copy.deepcopy(network).eval()[:5](image))


def test_a_network_that_fails_is_left_as_it_was_found():
    network = small().train()
    before = state(network)
    with pytest.raises(ValueError, match="images of 1 channel, but was given one of 3 channels"):
        Features.of(network, "4", 3, SHAPE, plain)
    assert same(before, state(network))


def test_what_a_layer_gives_is_taken_before_another_writes_over_it():
    network, image = small(), torch.rand(1, 1, *SHAPE)
    given = Features.of(network, "0", 1, SHAPE, plain)(image)
    assert torch.equal(given, network[0](image)) and given.min() < 0


def test_nothing_after_the_layer_is_computed():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), Counted())
    features = Features.of(network, "0", 1, SHAPE, plain)
    looked = network[1].times
    features(torch.rand(1, 1, *SHAPE))
    assert network[1].times == looked == 1


def test_of_a_layer_that_is_used_twice_the_last_time_counts():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.relu(x - 0.5) - 0.2)

    network, image = Twice(), torch.rand(1, 1, *SHAPE)
    assert torch.equal(Features.of(network, "relu", 1, SHAPE, plain)(image), network(image))


def test_the_gradient_of_a_unit_is_the_networks_own():
    network = small().eval()
    image = torch.rand(1, 1, *SHAPE)
    a, b = image.clone().requires_grad_(), image.clone().requires_grad_()
    features = Features.of(network, "4", 1, SHAPE, lambda x: 2 * x)
    replace(features, unit=(3,))(a).backward()
    network[:5](2 * b)[0, 3].mean().backward()
    assert torch.allclose(a.grad, b.grad, atol=1e-7) and a.grad.abs().max() > 0


def test_jitter_moves_an_image_that_is_being_fitted_and_no_other():
    network = nn.Identity()
    moved = replace(
        Features.of(network, "", 1, SHAPE, plain), jitter=3, generator=torch.Generator().manual_seed(0)
    )
    image = torch.rand(1, 1, *SHAPE)
    assert torch.equal(moved(image), image)
    fitted = [moved(image.clone().requires_grad_()).detach() for _ in range(4)]
    assert not all(torch.equal(one, image) for one in fitted)
    allowed = [image.roll((dy, dx), (2, 3)) for dy in range(-3, 4) for dx in range(-3, 4)]
    assert all(any(torch.equal(one, other) for other in allowed) for one in fitted)


def test_excitement_is_larger_the_less_a_unit_is_excited():
    a = torch.tensor([[[[2.0]]]])
    assert Excitement()(a, torch.zeros_like(a), None, None).item() == -2


class Gives(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.inner, self.unused, self.what = nn.Identity(), nn.Identity(), what

    def forward(self, x):
        self.inner(self.what(x))
        return {"out": x}


@pytest.mark.parametrize(
    ("network", "layer", "says"),
    [
        (small(), "6", r"no layer '6'; there are '0', '1', '2', '3', '4', '5'"),
        (Gives(plain), "iner", r"no layer 'iner'; the nearest names are 'inner'"),
        (Gives(plain), "unused", r"layer 'unused' is never used"),
        (Gives(plain), "", r"the network gives a dict, but a tensor is needed"),
        (Gives(lambda x: (x, x)), "inner", r"layer 'inner' gives a tuple, but a tensor is needed"),
        (Gives(lambda x: x.argmax(1)), "inner", r"gives int64 numbers, which do not change little by little"),
        (Gives(lambda x: x.detach()), "inner", r"can't be followed back to the image"),
        (small(3), "4", r"takes images of 3 channels, but was given one of 1 channel: of a grey image pass"),
        (small(5), "4", r"can't take an image of 1 channel and 20 x 24 pixels: Given groups=1"),
    ],
)
def test_what_can_not_be_looked_at_is_refused_in_a_sentence(network, layer, says):
    with pytest.raises((TypeError, ValueError), match=says):
        Features.of(network, layer, 1, SHAPE, plain)


def test_a_correction_that_needs_an_adjoint_is_refused():
    features = Features.of(small(), "0", 1, SHAPE, plain)
    problem = Problem(features(torch.rand(1, 1, *SHAPE))[0], operator=features)
    settings = replace(PRESETS["invert-features"]["fast"], correction="interpolation", device="cpu")
    with pytest.raises(ValueError, match="linear forward operators"):
        next(iterate(problem, settings))
    assert Identity().image_channels(3) == 3
