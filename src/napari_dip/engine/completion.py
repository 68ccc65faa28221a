"""What similar patches say of missing pixels at the end, as often as held-out pixels speak for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_dip.engine.patches import complete

__all__ = ["Completion", "choose"]

# Variances beyond what similar patches share, in normalised intensities: of an image without noise, to noise
# of a tenth of its range. The search begins at `FIRST`.
RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
FIRST = 2
# The better the estimate, the better it is seen which patches are similar.
TIMES = 4
# Held-out pixels in the middle of an image tell as much as all of them, in no time.
FIELD = 128


@dataclass(frozen=True)
class Completion:
    """Which variance is allowed for, and how many times the estimate is gone over."""

    ridge: float = RIDGES[FIRST]
    times: int = 0

    def __call__(self, measured: Tensor, seen: Tensor, estimate: Tensor) -> Tensor:
        for _ in range(self.times):
            estimate = complete(measured, seen, estimate, self.ridge)
        return estimate


def choose(measured: Tensor, seen: Tensor, estimate: Tensor, watched: Tensor) -> Completion:
    """Return what comes nearest to the pixels that are watched.

    Parameters
    ----------
    measured
        Shape (1, channels, [Z,] Y, X).
    seen
        Weights of the pixels that the estimate was made of, of the same shape.
    estimate
        What was made of them.
    watched
        Indices of pixels that were held out, among those of all spatial axes in C order.
    """
    mark = torch.zeros_like(measured[:, :1])
    mark.view(-1)[watched] = 1
    for axis, (start, length) in enumerate(_middle(mark), 2):
        measured, seen, estimate, mark = (
            one.narrow(axis, start, length) for one in (measured, seen, estimate, mark)
        )

    def error(image: Tensor) -> float:
        return float(((image - measured).square() * mark).sum())

    best, image, least = Completion(), estimate, error(estimate)

    def helps(tried: Completion, pilot: Tensor) -> bool:
        """Go over the pilot once more; keep what comes of it if that is nearer."""
        nonlocal best, image, least
        found = complete(measured, seen, pilot, tried.ridge)
        left = error(found)
        if left >= least:
            return False
        best, image, least = tried, found, left
        return True

    for ridges in (RIDGES[FIRST::-1], RIDGES[FIRST + 1 :]):
        for ridge in ridges:
            if not helps(Completion(ridge, 1), estimate):
                break
    while 0 < best.times < TIMES and helps(Completion(best.ridge, best.times + 1), image):
        pass
    return best


def _middle(mark: Tensor) -> list[tuple[int, int]]:
    """Return where a field in the middle begins along each axis, and its size; of a volume, in one plane."""
    *planes, height, width = mark.shape[2:]
    field = [(max(0, (size - FIELD) // 2), min(size, FIELD)) for size in (height, width)]
    if not planes:
        return field
    inside = mark[0, 0]
    for axis, (start, length) in enumerate(field, 1):
        inside = inside.narrow(axis, start, length)
    return [(int(inside.sum((1, 2)).argmax()), 1), *field]
