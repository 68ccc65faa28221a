"""The generator's fixed input ``z``, and its perturbation during the run."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.components import Component, Range
from napari_dip.engine.devices import layout
from napari_dip.engine.filters import gaussian_blur
from napari_dip.engine.networks.layers import unshuffle
from napari_dip.engine.problem import Problem

__all__ = ["INPUTS", "CoordinateInput", "Draws", "ImageInput", "Input", "NoiseInput", "Perturbed", "on_grid"]


class Input(Component, ABC):
    """How ``z`` is made."""

    perturbation: float

    def draw(
        self, problem: Problem, canvas: tuple[int, ...], factors: tuple[int, ...], generator: torch.Generator
    ) -> Tensor:
        """Return ``z``, shape (1, channels, [Z,] Y, X) on the coarse grid, float32, on the CPU.

        Where the problem has a guide it is a part of ``z`` (flash and no-flash, IJCV 2020, sec. 4.5).
        """
        z = self.own(problem, canvas, factors, generator)
        if problem.guide is None:
            return z
        return torch.cat([z, on_grid(problem.guide[None].cpu(), canvas, factors)], 1)

    def width(self, problem: Problem, factors: tuple[int, ...]) -> int:
        """Return how many channels ``z`` will have."""
        guide = 0 if problem.guide is None else problem.guide.shape[0]
        return self.own_width(problem, factors) + guide * math.prod(factors)

    @abstractmethod
    def own(
        self, problem: Problem, canvas: tuple[int, ...], factors: tuple[int, ...], generator: torch.Generator
    ) -> Tensor:
        """Return the channels of ``z`` that are not the guide's."""

    @abstractmethod
    def own_width(self, problem: Problem, factors: tuple[int, ...]) -> int:
        """Return how many these are."""


@dataclass(frozen=True)
class NoiseInput(Input):
    """Uniform noise (Ulyanov et al., IJCV 2020, sec. 2).

    Parameters
    ----------
    channels
        Channels of ``z``.
    scale
        ``z`` is uniform between 0 and this.
    perturbation
        Standard deviation of the normal noise added to ``z``, drawn anew in each iteration. It keeps the
        minimiser from fitting noise (IJCV 2020, sec. 4.1).
    """

    channels: Annotated[int, Range(1, 4096)] = 32
    scale: Annotated[float, Range(0, 1000)] = 0.1
    perturbation: Annotated[float, Range(0, 1000)] = 1 / 30
    name: ClassVar[str] = "noise"

    def own(
        self, problem: Problem, canvas: tuple[int, ...], factors: tuple[int, ...], generator: torch.Generator
    ) -> Tensor:
        return self.scale * torch.rand(1, self.channels, *_coarse(canvas, factors), generator=generator)

    def own_width(self, problem: Problem, factors: tuple[int, ...]) -> int:
        return self.channels


@dataclass(frozen=True)
class CoordinateInput(Input):
    """The pixels' coordinates: smooth, for large holes (Ulyanov et al., IJCV 2020, sec. 4.3).

    Parameters
    ----------
    frequencies
        Sines and cosines of the coordinates at this many octaves beside the coordinates themselves; 0 is
        the paper's meshgrid.
    perturbation
        As in `NoiseInput`.
    """

    frequencies: Annotated[int, Range(0, 30)] = 0
    perturbation: Annotated[float, Range(0, 1000)] = 0.0
    name: ClassVar[str] = "coordinates"

    def own(
        self, problem: Problem, canvas: tuple[int, ...], factors: tuple[int, ...], generator: torch.Generator
    ) -> Tensor:
        axes = [torch.linspace(0, 1, size) for size in _coarse(canvas, factors)]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        waves = [
            wave(math.pi * 2**k * grid) for k in range(self.frequencies) for wave in (torch.sin, torch.cos)
        ]
        return torch.cat([grid, *waves])[None]

    def own_width(self, problem: Problem, factors: tuple[int, ...]) -> int:
        return len(factors) * (1 + 2 * self.frequencies)


