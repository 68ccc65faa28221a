"""Data terms: how badly a prediction explains the measurement, pixel by pixel.

Each returns the negative log-likelihood of every pixel up to constants, of the prediction's shape, scaled
as each class says; of plain Gaussian noise it is the squared error. The solver takes the mean over
the pixels that the fit may see.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.components import Component, Range
from napari_dip.engine.filters import gaussian_blur
from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises

__all__ = ["L1", "LIKELIHOODS", "Gaussian", "Huber", "LaplacianL1", "Likelihood", "PoissonGaussian"]


class Likelihood(Component, ABC):
    """The noise, as the data term sees it.

    Attributes
    ----------
    weighs
        Whether it looks at the best guess so far.
    """

    weighs: ClassVar[bool] = False

    # Whether it expects outliers.
    robust: ClassVar[bool] = False

    @abstractmethod
    def __call__(
        self, prediction: Tensor, measurement: Tensor, level: Tensor | None, noise: Noise | Noises | None
    ) -> Tensor:
        """Return each pixel's data term.

        Parameters
        ----------
        prediction, measurement
            Shape (1, channels, [Z,] Y, X), normalised intensities. Where the fit must not see the
            measurement, the two are equal.
        level
            The best guess so far of the clean measurement, of the same shape and without a gradient;
            None in the first iteration, and where nothing is weighed by it.
        noise
            The measurement's noise, if it is known.
        """


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Squared error: the same noise everywhere (Ulyanov et al., IJCV 2020, eq. 4)."""

    name: ClassVar[str] = "gaussian"

    def __call__(
        self, prediction: Tensor, measurement: Tensor, level: Tensor | None, noise: Noise | Noises | None
    ) -> Tensor:
        return (prediction - measurement).square()


@dataclass(frozen=True)
class L1(Likelihood):
    """Absolute error: heavy-tailed noise."""

    robust: ClassVar[bool] = True
    name: ClassVar[str] = "l1"

    def __call__(
        self, prediction: Tensor, measurement: Tensor, level: Tensor | None, noise: Noise | Noises | None
    ) -> Tensor:
        return (prediction - measurement).abs()


@dataclass(frozen=True)
class Huber(Likelihood):
    """Squared error up to `delta`, linear beyond: Gaussian noise with outliers such as hot pixels.

    Parameters
    ----------
    delta
        Where the error turns linear, in normalised intensity (the image's range is about 0.9).
    """

    delta: Annotated[float, Range(0, but=0)] = 0.1
    robust: ClassVar[bool] = True
    name: ClassVar[str] = "huber"

    def __call__(
        self, prediction: Tensor, measurement: Tensor, level: Tensor | None, noise: Noise | Noises | None
    ) -> Tensor:
        return 2 * F.huber_loss(prediction, measurement, reduction="none", delta=self.delta)


@dataclass(frozen=True)
class LaplacianL1(Likelihood):
    """Absolute error at all scales: the L1 distance of Laplacian pyramids (Bojanowski et al., ICML 2018).

    Each level of a pyramid (Burt, Adelson, IEEE Trans. Commun. 31, 1983) has what the next one, at half its
    resolution, can't show. The mean absolute errors of all levels are added up. At the coarser ones there is
    little noise: a small error that many pixels share, and that `L1` hardly sees beneath it, counts there.

    Parameters
    ----------
    levels
        Halvings, at most: an image is not halved below 4 pixels.
    """

    levels: Annotated[int, Range(1)] = 4
    robust: ClassVar[bool] = True
    name: ClassVar[str] = "laplacian-l1"

    def __call__(
        self, prediction: Tensor, measurement: Tensor, level: Tensor | None, noise: Noise | Noises | None
    ) -> Tensor:
        error = prediction - measurement  # a pyramid of the difference is the difference of the pyramids
        pool = F.avg_pool2d if error.ndim == 4 else F.avg_pool3d
        total = torch.zeros_like(error)
        for _ in range(self.levels):
            sizes = tuple(error.shape[2:])
            halves = [2 if size >= 8 else 1 for size in sizes]
            if max(halves) == 1:
                break
            smooth = gaussian_blur(error, 1.0)
            total = total + _enlarged((error - smooth).abs(), total)
            error = pool(smooth, halves, ceil_mode=True, count_include_pad=False)
        return total + _enlarged(error.abs(), total)


def _enlarged(image: Tensor, like: Tensor) -> Tensor:
    """Return an image on the grid of another one, each pixel as several."""
    return F.interpolate(image, size=tuple(like.shape[2:]), mode="nearest")


@dataclass(frozen=True)
class PoissonGaussian(Likelihood):
    """Squared error over the variance expected at each pixel: photon noise plus read noise.

    The variance (`napari_dip.engine.noise.Noise.variance`) is taken at the running average of the
    estimates, which makes this an iteratively reweighted least squares: it needs no variance-stabilising
    transform, whose inverse is biased at low counts. Weights are relative to the mean variance, so that the
    step size keeps its meaning.

    Parameters
    ----------
    floor
        Smallest variance, as a part of the mean variance: no pixel may weigh more than ``1 / floor``.
    """

    floor: Annotated[float, Range(0, 1)] = 0.1
    name: ClassVar[str] = "poisson-gaussian"
    weighs: ClassVar[bool] = True

    def __call__(
        self, prediction: Tensor, measurement: Tensor, level: Tensor | None, noise: Noise | Noises | None
    ) -> Tensor:
        squared = (prediction - measurement).square()
        if level is None or noise is None:
            return squared
        variance: Tensor = noise.variance(level)
        mean = variance.mean()
        least = 1e-12  # where there is no noise at all
        weight = (mean + least) / variance.clamp_min(self.floor * mean + least)
        return squared * weight / weight.mean()


LIKELIHOODS: dict[str, type[Likelihood]] = {
    k.name: k for k in (Gaussian, L1, Huber, LaplacianL1, PoissonGaussian)
}
