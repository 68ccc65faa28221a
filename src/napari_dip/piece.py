"""A part of an image, ready for the engine: its pixels become a problem, and an estimate its pixels again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_dip.engine.filters import smooth_fill
from napari_dip.engine.noises import Noises
from napari_dip.engine.problem import Problem
from napari_dip.engine.uncertainty import Guess
from napari_dip.images.guides import Guide
from napari_dip.images.intensities import cast
from napari_dip.images.stains import Stains
from napari_dip.parts import Part
from napari_dip.source import Measured, Source
from napari_dip.tasks import Inpaint, Task

__all__ = ["Piece"]


class Piece:
    """A part of an image, as one run of the engine restores it.

    Parameters
    ----------
    source
        The image.
    part
        Which part of it.
    block
        The part's pixels.
    task
        What is asked of it.
    measured
        What was measured of the plane or volume that it is a part of.
    guide
        Another image of the same, which the generator sees.
    factors
        How many pixels of the result there are for one of the image, along each of its axes.
    dtype
        The result's.
    under
        What the result holds where the part goes: of a tile, what its rim is laid over.

    Attributes
    ----------
    known
        Which of the part's pixels are known.
    """

    def __init__(
        self,
        source: Source,
        part: Part,
        block: NDArray[Any],
        task: Task,
        measured: Measured,
        guide: Guide | None,
        factors: Sequence[int],
        dtype: np.dtype[Any],
        under: NDArray[Any],
        again: bool = False,
    ) -> None:
        self.source, self.axes, self.part, self.block, self.task = source, source.axes, part, block, task
        self.measured, self.guide, self.factors, self.dtype = measured, guide, factors, dtype
        self._under, self._again = under, again
        self.known = task.known(self.block, part.where)
        planes = self.axes.to_engine(self.known)
        self._known = planes.reshape(len(planes), -1).any(1)
        self._there = np.ones_like(self._known)
        if isinstance(measured.intensities, Stains):  # in which there is nothing, no run is made of them
            self._there = self._known & measured.intensities.vary

    def asked(self, task: Task) -> Piece:
        """Return the same part of which something else is asked."""
        return Piece(
            self.source,
            self.part,
            self.block,
            task,
            self.measured,
            self.guide,
            self.factors,
            self.dtype,
            self._under,
            self._again,
        )

    def problem(self) -> Problem:
        """Return what the engine is to solve."""
        measured, (where, *others) = self.measured, self.source.beside(self.part.where)
        blocks = [self.block, *(self.source[other] for other in others)]
        knowns = [self.known] + [
            self.task.known(block, other) for block, other in zip(blocks[1:], others, strict=True)
        ]
        if not isinstance(measured.intensities, Stains):  # a plane of which nothing is known tells nothing
            tell = [n for n, known in enumerate(knowns) if n == 0 or known.any()]
            blocks, knowns = [blocks[n] for n in tell], [knowns[n] for n in tell]
        planes = np.concatenate([measured.intensities.normalise(self.axes.to_engine(one)) for one in blocks])
        known = np.concatenate([self.axes.to_engine(one) for one in knowns])
        unit, noise = measured.intensities.unit, measured.intensities.of_noise(measured.noise)
        if isinstance(noise, Noises):
            there = np.tile(self._there, len(blocks)) & known.reshape(len(known), -1).any(1)
            planes, known = planes[there], known[there]
            each = zip(noise.each * len(blocks), there, strict=True)
            noise = Noises(tuple(one for one, is_there in each if is_there))
        return Problem(
            # In C order, however the image lies in memory: sums in another order are others.
            torch.from_numpy(np.ascontiguousarray(np.where(known, planes, 0), np.float32)),
            None if known.all() else torch.from_numpy(np.ascontiguousarray(known)),
            self.task.operator(self.axes),
            None if self.guide is None else torch.from_numpy(self.guide[self.part.goes].copy()),
            noise=noise,
            quantised=self.task.quantised(unit, where) if isinstance(unit, float) else None,
        )

    def restored(self, estimate: torch.Tensor) -> NDArray[Any]:
        """Return what stands in the result for an estimate of the engine's."""
        own = self._all(self._framed(estimate[: self._own]).numpy(), 0.5)
        pixels = self.axes.from_engine(self.measured.intensities.restore(own, self.dtype))
        pixels = cast(self._laid(pixels, self._under), self.dtype)
        pixels = self._known_or(pixels, self._under)
        return self.task.compose(self.block, pixels, self.known, self.part.where)

    def estimated(self, restored: NDArray[Any]) -> torch.Tensor:
        """Return the engine's estimate for which `restored` stands in the result."""
        planes = self.measured.intensities.normalise(self.axes.to_engine(restored))
        return torch.from_numpy(planes[self._there])

    def residual(self, squares: Sequence[float]) -> float:
        """Return the root mean square, in the image's units, for mean squares of the problem's channels."""
        units = np.broadcast_to(np.ravel(self.measured.intensities.unit), self._there.shape)[self._there]
        return float(np.sqrt(np.mean(units**2 * squares[: self._own])))

    def proper(
        self, problem: Problem, guesses: Sequence[Guess], anew: torch.Tensor | None
    ) -> tuple[Problem, list[Guess], torch.Tensor | None]:
        """Return a problem and guesses at its solution without what only goes with the part."""
        if not self.source.company:
            return problem, list(guesses), anew
        own = self._own
        known = None if problem.known is None else problem.known[:own]
        alone = [
            replace(
                one,
                image=one.image[:own],
                unseen=one.unseen and replace(one.unseen, errors=one.unseen.errors[:own]),
            )
            for one in guesses
        ]
        noise = None if problem.noise is None else problem.noise.first(own)
        problem = replace(problem, measurement=problem.measurement[:own], known=known, noise=noise)
        return problem, alone, None if anew is None else anew[:own]

    def show_mask(self, asked: Inpaint, shown: NDArray[Any]) -> None:
        """Let pixels of a result show a mask that no run has taken up yet; they are changed.

        What is masked newly is filled in smoothly, and what is masked no more is the original's.
        """
        # All that the run has not taken up: an edit may come in many parts.
        before, now = self.known, asked.known(self.block, self.part.where)
        known = self.axes.to_engine(now)
        values = torch.from_numpy(np.where(known, self.axes.to_engine(self.block), 0).astype(np.float32))
        filled = smooth_fill(values[None], torch.from_numpy(known.astype(np.float32))[None])[0]
        smooth = cast(self.axes.from_engine(filled.numpy()), self.dtype)
        shown[...] = np.where(now, cast(self.block, self.dtype), np.where(before, smooth, shown))

    def unsure(self, deviation: torch.Tensor, under: NDArray[Any]) -> NDArray[np.float32]:
        """Return the standard deviations of what stands in the result, for those of the engine's estimate."""
        deviations = self._all(deviation.numpy(), 0.0) * self.measured.intensities.unit
        pixels = self._laid(self.axes.from_engine(deviations), under)
        block = torch.from_numpy(self.axes.to_engine(self.block).astype(np.float64))
        noise = self.axes.from_engine(self.measured.noise.variance(block[None])[0].sqrt().numpy())
        pixels = self.task.unsure(self._known_or(pixels, np.nan), noise, self.known)
        return np.asarray(pixels, dtype=np.float32)

    @property
    def _own(self) -> int:
        """How many of the problem's channels are the part's; the others go with it."""
        return int(self._there.sum())

    def _all(self, own: NDArray[Any], else_: float) -> NDArray[Any]:
        """Return all channels of the part, with a number in those that the problem doesn't have."""
        if self._there.all():
            return own
        planes = np.full((len(self._there), *own.shape[1:]), else_, own.dtype)
        planes[self._there] = own
        return planes

    def _known_or(self, pixels: NDArray[Any], otherwise: Any) -> NDArray[Any]:
        """Return pixels, or something else in channels of which nothing is known."""
        if self._known.all():
            return pixels
        known = self._known.reshape(-1, *(1,) * len(self.axes.spatial))
        return np.where(self.axes.from_engine(known), pixels, otherwise)

    def _laid(self, pixels: NDArray[Any], under: NDArray[Any]) -> NDArray[Any]:
        """Return pixels laid over what is there already: of a tile, its rim is let through."""
        if self.part.tile is None:
            return pixels
        factors = [self.factors[axis] for axis in self.axes.spatial]
        # What is done again lies over its later neighbours too.
        opacity = self.part.tile.weight(factors) if self._again else self.part.tile.opacity(factors)
        shape = self.axes.to_engine(pixels).shape
        opacity = self.axes.from_engine(np.broadcast_to(opacity, shape))
        under = np.where(np.isfinite(under), under, pixels).astype(np.float64)
        return np.asarray(under + opacity * (pixels - under))

    def _framed(self, estimate: torch.Tensor) -> torch.Tensor:
        """Return the middle of an estimate that reaches beyond the frame, which the result shows."""
        sides = self.axes.to_engine(self.block).shape[1:]
        wanted = [size * self.factors[axis] for size, axis in zip(sides, self.axes.spatial, strict=True)]
        starts = [(size - side) // 2 for size, side in zip(estimate.shape[1:], wanted, strict=True)]
        inside: tuple[Any, ...] = (
            slice(None),
            *(slice(start, start + side) for start, side in zip(starts, wanted, strict=True)),
        )
        return estimate[inside]
