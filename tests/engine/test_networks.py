import pytest
import torch

from napari_dip.engine.networks import Hourglass, SubPixel
from napari_dip.engine.networks.layers import shuffle, unshuffle


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
    "option", [{"skip": 0}, {"upsampling": "nearest"}, {"padding": "zeros"}, {"bias": False}]
)
def test_hourglass_options_keep_the_shape(option):
    canvas, image = generate(Hourglass(channels=(8, 8), **option), (20, 24))
    assert tuple(image.shape[2:]) == canvas


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
