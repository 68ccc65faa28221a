"""What an explicit prior makes of a measurement in no time, without a generator."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_dip.engine.filters import interpolate, smooth_fill
from napari_dip.engine.operators import Blur, Linear
from napari_dip.engine.patches import nonlocal_bayes
from napari_dip.engine.problem import Problem
from napari_dip.engine.shrinkage import shrink

__all__ = ["PARTS", "by_patches", "denoised", "hint"]

# Similar patches are asked twice, and told so much of the noise's variance each time. The first answer keeps
# more of the noise, but also more of the detail by which the second sees what is alike (as in BM3D, where the
# first estimate is thresholded and not shrunk: Dabov et al., IEEE Trans. Image Process. 16(8), 2007).
PARTS = (0.5, 1.0)


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


def by_patches(problem: Problem, seen: Tensor, pilot: Tensor, parts: tuple[float, ...] = PARTS) -> Tensor:
    """Return the measurement by its similar patches; pixels that are not seen are the pilot's.

    Parameters
    ----------
    problem
        What was measured.
    seen
        Weight of each pixel of the measurement, of its shape.
    pilot
        The estimate that says at first which patches are similar.
    parts
        The part of the noise's variance that they are told, each time that they are asked; the last answer is
        the next pilot.
    """
    assert problem.noise is not None
    guide = None if problem.guide is None else problem.guide[None]
    for part in parts:
        measured = torch.where(seen > 0, problem.filled, pilot)
        pilot = nonlocal_bayes(measured, pilot, problem.noise.times(part**0.5), guide)
    return pilot
