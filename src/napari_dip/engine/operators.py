"""Forward operators: how a measurement is made from the clean image.

An operator ``A`` is differentiable, and most are linear. It knows nothing of the generator, the noise or the
task.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.components import Component, Range
from napari_dip.engine.fourier import from_waves, waves_of

__all__ = [
    "KERNELS",
    "Blur",
    "Box",
    "Downsample",
    "Gaussian",
    "Identity",
    "Kernel",
    "Lanczos",
    "Linear",
    "Operator",
]


Index = tuple[Any, ...]


class Operator(ABC):
    """A map from images, of 2 or 3 spatial axes, to measurements.

    Tensors have the shape (1, channels, [Z,] Y, X).

    Attributes
    ----------
    repeats
        Whether it does the same with every image, so that it can be recorded (`napari_dip.engine.capture`).
    """

    repeats: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, image: Tensor) -> Tensor:
        """Return the measurement ``A x`` of an image ``x``."""

    @abstractmethod
    def image_shape(self, measured: tuple[int, ...]) -> tuple[int, ...]:
        """Return the spatial shape of the images whose measurement has the spatial shape `measured`."""

    def image_channels(self, measured: int) -> int:
        """Return how many channels the images have whose measurement has so many."""
        return measured


class Linear(Operator):
    """A linear map."""

    @abstractmethod
    def adjoint(self, measurement: Tensor) -> Tensor:
        """Return ``A^T y``, so that ``<A x, y> = <x, A^T y>``."""


@dataclass(frozen=True)
class Identity(Linear):
    """The measurement is the image itself: denoising."""

    def __call__(self, image: Tensor) -> Tensor:
        return image

    def adjoint(self, measurement: Tensor) -> Tensor:
        return measurement

    def image_shape(self, measured: tuple[int, ...]) -> tuple[int, ...]:
        return measured


# ----------------------------------------------------------------------------------------------- downsampling


class Kernel(Component, ABC):
    """What one coarse pixel sees of the fine ones around its centre, along one axis."""

    @abstractmethod
    def reach(self, factor: int) -> float:
        """Return how far from the coarse pixel's centre it sees, in fine pixels."""

    @abstractmethod
    def weight(self, distance: Tensor, factor: int) -> Tensor:
        """Return what fine pixels at these distances, in fine pixels, count; up to a constant."""


@dataclass(frozen=True)
class Lanczos(Kernel):
    """A windowed sinc, as image programs resample (Ulyanov et al., IJCV 2020, sec. 4.2).

    Parameters
    ----------
    lobes
        Of the sinc on each side; the paper's 2.
    """

    lobes: Annotated[int, Range(1, 10)] = 2
    name: ClassVar[str] = "lanczos"

    def reach(self, factor: int) -> float:
        return float(self.lobes * factor)

    def weight(self, distance: Tensor, factor: int) -> Tensor:
        x = distance / factor
        return torch.sinc(x) * torch.sinc(x / self.lobes)


@dataclass(frozen=True)
class Box(Kernel):
    """The mean of the fine pixels in a coarse one: camera binning."""

    name: ClassVar[str] = "box"

    def reach(self, factor: int) -> float:
        return factor / 2

    def weight(self, distance: Tensor, factor: int) -> Tensor:
        return torch.ones_like(distance)


# A narrower point spread, in coarse pixels, is one of this width: a point.
NARROW = 1e-3


@dataclass(frozen=True)
class Gaussian(Kernel):
    """A Gaussian point spread function, sampled at the coarse pixels' centres.

    Parameters
    ----------
    fwhm
        Full width at half maximum, in coarse pixels: the resolution over the pixel size (or the z step).
    """

    fwhm: Annotated[float, Range(0, 100, but=0)] = 1.0
    name: ClassVar[str] = "gaussian"

    def sigma(self, factor: int) -> float:
        """Return the standard deviation in fine pixels."""
        return max(self.fwhm, NARROW) * factor / math.sqrt(8 * math.log(2))

    def reach(self, factor: int) -> float:
        # At least the nearest fine pixels, however narrow the point spread is.
        return max(4 * self.sigma(factor), 1.0)

    def weight(self, distance: Tensor, factor: int) -> Tensor:
        # Relative to the nearest fine pixel, which a narrow kernel would round away otherwise.
        nearest = distance.abs().min()
        return torch.exp(-0.5 * (distance.square() - nearest**2) / self.sigma(factor) ** 2)


KERNELS: dict[str, type[Kernel]] = {kind.name: kind for kind in (Lanczos, Box, Gaussian)}


