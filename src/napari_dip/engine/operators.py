"""Forward operators: how a measurement is made from the clean image.

An operator ``A`` is linear and differentiable. It knows nothing of the network, the noise or the task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

__all__ = ["Identity", "Operator"]


class Operator(Protocol):
    """A linear map from images to measurements, over 2 or 3 spatial axes.

    Tensors have the shape (1, channels, [Z,] Y, X).
    """

    def __call__(self, image: Tensor) -> Tensor:
        """Return the measurement ``A x`` of an image ``x``."""

    def adjoint(self, measurement: Tensor) -> Tensor:
        """Return ``A^T y``, so that ``<A x, y> = <x, A^T y>``."""

    def image_shape(self, measured: tuple[int, ...]) -> tuple[int, ...]:
        """Return the spatial shape of the images whose measurement has the spatial shape `measured`."""


@dataclass(frozen=True)
class Identity:
    """The measurement is the image itself: denoising."""

    def __call__(self, image: Tensor) -> Tensor:
        return image

    def adjoint(self, measurement: Tensor) -> Tensor:
        return measurement

    def image_shape(self, measured: tuple[int, ...]) -> tuple[int, ...]:
        return measured
