"""Pairs of noisy images made of one, neither of which knows the other's noise."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from napari_dip.engine.inputs import Draws, ImageInput, Input
from napari_dip.engine.noise import LITTLE_SHARED, Noise
from napari_dip.engine.noises import Noises, shared
from napari_dip.engine.operators import Identity
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings

__all__ = ["Recorruption", "input_of"]

# Photons of a pixel.
FEW = 0.25

# Noise of which neighbours share much is not known that well: more of it must drown what one copy knows of
# the other.
MORE = 2.0


def input_of(problem: Problem, settings: Settings) -> Input:
    """Return a run's input: the one that was chosen, recorrupted where that can be."""
    chosen, noise = settings.input, problem.noise
    if not isinstance(chosen, ImageInput) or not chosen.recorruption:
        return chosen
    denoises = isinstance(problem.operator, Identity) and problem.guide is None
    asked = denoises and settings.correction == "patches" and not settings.likelihood.robust
    if asked and noise is not None and _lit(problem.filled, noise):
        strength = chosen.recorruption * (MORE if noise.strongest >= LITTLE_SHARED else 1)
        # What says where a pixel lies would let the noise there be learned by heart.
        return replace(chosen, channels=0, perturbation=0.0, recorruption=strength)
    return replace(chosen, recorruption=0.0)


def _lit(image: Tensor, noise: Noise | Noises) -> bool:
    """Whether there are enough photons on average: single ones stand out of any normal noise as strong."""
    return all(
        not one.gain or one.variance(image[:, some].mean()) - one.read_noise**2 >= FEW * one.gain**2
        for some, one in noise.by_channel()
    )


class Recorruption:
    """What is added to a noisy image and what is taken away from it, anew at every call.

    With fresh noise ``n`` that is as strong as the image's own, and shared by neighbours as far,
    ``y + strength * n`` and ``y - n / strength`` have independent errors, as their covariance is the
    difference of the two noises' [1]_. A generator that makes the second of the first learns to make the
    image without its noise.

    Parameters
    ----------
    noise
        The image's noise.
    level
        How bright the clean image is, about: shape (1, channels, [Z,] Y, X).
    strength
        How much noisier the first is made, in deviations of the noise.
    generator
        Source of random numbers.

    References
    ----------
    .. [1] Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image
       denoising", CVPR 2021, section 3.
    """

    def __init__(
        self, noise: Noise | Noises, level: Tensor, strength: float, generator: torch.Generator
    ) -> None:
        self.noise = noise
        self.deviation = noise.variance(level).clamp_min(0).sqrt()
        self.strength = strength
        self.draws = Draws(level.numel(), generator, level.device)

    def __call__(self) -> tuple[Tensor, Tensor]:
        noise = self.deviation * shared(self.draws().view_as(self.deviation), self.noise)
        return self.strength * noise, noise / self.strength
