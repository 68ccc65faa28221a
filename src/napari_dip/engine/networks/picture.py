"""The generator that is none: its weights are the pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from napari_dip.engine.networks.base import Network

__all__ = ["Picture"]


@dataclass(frozen=True)
class Picture(Network):
    """The picture itself, whatever the input: it can be any image, and prefers none.

    With an explicit prior (`napari_dip.engine.penalties`) the same loop does what variational methods do:
    something to compare a deep image prior with.
    """

    name: ClassVar[str] = "picture"

    def build(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        return _Pixels((1, outputs, *shape))

    def kept(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> Iterator[int]:
        yield outputs * math.prod(shape)

    def canvas(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


class _Pixels(nn.Module):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.full(shape, 0.5))

    def forward(self, z: Tensor) -> Tensor:
        # What is handed on must not change with the next step.
        return self.pixels.clone()
