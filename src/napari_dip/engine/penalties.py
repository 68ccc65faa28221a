"""Explicit priors as a term of what is minimised: how far an image is from what one expects of images.

With a generator the minimum is that of ``E(A f(z), y) / 2 + weight * R(f(z))``. With the generator
`napari_dip.engine.networks.Picture`, whose weights are the pixels, the explicit prior is the only one, and
the fit is what variational methods are: ``E(A x, y) / 2 + weight * R(x)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.components import Component, Range

__all__ = [
    "PENALTIES",
    "NoPenalty",
    "Penalty",
    "Tikhonov",
    "TotalVariation",
    "total_variation",
]

# Isotropic total variation has no gradient where an image is flat. Differences that are small beside this are
# penalised by their square.
FLAT = 1e-3


class Penalty(Component, ABC):
    """An explicit prior."""

    @property
    def sought(self) -> bool:
        """Whether the weight is not given, but found on the way."""
        return False

    @abstractmethod
    def weight_at(self, iteration: int) -> float:
        """Return the weight beside half the mean data term."""

    @abstractmethod
    def __call__(self, image: Tensor) -> Tensor:
        """Return the mean over an image's pixels, shape (1, channels, [Z,] Y, X), a tensor without axes."""


@dataclass(frozen=True)
class NoPenalty(Penalty):
    """None: what the generator can't make is the only prior."""

    name: ClassVar[str] = "none"

    def weight_at(self, iteration: int) -> float:
        return 0.0

    def __call__(self, image: Tensor) -> Tensor:
        return image.new_zeros(())


@dataclass(frozen=True)
class _Weighted(Penalty, ABC):
    weight: Annotated[float, Range(0)] | None = None
    start: Annotated[float, Range(0, but=0)] = 1.0
    halving: Annotated[int, Range(1)] = 60

    @property
    def sought(self) -> bool:
        return self.weight is None

    def weight_at(self, iteration: int) -> float:
        if self.weight is not None:
            return self.weight
        return float(self.start * 0.5 ** (iteration / self.halving))


@dataclass(frozen=True)
class TotalVariation(_Weighted):
    """The length of the gradient: few edges, as sharp as they like (Rudin, Osher, Fatemi, 1992).

    Parameters
    ----------
    weight
        As in `skimage.restoration.denoise_tv_chambolle`, in normalised intensity (the image's range is about
        0.9). None: it begins at `start` and falls, so that the image takes up more and more detail, until the
        stopping rule has seen that it was at its best.
    start
        The weight at the beginning.
    halving
        Iterations in which it falls to half.
    isotropic
        Whether edges of all directions count alike, or the differences along the axes are added up: edges
        along the axes are cheaper then.
    """

    isotropic: bool = True
    name: ClassVar[str] = "tv"

    def __call__(self, image: Tensor) -> Tensor:
        if not self.isotropic:
            return total_variation(image)
        # So that a flat image has none.
        return ((_squared_gradient(image) + FLAT**2).sqrt() - FLAT).mean()


@dataclass(frozen=True)
class Tikhonov(_Weighted):
    """Half the square of the gradient's length: smooth everywhere, edges too (Tikhonov, 1963).

    Parameters
    ----------
    weight
        The square of the distance, in pixels, over which noise is smoothed. None: as in `TotalVariation`.
    start, halving
        As in `TotalVariation`.
    """

    start: Annotated[float, Range(0, but=0)] = 50.0
    name: ClassVar[str] = "tikhonov"

    def __call__(self, image: Tensor) -> Tensor:
        return _squared_gradient(image).mean() / 2


PENALTIES: dict[str, type[Penalty]] = {kind.name: kind for kind in (NoPenalty, TotalVariation, Tikhonov)}


def total_variation(x: Tensor) -> Tensor:
    """Return the mean over pixels of the absolute differences to the next pixel along each axis."""
    return _MeanSteps.apply(x)  # type: ignore[no-any-return, no-untyped-call]


class _MeanSteps(torch.autograd.Function):
    """`total_variation`; its gradient is known with it, in half the time that torch's rules would take."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total, gradient = x.new_zeros(()), torch.zeros_like(x)
        for axis in range(2, x.ndim):
            steps, last = x.diff(dim=axis), x.shape[axis] - 1
            if last:
                total += torch.linalg.vector_norm(steps, 1) / steps.numel()
                steps.sign_().div_(steps.numel())
                gradient.narrow(axis, 1, last).add_(steps)
                gradient.narrow(axis, 0, last).sub_(steps)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> Tensor:
        (gradient,) = ctx.saved_tensors
        return outer * gradient  # type: ignore[no-any-return]


def _squared_gradient(x: Tensor) -> Tensor:
    """Return each pixel's sum of the squared differences to the next pixel along each spatial axis."""
    total = torch.zeros_like(x)
    for axis in range(2, x.ndim):
        beyond_the_last = [0, 0] * (x.ndim - 1 - axis) + [0, 1]
        total = total + F.pad(x.diff(dim=axis).square(), beyond_the_last)
    return total
