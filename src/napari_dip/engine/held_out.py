"""The stopping rule that watches pixels which the fit never sees."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_dip.engine.components import Range
from napari_dip.engine.filters import gaussian_blur, smooth_fill
from napari_dip.engine.judging import Judge, Part, StoppingRule, Unseen, WholeNumber
from napari_dip.engine.problem import Problem
from napari_dip.engine.shrinkage import deviations

__all__ = ["HeldOut"]

# Where blocks are hidden few pixels are watched, and by chance they can speak for an estimate that leaves far
# more or far less of the measurement unexplained than noise. Its squared error on seen pixels must lie within
# so many times the noise's variance (the discrepancy principle, loosely: that is known to about a fifth).
FITTED, UNFITTED = 0.7, 1.3
# So many pixels are watched where neighbours share their noise, if that hides no more than this part.
ENOUGH, COVERED = 300, 0.6
# Iterations within which it has come down to that, unless the variance that is known is far too small.
SOON = 160
# Iterations after which a generator is as good as an explicit prior or will not be.
GROWN = 500
# Where this part of the measurement's variance is noise, a generator begins to outgrow an explicit prior only
# after some 200 iterations.
NOISY, OUTGROWN = 1 / 3, 200
# A speck, or its rim, is where the brightest and the darkest pixel of a field of so many by so many differ by
# so many times as much as in the median field, in which they are 4 deviations of white noise apart; by 2, if
# they are less. The noise may be overrated among specks.
AROUND, SPECK, LEAST = 5, 5.0, 2.0
LEVEL = 1.5  # how far the brightness there is averaged, which decides the noise


@dataclass(frozen=True)
class HeldOut(StoppingRule):
    """Stop when the average's error on pixels that the fit never saw begins to grow.

    With noise of zero mean that is independent between pixels, the squared error on a held-out pixel is the
    true squared error plus the noise's variance, in expectation, whatever the noise's distribution. Where the
    noise of neighbours is correlated, their noise must be hidden too: a held-out pixel then is the centre
    of a block that the fit does not see, and only the centre is watched.

    Where the noise is independent and its variance ``v`` is known, more can be said. With ``H`` the error on
    held-out pixels and ``D`` that on seen ones, a seen pixel's estimate takes a part ``h = 1 - sqrt(D / H)``
    of its own measurement (the leave-one-out identity of linear smoothers, Craven & Wahba, Numer. Math. 31,
    1979), so that its true squared error is ``(1 - h)**2 (H - v) + h**2 v = D + v (1 - 2 sqrt(D / H))``.
    This is the figure then: it goes on where the image itself has detail that its neighbours cannot tell.

    What nothing around a pixel foretells, such as a bright bead, is seen and not watched where the measured
    pixels are the target: a single such pixel would be most of the error, whatever the rest is like.

    Parameters
    ----------
    fraction
        Part of the pixels that is watched.
    guard
        Pixels hidden on each side of a watched pixel. None: as the noise's correlation asks, where it was
        measured, else 0.
    target
        Whose error is to be smallest: ``"measured"`` pixels', as above, or ``"missing"`` ones', which the fit
        sees as little as those that are held out. Their own error, less the noise's variance, is the figure
        then.
    least, most
        Least and largest part of the held-out error that is taken to be noise, where the noise's variance is
        known. A measured variance far below the error is rather too small than the image that detailed; one
        above it has taken detail for noise. `most` None: as the task asks, else all of it.
    cover
        Largest part of the image that may be hidden; with a guard it limits the number of watched pixels.
        In a small image whose neighbours share their noise up to 0.6 is, until 300 pixels are watched.
    patience
        See `StoppingRule`.
    wait
        Iterations without improvement that are allowed in any case. None: as the task asks; else 40, and
        where the noise's variance is known `patience` times 500, because a generator needs a while to become
        better than an explicit prior, and at least 200 where noise is a third of the measurement's variance.
    tolerance
        An estimated error that falls by less than this part of itself is not worth waiting for. Used where
        the noise's variance is known and the figure is the error itself. None: as the task asks, else 0.02.
    start
        Iterations before which nothing counts. None: as the task asks, else 0.
    every
        Iterations between two looks.
    absolute
        Whether the absolute error on held-out pixels is the figure: among outliers the squared one tells of
        little else. None: as the data term asks; else not.
    """

    fraction: Part = 0.05
    guard: Annotated[int, Range(0, 100)] | None = None
    target: Literal["measured", "missing"] = "measured"
    least: Part = 0.6
    most: Part | None = None
    cover: Part = 0.2
    patience: Annotated[float, Range(0)] = 0.2
    wait: WholeNumber | None = None
    tolerance: Part | None = None
    start: WholeNumber | None = None
    every: Annotated[int, Range(1)] = 10
    absolute: bool | None = None
    name: ClassVar[str] = "held-out"

    def begin(self, problem: Problem, generator: torch.Generator) -> Judge:
        return _HeldOutJudge(self, problem, generator)


class _HeldOutJudge(Judge):
    def __init__(self, rule: HeldOut, problem: Problem, generator: torch.Generator) -> None:
        y, known = problem.filled, problem.weights
        self.rule, self.missing = rule, rule.target == "missing"
        told = problem if rule.absolute or self.missing else _without_specks(problem)
        variance = told.variance
        shape = y.shape[2:]
        measured = problem.noise.guard if problem.noise is not None else 0
        guard = measured if rule.guard is None else rule.guard
        side = 2 * guard + 1
        shared = guard and not self.missing and not rule.absolute
        cover = rule.cover
        if shared and measured:
            cover = max(cover, min(COVERED, ENOUGH * side ** len(shape) / known[0, 0].numel()))
        part = min(rule.fraction, cover / side ** len(shape))
        # All channels of a pixel are held out together: their noise need not be independent.
        # A channel of which nothing is known tells nothing of the others.
        self.there = told.weights.flatten(2).amax(2, keepdim=True)
        usable = torch.where(self.there.view(1, -1, *(1,) * len(shape)) > 0, told.weights, 1)
        usable = usable.amin(1, keepdim=True).cpu()
        centres = (torch.rand(1, 1, *shape, generator=generator) < part) * usable
        if not centres.any():
            candidates = usable.flatten().nonzero().flatten()
            chosen = torch.randperm(len(candidates), generator=generator)[:1]
            centres.view(-1)[candidates[chosen]] = 1
        pool = F.max_pool2d if len(shape) == 2 else F.max_pool3d
        hidden = pool(centres, side, 1, guard) if guard else centres
        hidden = hidden.to(known.device)
        self.seen = known * (1 - hidden)
        if not self.seen.any():  # a handful of pixels: nothing can be spared
            self.seen = known
        self.told = self.seen * told.weights
        self.y, self.variance = y, None if guard and not self.missing else variance
        self.noise = variance if shared else None
        wait = Judge.wait
        if self.variance is not None and math.isfinite(rule.patience):
            wait = round(rule.patience * GROWN)
            if self.variance >= NOISY * _spread(y, told.weights):
                wait = max(wait, OUTGROWN)
        if rule.absolute:
            self.variance = None  # tells nothing of absolute errors
        self.most = 1.0 if rule.most is None else rule.most
        self.tolerance = 0.02 if rule.tolerance is None else rule.tolerance
        if self.variance is None:
            self.tolerance = 0.0
        self.wait = wait if rule.wait is None else rule.wait
        self.where = centres.flatten().nonzero().flatten().to(y.device)
        self.truth = self._watched(y)
        self.every, self.start = rule.every, rule.start or 0
        # Where each channel has a noise of its own, a correction may suit one and not the other.
        alike = [(slice(None), None)] if problem.noise is None else problem.noise.by_channel()
        self.alike = [channels for channels, _ in alike]

    def hurry(self, times: int) -> None:
        if self.rule.wait is None:  # such a generator is better than an explicit prior at once
            self.wait = Judge.wait
        super().hurry(times)
        self.start //= times

    def _watched(self, image: Tensor) -> Tensor:
        return image.flatten(2).index_select(2, self.where)

    def due(self, iteration: int) -> bool:
        return iteration % self.every == 0 and iteration >= self.start

    def confirmed(self, average: Tensor, correction: Tensor, noisy: bool) -> tuple[float, ...]:
        return tuple(self._confirmed(average, correction, noisy, channels) for channels in self.alike)

    def _confirmed(self, average: Tensor, correction: Tensor, noisy: bool, channels: slice) -> float:
        """Return it for some channels."""
        average, correction = average[:, channels], correction[:, channels]
        there = self.there[:, channels]
        wanted = (self.truth[:, channels] - self._watched(average)) * there
        offered = self._watched(correction) * there
        if self.missing or self.variance is None or not noisy:
            # Least squares: with noise that the neighbours do not share, nothing but structure adds up.
            return float(((wanted * offered).sum() / offered.square().sum().clamp_min(1e-12)).clamp(0, 1))
        # A pixel's own noise, which what is held out knows nothing of, counts as well.
        parts = torch.linspace(0, 1, 11, device=average.device)
        left = self.y[:, channels] - average
        held_out = _quadratic(wanted, offered, torch.ones_like(wanted), parts)
        seen = _quadratic(left, correction, self.told[:, channels], parts)
        return float(parts[self._error(held_out, seen).argmin()])

    def figure(self, iteration: int, prediction: Tensor, average: Tensor) -> float | None:
        if not self.due(iteration):
            return None
        errors = (self._watched(average) - self.truth) * self.there
        self.unseen = Unseen(self.where, errors[0])
        if self.rule.absolute:
            return float(errors.abs().mean() / self.there.mean())
        held_out = errors.square().mean() / self.there.mean()
        if self.noise is not None:
            return self._plausible(iteration, float(held_out), float(self._left(average)))
        if self.variance is None:
            return float(held_out)
        if self.missing:
            return float(held_out - (self.most * held_out).clamp_max(self.variance))
        return float(self._error(held_out, self._left(average)))

    def _left(self, average: Tensor) -> Tensor:
        """Return the mean squared error on seen pixels, but for specks."""
        return ((average - self.y).square() * self.told).sum() / self.told.sum()

    def _plausible(self, iteration: int, figure: float, left: float) -> float | None:
        """Return the figure of an estimate that leaves so much of the seen pixels, if that can be noise."""
        assert self.noise is not None
        if left > UNFITTED * self.noise and iteration < SOON:
            return None
        return figure if left >= FITTED * self.noise else math.inf

    def _error(self, held_out: Tensor, seen: Tensor) -> Tensor:
        """Return the true squared error on seen pixels, given those to the measurement."""
        assert self.variance is not None
        # Else noise would be taken for detail.
        variance = torch.minimum((self.rule.least * held_out).clamp_min(self.variance), self.most * held_out)
        return seen + variance * (1 - 2 * (seen / held_out).clamp(1e-6, 1).sqrt())


def _without_specks(problem: Problem) -> Problem:
    """Return the problem as if the pixels in which nothing around them foretells the image were missing.

    There the brightest and the darkest pixel around differ by far more than noise, and more than is usual.
    """
    if problem.noise is None:
        return problem
    image, known = smooth_fill(problem.filled, problem.weights), problem.weights > 0
    highest, pad = F.max_pool2d if image.ndim == 4 else F.max_pool3d, AROUND // 2
    spread = highest(image, AROUND, 1, pad) + highest(-image, AROUND, 1, pad)
    level = gaussian_blur(image, LEVEL)
    spread /= deviations(problem.noise, level)
    spread = spread.amax(1, keepdim=True)
    # However much the noise is underrated, there is none in half of the fields; where next to nothing is lit,
    # the median field shows not even noise.
    nothing = ~known.flatten(2).any(2).view(*known.shape[:2], *(1,) * (known.ndim - 2))
    usual = spread[(known | nothing).all(1, keepdim=True)].median().clamp_min(LEAST)
    return replace(problem, known=(known & (spread <= SPECK * usual))[0])


def _spread(image: Tensor, weights: Tensor) -> float:
    """Return the mean of the channels' variances over the pixels with these weights."""
    image, weights = image.flatten(2), weights.flatten(2)
    pixels = weights.sum(2, keepdim=True).clamp_min(1)
    centred = image - (image * weights).sum(2, keepdim=True) / pixels
    return float(((centred.square() * weights).sum(2, keepdim=True) / pixels).mean())


def _quadratic(errors: Tensor, change: Tensor, weights: Tensor, parts: Tensor) -> Tensor:
    """Return the mean squared error after each of some parts of a change."""
    squares, products, changes = (
        (weights * term).sum() / weights.sum() for term in (errors.square(), errors * change, change.square())
    )
    return squares - 2 * parts * products + parts.square() * changes