@dataclass(frozen=True)
class Downsample(Linear):
    """The measurement is coarser than the image: super-resolution.

    A coarse pixel is a weighted mean of the fine pixels around its centre. It covers ``factor`` fine pixels,
    so that its centre lies at ``(i + 1/2) * factor - 1/2`` on the fine grid, for odd and even factors. At the
    border the mean is taken over the fine pixels that are there.

    Parameters
    ----------
    factors
        Fine pixels per coarse pixel, along each spatial axis.
    kernels
        One for each axis, or one for all.
    """

    factors: tuple[int, ...]
    kernels: tuple[Kernel, ...] = (Lanczos(),)

    def __call__(self, image: Tensor) -> Tensor:
        for axis, factor, kernel in self._axes():
            means = _means(image.shape[axis] // factor, factor, kernel, image.device)
            image = (image.movedim(axis, -1) @ means.mT).movedim(-1, axis)
        return image

    def adjoint(self, measurement: Tensor) -> Tensor:
        for axis, factor, kernel in self._axes():
            means = _means(measurement.shape[axis], factor, kernel, measurement.device)
            measurement = (measurement.movedim(axis, -1) @ means).movedim(-1, axis)
        return measurement

    def image_shape(self, measured: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(size * factor for size, factor in zip(measured, self.factors, strict=True))

    def _axes(self) -> list[tuple[int, int, Kernel]]:
        kernels = self.kernels * (len(self.factors) if len(self.kernels) == 1 else 1)
        pairs = zip(self.factors, kernels, strict=True)
        return [(2 + axis, factor, kernel) for axis, (factor, kernel) in enumerate(pairs) if factor > 1]


@lru_cache(maxsize=16)
def _means(coarse: int, factor: int, kernel: Kernel, device: torch.device) -> Tensor:
    """Return the matrix (coarse, fine pixels) of the weighted means.

    A matrix of mostly zeros, yet quicker than a strided convolution of an image of few channels, and its
    transpose is the adjoint.
    """
    centres = (torch.arange(coarse, dtype=torch.float64) + 0.5) * factor - 0.5
    distance = torch.arange(coarse * factor, dtype=torch.float64) - centres[:, None]
    weights = kernel.weight(distance, factor) * (distance.abs() < kernel.reach(factor))
    return (weights / weights.sum(1, keepdim=True)).float().to(device)


# ----------------------------------------------------------------------------------------------------- blur


@dataclass(frozen=True, eq=False)
class Blur(Linear):
    """The measurement is the image convolved with a point spread function: deconvolution.

    The image reaches beyond the measurement by half the point spread function on each side, so that light
    which comes from outside the frame is explained by what is there: nothing is assumed of the border, and
    no light is lost or made.

    Parameters
    ----------
    psf
        Shape ([Z,] Y, X), odd sizes, its middle being where a point lies. Its sum is taken to be 1.
    """

    psf: Tensor
    _spectra: dict[tuple[tuple[int, ...], torch.device], Tensor] = field(default_factory=dict, repr=False)

    def __call__(self, image: Tensor) -> Tensor:
        whole = tuple(image.shape[2:])
        # Of the circular convolution, the part that nothing has come round to.
        ends = zip(self.psf.shape, whole, strict=True)
        inside: Index = (..., *(slice(side - 1, size) for side, size in ends))
        return self._filtered(image, whole, conjugate=False)[inside]

    def adjoint(self, measurement: Tensor) -> Tensor:
        whole = self.image_shape(tuple(measurement.shape[2:]))
        before = [amount for side in reversed(self.psf.shape) for amount in (side - 1, 0)]
        return self._filtered(F.pad(measurement, before), whole, conjugate=True)

    def image_shape(self, measured: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(size + side - 1 for size, side in zip(measured, self.psf.shape, strict=True))

    def _filtered(self, image: Tensor, whole: tuple[int, ...], *, conjugate: bool) -> Tensor:
        """Return the circular convolution (or correlation) of an image, with zeros after it up to a size."""
        sizes = [_quick(size) for size in whole]
        key = (tuple(sizes), image.device)
        if key not in self._spectra:
            psf = (self.psf.double() / self.psf.sum(dtype=torch.float64)).float()
            self._spectra[key] = waves_of(psf.to(image.device), sizes)
        spectrum = self._spectra[key].conj() if conjugate else self._spectra[key]
        filtered = from_waves(waves_of(image, sizes) * spectrum, sizes)
        here: Index = (..., *(slice(size) for size in whole))
        return filtered[here]


def _quick(size: int) -> int:
    """Return the next size whose Fourier transform is quick: a product of 2, 3 and 5."""
    while True:
        left = size
        for factor in (2, 3, 5):
            while left % factor == 0:
                left //= factor
        if left == 1:
            return size
        size += 1
