"""What a run takes of a device's memory."""

from __future__ import annotations

import math

import torch

from napari_dip.engine.devices import available_memory
from napari_dip.engine.penalties import NoPenalty
from napari_dip.engine.problem import Problem
from napari_dip.engine.recorruption import input_of
from napari_dip.engine.settings import Settings

__all__ = ["memory_of", "refuse_too_large"]

# Images of the result's size that a run with a penalty holds at its peak, as it was measured: the pixels,
# what the optimiser keeps of them, and the differences between them.
PENALISED = 60


def memory_of(problem: Problem, settings: Settings) -> int:
    """Return about how many bytes a run takes at its peak; without known noise no numbers are looked at."""
    canvas = settings.network.canvas(problem.image_shape)
    factors = settings.network.factors(canvas)
    width = input_of(problem, settings).width(problem, factors)
    coarse = tuple(c // f for c, f in zip(canvas, factors, strict=True))
    kept = list(settings.network.kept(width, problem.channels, canvas))
    # Beside what is kept: z and its perturbation, and the gradients of the largest layer on the way back.
    needed = 4 * (sum(kept) + 2 * width * math.prod(coarse) + 3 * max(kept))
    if not isinstance(settings.penalty, NoPenalty):
        needed += PENALISED * problem.channels * math.prod(canvas) * 4
    return needed


def refuse_too_large(problem: Problem, settings: Settings) -> None:
    """Raise MemoryError if a run would not fit in the memory that its device has free."""
    device = torch.device(settings.device)
    needed, free = memory_of(problem, settings), available_memory(device)
    if needed > free:
        size = " x ".join(map(str, problem.image_shape))
        raise MemoryError(
            f"A run on {size} pixels needs about {needed / 2**30:.1f} GiB but {device} "
            f"has {free / 2**30:.1f} GiB free. "
            "Crop the image, choose the preset 'fast', or another device."
        )
