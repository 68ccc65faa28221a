"""Generators that lack a part of the hourglass, for the study of what that part does.

They are networks as `napari_dip.engine.networks` has them, and take part in the same loop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from torch import nn

from napari_dip.engine.networks import Hourglass, Network
from napari_dip.engine.networks.layers import Border, Head, conv, conv_block

__all__ = ["FullyConnected", "Pointwise", "SinglePixels"]


@dataclass(frozen=True)
class Pointwise(Hourglass):
    """The hourglass with 1 x 1 filters only: pixels meet nowhere but where the image is enlarged."""

    name: ClassVar[str] = "pointwise"

    def build(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        network = super().build(inputs, outputs, shape)
        for block in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
            for place, layer in enumerate(block):
                if isinstance(layer, Border):
                    block[place] = nn.Identity()
                elif isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
                    block[place] = conv(len(shape), layer.in_channels, layer.out_channels, 1, layer.stride)
        return network


@dataclass(frozen=True)
class SinglePixels(Network):
    """1 x 1 filters at one scale: each pixel by itself, through the same small fully connected network."""

    width: int = 256
    layers: int = 3
    output: str = "sigmoid"
    name: ClassVar[str] = "single pixels"

    def build(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        widths = [inputs, *[self.width] * self.layers]
        blocks = [conv_block(len(shape), *pair, kernel=1) for pair in pairwise(widths)]
        return nn.Sequential(*blocks, Head(conv(len(shape), self.width, outputs, 1), self.output))

    def kept(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> Iterator[int]:
        yield from (2 * width * math.prod(shape) for width in [inputs, *[self.width] * self.layers])


@dataclass(frozen=True)
class FullyConnected(Network):
    """From one vector, through dense layers, to all pixels: it knows nothing of where a pixel lies.

    It has no normalisation: that of a single number is always 0.
    """

    width: int = 32
    layers: int = 3
    output: str = "sigmoid"
    name: ClassVar[str] = "fully connected"

    def factors(self, canvas: tuple[int, ...]) -> tuple[int, ...]:
        return canvas  # the input is a single pixel

    def build(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        widths = [inputs, *[self.width] * self.layers]
        dense = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.LeakyReLU(0.2))]
        last = nn.Sequential(
            nn.Linear(self.width, outputs * math.prod(shape)), nn.Unflatten(1, (outputs, *shape))
        )
        return nn.Sequential(nn.Flatten(), *dense, Head(last, self.output))

    def kept(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> Iterator[int]:
        yield self.width * (inputs + self.layers * self.width + outputs * math.prod(shape))