@dataclass(frozen=True)
class ImageInput(Input):
    """An image: the problem's guide, or the measurement where there is none.

    Where an explicit prior corrects the estimate (`Settings.correction`), its own estimate takes the
    measurement's place, or that of its hidden pixels if it is recorrupted. Where none does, and pixels are
    held out, nothing is shown in its place: a generator that has seen them would pass for a good one.

    Parameters
    ----------
    channels, scale, perturbation
        Noise channels beside the image's, as in `NoiseInput`.
    blur
        Standard deviation in pixels of the Gaussian blur that the image is given before.
    recorruption
        How much noise is added to the measurement in each iteration, in deviations of its own; what the
        generator is fitted to is freed of as much (`napari_dip.engine.recorruption`), and total variation,
        noise channels and their perturbation are not needed. 0 for none; noise that neighbours share is
        added twice as strong. There is none without similar patches as the correction, or where the noise is
        unknown or that of single photons, or beside a guide.
    """

    channels: Annotated[int, Range(0, 4096)] = 0
    scale: Annotated[float, Range(0, 1000)] = 0.1
    perturbation: Annotated[float, Range(0, 1000)] = 0.0
    blur: Annotated[float, Range(0, 100)] = 0.0
    recorruption: Annotated[float, Range(0, 100)] = 0.0
    name: ClassVar[str] = "image"

    def own(
        self, problem: Problem, canvas: tuple[int, ...], factors: tuple[int, ...], generator: torch.Generator
    ) -> Tensor:
        noise = self.scale * torch.rand(1, self.channels, *_coarse(canvas, factors), generator=generator)
        if problem.guide is not None:
            return noise
        image = problem.filled.cpu().float()
        if self.blur > 0:
            image = gaussian_blur(image, self.blur)
        return torch.cat([on_grid(image, canvas, factors), noise], 1)

    def own_width(self, problem: Problem, factors: tuple[int, ...]) -> int:
        own = problem.channels * math.prod(factors) if problem.guide is None else 0
        return own + self.channels


INPUTS: dict[str, type[Input]] = {kind.name: kind for kind in (NoiseInput, CoordinateInput, ImageInput)}


def _coarse(canvas: tuple[int, ...], factors: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size // factor for size, factor in zip(canvas, factors, strict=True))


def on_grid(image: Tensor, canvas: tuple[int, ...], factors: tuple[int, ...]) -> Tensor:
    """Return an image in the middle of the canvas, on the coarse grid."""
    around = [
        part
        for size, whole in zip(reversed(image.shape[2:]), reversed(canvas), strict=True)
        for part in ((whole - size) // 2, whole - size - (whole - size) // 2)
    ]
    return unshuffle(F.pad(image.float(), around, mode="replicate"), factors)


class Draws:
    """Normal numbers, so many at every call.

    Drawing them costs more than half of a small network's iteration, so they are drawn once and each call
    reads a window of them that starts somewhere else: hardly any two calls give a pixel the same noise.
    """

    # Windows start within this many numbers of the beginning: enough for runs of any length.
    SPAN = 1 << 20

    def __init__(self, size: int, generator: torch.Generator, device: torch.device) -> None:
        self.size, self.generator = size, generator
        self.numbers = torch.randn(size + self.SPAN, generator=generator).to(device)
        self.start = generator.get_state()

    def again(self) -> None:
        """Go on as from the first call on."""
        self.generator.set_state(self.start)

    def __call__(self) -> Tensor:
        start = int(torch.randint(self.SPAN, (), generator=self.generator))
        return self.numbers[start : start + self.size]


class Perturbed:
    """``z`` plus fresh normal noise at every call, and what else is added to its first channels."""

    def __init__(self, z: Tensor, sigma: float, generator: torch.Generator, device: torch.device) -> None:
        self.sigma, self.device = sigma, device
        if sigma > 0:
            self.draws = Draws(z.numel(), generator, device)
            self.draws.numbers *= sigma
        self.show(z)

    def show(self, z: Tensor) -> None:
        """Go on with another ``z`` of the same shape; the noise is what it was from the first call on."""
        if self.sigma > 0:
            self.draws.again()
        # A single channel lies either way, and `contiguous` would leave it as it is; but the layout of the
        # first features follows its strides.
        lies = layout(self.device, z.ndim - 2)
        self.z = torch.empty(z.shape, dtype=z.dtype, device=self.device, memory_format=lies).copy_(z)

    def __call__(self, more: Tensor | None = None) -> Tensor:
        z = self.z
        if self.sigma > 0:
            # The numbers lie as the pixels do, so that the sum reads both straight through.
            z = z + self.draws().as_strided(z.shape, z.stride())
        if more is not None:
            z = z if self.sigma > 0 else z.clone()
            z[:, : more.shape[1]] += more
        return z
