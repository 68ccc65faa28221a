"""A generator that works on a coarser grid and writes the pixels of a fine one as channels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from napari_dip.engine.components import Range
from napari_dip.engine.networks.base import Channels, Network, Output, Padding, Upsampling
from napari_dip.engine.networks.hourglass import Hourglass, HourglassBody, kept_by_body
from napari_dip.engine.networks.layers import Head, conv, shuffle

__all__ = ["SubPixel"]


@dataclass(frozen=True)
class SubPixel(Network):
    """An hourglass at half the resolution with a sub-pixel head (Shi et al., CVPR 2016, sec. 3.2).

    Nearly all arithmetic happens on a quarter (2-D) or an eighth (3-D) of the pixels.

    Parameters
    ----------
    channels, skip, upsampling, padding, output
        As in `Hourglass`.
    head
        Features of each fine pixel before the last convolution.
    """

    channels: Channels = (32, 64, 64, 64, 64)
    skip: Annotated[int, Range(0, 4096)] = 4
    upsampling: Upsampling = "linear"
    padding: Padding = "zeros"
    output: Output = "semilinear"
    head: Annotated[int, Range(1, 4096)] = 4
    name: ClassVar[str] = "subpixel"

    def build(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return SubPixelBody(self, inputs, outputs, shape)

    def kept(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> Iterator[int]:
        coarse = tuple(size // f for size, f in zip(shape, self.factors(shape), strict=True))
        yield from kept_by_body(self._hourglass, inputs, coarse)
        features, pixels = self.head * outputs, math.prod(shape)
        yield from (features * pixels, features * pixels)
        if self.output != "linear":
            yield 2 * outputs * pixels
        if self.padding != "zeros":
            yield features * math.prod(size + 2 for size in shape)

    @property
    def _hourglass(self) -> Hourglass:
        return Hourglass(self.channels, self.skip, self.upsampling, self.padding, bias=False)

    def canvas(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        factors = self.factors(shape)
        return tuple(-(-size // f) * f for size, f in zip(super().canvas(shape), factors, strict=True))

    def factors(self, canvas: tuple[int, ...]) -> tuple[int, ...]:
        # A volume of few planes keeps them all: its depth is already the coarse axis.
        depth = (2 if size >= 32 else 1 for size in canvas[:-2])
        return (*depth, 2, 2)


class SubPixelBody(nn.Module):
    """Hourglass on the coarse grid, shuffle, one convolution on the fine grid."""

    def __init__(self, setting: SubPixel, inputs: int, outputs: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.factors = setting.factors(shape)
        cells = math.prod(self.factors)
        coarse = tuple(size // f for size, f in zip(shape, self.factors, strict=True))
        features, dims = setting.head * outputs, len(shape)
        self.body = HourglassBody(setting._hourglass, inputs, coarse)
        self.cells = conv(dims, setting.channels[0], features * cells, 1)
        self.head = Head(conv(dims, features, outputs, 3, padding=setting.padding), setting.output)

    def forward(self, x: Tensor) -> Tensor:
        x = shuffle(self.cells(self.body(x)), self.factors)
        return self.head(F.leaky_relu(x, 0.2))  # type: ignore[no-any-return]
