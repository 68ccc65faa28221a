"""What an explicit prior makes of a measurement in no time, without a generator."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_dip.engine.filters import interpolate, smooth_fill
from napari_dip.engine.operators import Blur, Linear
from napari_dip.engine.patches import nonlocal_bayes
from napari_dip.engine.problem import Problem
from napari_dip.engine.shrinkage import shrink

__all__ = ["by_patches", "denoised", "hint"]


def hint(problem: Problem, seen: Tensor, prior: str | None) -> Tensor:
    """Return an image that an explicit prior makes of the pixels with weights `seen`, in no time.

    Parameters
    ----------
    problem
        What was measured.
    seen
        Weight of each pixel of the measurement, of its shape.
    prior
        ``"interpolation"``: the image is smooth; ``"patches"``: its small blocks consist of few waves, by
        which it can be seen which patches are similar.
    """
    if prior == "interpolation":
        assert isinstance(problem.operator, Linear)
        return interpolate(problem.operator, problem.filled, seen)
    assert prior == "patches" and problem.noise is not None
    if isinstance(problem.operator, Blur):
        clear = denoised(problem, seen)
        return interpolate(problem.operator, clear, torch.ones_like(clear))
    return shrink(smooth_fill(problem.filled, seen), problem.noise)


def denoised(problem: Problem, seen: Tensor) -> Tensor:
    """Return the measurement by its similar patches, made of the pixels with weights `seen` alone."""
    assert problem.noise is not None
    return by_patches(problem, seen, shrink(smooth_fill(problem.filled, seen), problem.noise))


def by_patches(problem: Problem, seen: Tensor, pilot: Tensor) -> Tensor:
    """Return the measurement by its similar patches; pixels that are not seen are the pilot's."""
    assert problem.noise is not None
    measured = torch.where(seen > 0, problem.filled, pilot)
    guide = None if problem.guide is None else problem.guide[None]
    return nonlocal_bayes(measured, pilot, problem.noise, guide)
