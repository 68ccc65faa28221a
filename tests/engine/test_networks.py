import pytest
import torch
import torch.nn.functional as F

from napari_dip.engine.networks import Hourglass, SubPixel
from napari_dip.engine.networks.layers import (
    Border,
    ByPlanes,
    Enlarge,
    Normalise,
    halve,
    shuffle,
    unshuffle,
    upsample,
)


def generate(network, shape, inputs=3, outputs=2):
    canvas = network.canvas(shape)
    generator = network.build(inputs, outputs, canvas)
    coarse = [size // factor for size, factor in zip(canvas, network.factors(canvas), strict=True)]
    return canvas, generator(torch.rand(1, inputs, *coarse))


def test_the_2018_hourglass_has_the_originals_2_217_831_weights():
    network = Hourglass(channels=(128,) * 5, skip=4).build(32, 3, (256, 256))
    assert sum(p.numel() for p in network.parameters()) == 2_217_831


@pytest.mark.parametrize("network", [Hourglass((8, 8, 8, 8), 2), SubPixel((8, 8, 8), 2)])
@pytest.mark.parametrize(
    "shape", [(1, 2), (3, 3), (33, 57), (64, 64), (3, 21, 40), (32, 16, 17), (1, 20, 20)]
)
def test_every_generator_covers_every_shape(network, shape):
    canvas, image = generate(network, shape)
    assert tuple(image.shape) == (1, 2, *canvas)
    assert all(c >= s for c, s in zip(canvas, shape, strict=True))
    assert image.isfinite().all()


@pytest.mark.parametrize(
    "option",
    [{"skip": 0}, {"upsampling": "nearest"}, {"padding": "zeros"}, {"bias": False}, {"renormalise": False}],
)
def test_hourglass_options_keep_the_shape(option):
    canvas, image = generate(Hourglass(channels=(8, 8), **option), (20, 24))
    assert tuple(image.shape[2:]) == canvas


@pytest.mark.parametrize("planes", [1, 2, 5, 8])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 2, 2), (1, 2, 2), (2, 1, 1)])
@pytest.mark.parametrize("bias", [False, True])
def test_convolving_planes_is_convolving_the_volume(planes, kernel, stride, bias):
    for padding in {0, kernel // 2}:
        if planes + 2 * padding < kernel:
            continue
        layer = ByPlanes(3, 4, kernel, stride, padding, bias=bias).double()
        x = torch.rand(1, 3, planes, 9, 8, dtype=torch.double, requires_grad=True)
        expected = F.conv3d(x, layer.weight, layer.bias, stride, padding)
        image, gradient = layer(x), torch.rand(expected.shape, dtype=torch.double)
        torch.testing.assert_close(image, expected)
        inputs = [x, *layer.parameters()]
        gradients = (torch.autograd.grad(one, inputs, gradient) for one in (image, expected))
        for found, wanted in zip(*gradients, strict=True):
            torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "network", [Hourglass((8, 8, 8), 2), Hourglass((8, 8), 2, padding="zeros"), SubPixel()]
)
def test_a_processor_is_asked_for_no_3d_convolution(network, precision, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a 3-D convolution")

    monkeypatch.setattr(F, "conv3d", refuse)
    with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
        _, image = generate(network, (5, 20, 24))
    image.sum().backward()
    assert image.dtype == torch.float32


def test_volumes_lie_channels_last_throughout():
    network = Hourglass((8, 16), 4, padding="zeros").build(1, 1, (6, 24, 20))
    network.to(memory_format=torch.channels_last_3d)
    lie = {}

    def look(name, x):
        # A single channel lies either way.
        lie[name] = x.shape[1] == 1 or x.is_contiguous(memory_format=torch.channels_last_3d)

    def watch(name, module):
        def hook(module, given, x):
            look(name, x)
            x.register_hook(lambda gradient: look(f"gradient of {name}", gradient))

        module.register_forward_hook(hook)

    for name, module in network.named_modules():
        if isinstance(module, ByPlanes | Normalise):
            watch(name, module)
    z = torch.empty(1, 1, 6, 24, 20, memory_format=torch.channels_last_3d).copy_(torch.rand(1, 1, 6, 24, 20))
    network(z).square().sum().backward()
    assert len(lie) > 20 and all(lie.values()), [name for name, right in lie.items() if not right]


@pytest.mark.parametrize("shape", [(6, 8), (4, 6, 8)])
def test_shuffle_undoes_unshuffle(shape):
    x = torch.rand(1, 3, *shape)
    factors = (2,) * len(shape)
    assert torch.equal(shuffle(unshuffle(x, factors), factors), x)


def test_unshuffle_agrees_with_torch():
    x = torch.rand(1, 3, 6, 8)
    assert torch.equal(unshuffle(x, (2, 2)), torch.nn.functional.pixel_unshuffle(x, 2))


def test_output_is_in_float32_under_bfloat16():
    network = SubPixel((8, 8), 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, image = generate(network, (32, 32))
    assert image.dtype == torch.float32


def test_an_unknown_output_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="output of 'hourglass' must be 'semilinear', 'sigmoid' or 'linear'"):
        Hourglass(output="tanh")


@pytest.mark.parametrize("shape", [(6, 5), (1, 4), (3, 4, 5)])
def test_enlarging_passes_gradients_back_as_torch_does(shape):
    x = torch.randn(1, 3, *shape, dtype=torch.float64, requires_grad=True)
    for factors in ((2,) * len(shape), (1,) * (len(shape) - 2) + (2, 2)):
        assert torch.autograd.gradcheck(lambda x, factors=factors: Enlarge.apply(x, factors), x)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize("shape", [(5, 8), (3, 9), (2, 7, 12)])
def test_enlarging_undoes_a_halving(shape, mode):
    _, half = halve(shape)
    x = upsample(torch.ones(1, 2, *half), shape, mode)
    assert torch.equal(x, torch.ones(1, 2, *shape))


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("width", [1, 2])
def test_a_border_is_the_same_on_a_gpu(mode, dims, width, monkeypatch):
    x, border = torch.randn(1, 2, *[5, 4, 6][:dims]), Border(width, mode)
    expected = border(x)
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    assert torch.equal(border(x), expected)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_linear_head_comes_as_close_to_an_image_as_it_can(dims):
    shape, random = (9, 20, 24)[-dims:], torch.Generator().manual_seed(0)
    head = Hourglass(channels=(6,), output="linear").build(1, 2, (16,) * dims)[-1]
    features = torch.randn(1, 6, *shape, generator=random)
    features[:, 5] = 3.0  # what says nothing does no harm
    mixture = torch.tensor([[0.5, -1.0, 0.0, 0.2, 0.0, 0.0], [0.0, 0.3, 2.0, 0.0, -0.7, 0.0]])
    image = torch.einsum("of,nf...->no...", mixture, features) + torch.tensor([0.3, 5.0]).view(
        2, *(1,) * dims
    )
    weights = (torch.rand(image.shape, generator=random) < 0.7).float()
    head.fit(features, image, torch.zeros_like(weights))  # nothing is known
    assert head(features).isfinite().all()
    head.fit(features, torch.where(weights > 0, image, 99.0), weights)
    error = (head(features) - image).square().mean() / image.var()
    assert error < 1e-5


def test_only_a_linear_layer_of_single_pixels_can_be_fitted():
    heads = [
        Hourglass(channels=(4,), output="linear").build(1, 1, (16, 16))[-1],
        Hourglass(channels=(4,)).build(1, 1, (16, 16))[-1],
        SubPixel(channels=(4,), output="linear").build(4, 1, (16, 16)).head,
    ]
    assert [head.fits for head in heads] == [True, False, False]
