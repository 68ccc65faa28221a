"""What a generator family is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, Literal

from torch import nn

from napari_dip.engine.components import Component, Entries, Range

__all__ = ["Channels", "Network", "Output", "Padding", "Upsampling"]

# One entry for each halving: a dozen turn an image of 4096 pixels into one.
Channels = Annotated[tuple[Annotated[int, Range(1, 4096)], ...], Entries(1, 16)]
Padding = Literal["reflect", "replicate", "zeros"]
Upsampling = Literal["linear", "nearest"]
Output = Literal["semilinear", "sigmoid", "linear"]

# Below this an image cannot be halved often enough to have a prior worth the name; it is fitted on a
# canvas of this size and cropped.
SMALLEST = 16


class Network(Component, ABC):
    """A family of generators ``f_theta``; its fields describe one member."""

    @abstractmethod
    def build(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> nn.Module:
        """Return a newly initialised generator.

        It maps `inputs` channels on the coarse grid, ``shape / factors``, to an image of `outputs` channels
        on the grid `shape`, which is a `canvas`. The weights follow torch's current random state.
        """

    @abstractmethod
    def kept(self, inputs: int, outputs: int, shape: tuple[int, ...]) -> Iterator[int]:
        """Yield how many numbers each layer of what `build` returns keeps for a step's way back.

        (torch could count them by itself, on its device "meta", but takes seconds to get ready for that.)
        """

    def canvas(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the spatial shape to generate so that an image of `shape` can be cropped from it."""
        depth = (max(size, 2) for size in shape[:-2])
        return (*depth, *(max(size, SMALLEST) for size in shape[-2:]))

    def factors(self, canvas: tuple[int, ...]) -> tuple[int, ...]:
        """Return how much coarser the generator's input is than its output, along each axis."""
        return (1,) * len(canvas)
