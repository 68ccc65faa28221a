"""The encoder-decoder with skip connections of the deep image prior paper."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from napari_dip.engine.components import Range
from napari_dip.engine.networks.base import Channels, Network, Output, Padding, Upsampling
from napari_dip.engine.networks.layers import Head, Normalise, conv, conv_block, halve, upsample

__all__ = ["Hourglass"]


@dataclass(frozen=True)
class Hourglass(Network):
    """The hourglass of Ulyanov et al. (IJCV 2020, supplementary fig. 21).

    Parameters
    ----------
    channels
        Channels at each scale, from the finest on; as many halvings as entries.
    skip
        Channels of each skip connection; 0 for none.
    upsampling
        ``"linear"`` or ``"nearest"``.
    padding
        ``"reflect"`` (the paper's), ``"replicate"`` or ``"zeros"``.
    bias
        Whether convolutions before a normalisation have a bias. It has no effect on the output; the
        original has it.
    renormalise
        Whether what the skip connection and the coarser scale bring together is normalised once more, as in
        the paper: each has been before.
    output
        How the last convolution's numbers become intensities: ``"semilinear"``, ``"sigmoid"``, ``"linear"``.
        If it is linear, that convolution begins as what comes closest to the image (`Head.fit`).
    """

    channels: Channels = (128, 128, 128, 128, 128)
    skip: Annotated[int, Range(0, 4096)] = 4
    upsampling: Upsampling = "linear"
    padding: Padding = "reflect"
    bias: bool = True
    renormalise: bool = True
    output: Output = "sigmoid"
    name: ClassVar[str] = "hourglass"

    def build(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        last = conv(len(shape), self.channels[0], outputs, 1)
        return nn.Sequential(HourglassBody(self, inputs, shape), Head(last, self.output))

    def kept(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> Iterator[int]:
        yield from kept_by_body(self, inputs, shape)
        if self.output != "linear":
            yield 2 * outputs * math.prod(shape)


def kept_by_body(setting: Hourglass, inputs: int, shape: tuple[int, ...]) -> Iterator[int]:
    """Yield what `Network.kept` does, of a `HourglassBody`."""

    def block(
        above: int, width: int, kernel: int, seen: tuple[int, ...], shape: tuple[int, ...]
    ) -> Iterator[int]:
        if kernel > 1 and setting.padding != "zeros":  # it sees a copy with a border
            yield above * math.prod(size + 2 for size in seen)
        yield above * width * kernel ** len(shape)
        yield from 2 * [width * math.prod(shape)]  # before the normalisation, and after

    above = inputs
    if setting.skip or setting.padding == "zeros":  # else the copy with a border is all that is seen
        yield inputs * math.prod(shape)
    for scale, width in enumerate(setting.channels):
        _, half = halve(shape)
        yield from block(above, width, 3, shape, half)
        yield from block(width, width, 3, half, half)
        yield from block(above, setting.skip, 1, shape, shape)
        merged = setting.skip + width
        yield from (1 + setting.renormalise) * [merged * math.prod(shape)]
        yield from block(merged, width, 3, shape, shape)
        yield from block(width, setting.channels[max(scale - 1, 0)], 1, shape, shape)
        above, shape = width, half


class HourglassBody(nn.Module):
    """The hourglass up to, and without, its last convolution: it gives ``channels[0]`` features."""

    def __init__(self, setting: Hourglass, inputs: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        dims, channels = len(shape), setting.channels
        block = partial(conv_block, dims, padding=setting.padding, bias=setting.bias)
        self.upsampling = setting.upsampling
        self.down, self.skip, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        above = inputs
        for scale, width in enumerate(channels):
            strides, shape = halve(shape)
            self.down.append(
                nn.Sequential(
                    block(above, width, 3, strides),
                    block(width, width, 3),
                )
            )
            self.skip.append(block(above, setting.skip, 1) if setting.skip else nn.Identity())
            below = width if scale + 1 < len(channels) else channels[-1]
            merged, after = setting.skip + below, channels[max(scale - 1, 0)]
            self.up.append(
                nn.Sequential(
                    Normalise(merged) if setting.renormalise else nn.Identity(),
                    block(merged, width, 3),
                    # What goes up has the width of the scale above: enlarging fewer channels is cheaper.
                    block(width, after, 1),
                )
            )
            above = width

    def forward(self, x: Tensor) -> Tensor:
        aside, shapes = [], []
        for down, skip in zip(self.down, self.skip, strict=True):
            aside.append(None if isinstance(skip, nn.Identity) else skip(x))
            shapes.append(tuple(x.shape[2:]))
            x = down(x)
        for up in reversed(self.up):
            x = upsample(x, shapes.pop(), self.upsampling)
            skipped = aside.pop()
            x = up(x if skipped is None else torch.cat([skipped, x], 1))
        return x
