"""A part of an image, ready for the engine: its pixels become a problem, and an estimate its pixels again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_dip.engine.filters import smooth_fill
from napari_dip.engine.problem import Problem
from napari_dip.engine.uncertainty import Guess
from napari_dip.images.guides import Guide
from napari_dip.images.intensities import cast
from napari_dip.parts import Index, Part
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
    ) -> None:
        self.source, self.axes, self.part, self.block, self.task = source, source.axes, part, block, task
        self.measured, self.guide, self.factors, self.dtype = measured, guide, factors, dtype
        self._under = under
        self.known = task.known(self.block, part.where)

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
        )

    def problem(self) -> Problem:
        """Return what the engine is to solve."""
        measured, (where, *others) = self.measured, self.source.beside(self.part.where)
        blocks = [self.block, *(self.source[other] for other in others)]
        knowns = [self.known] + [
            self.task.known(block, other) for block, other in zip(blocks[1:], others, strict=True)
        ]
        planes = [
            self._normalised(index, self.axes.to_engine(block), bool(known.any()))
            for index, block, known in zip((where, *others), blocks, knowns, strict=True)
        ]
        known = np.concatenate([self.axes.to_engine(one) for one in knowns])
        apart = self.source.apart(where, measured)
        if apart is not None:
            apart = (apart / measured.intensities.unit).astype(np.float32)
        return Problem(
            torch.from_numpy(np.where(known, np.concatenate(planes), 0).astype(np.float32)),
            None if known.all() else torch.from_numpy(known),
            self.task.operator(self.axes),
            None if self.guide is None else torch.from_numpy(self.guide[self.part.goes].copy()),
            noise=measured.noise.rescaled(measured.intensities.zero, measured.intensities.unit),
            quantised=self.task.quantised(measured.intensities.unit, where),
            apart=None if apart is None else torch.from_numpy(apart),
        )

    def _normalised(self, where: Index, planes: NDArray[Any], known: bool) -> NDArray[Any]:
        """Return what goes with the part, or itself, in the engine's intensities."""
        measured, channel = self.measured, self.axes.channel
        another = channel is not None and where[channel] != self.part.where[channel]
        if channel is None or not another or not known:  # what is not known has no brightness of its own
            return measured.intensities.normalise(planes)
        index = self.part.index
        of_channel = (*index[:channel], where[channel], *index[channel + 1 :])
        other = self.source.measure(of_channel, self.task, None)
        # Another stain has its own brightness, and is shrunk until its noise is not above this one's.
        noise = [one.level / one.intensities.unit for one in (measured, other)]
        part = min(1.0, noise[0] / noise[1]) if noise[1] > 0 else 1.0
        return np.asarray(0.5 + part * (other.intensities.normalise(planes) - 0.5), dtype=np.float32)

    def restored(self, estimate: torch.Tensor) -> NDArray[Any]:
        """Return what stands in the result for an estimate of the engine's."""
        if self.source.company:
            estimate = estimate[:1]
        estimate = self._framed(estimate)
        pixels = self.measured.intensities.restore(self.axes.from_engine(estimate.numpy()), self.dtype)
        pixels = cast(self._laid(pixels, self._under), self.dtype)
        return self.task.compose(self.block, pixels, self.known, self.part.where)

    def estimated(self, restored: NDArray[Any]) -> torch.Tensor:
        """Return the engine's estimate for which `restored` stands in the result."""
        return torch.from_numpy(self.measured.intensities.normalise(self.axes.to_engine(restored)))

    def proper(
        self, problem: Problem, guesses: Sequence[Guess], anew: torch.Tensor | None
    ) -> tuple[Problem, list[Guess], torch.Tensor | None]:
        """Return a problem and guesses at its solution without what only goes with the part."""
        if not self.source.company:
            return problem, list(guesses), anew
        known = None if problem.known is None else problem.known[:1]
        alone = [
            replace(
                one,
                image=one.image[:1],
                unseen=one.unseen and replace(one.unseen, errors=one.unseen.errors[:1]),
            )
            for one in guesses
        ]
        problem = replace(problem, measurement=problem.measurement[:1], known=known)
        return problem, alone, None if anew is None else anew[:1]

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
        unit = self.measured.intensities.unit
        pixels = self.axes.from_engine(deviation.numpy()) * unit
        noise = np.sqrt(self.measured.noise.variance(self.block.astype(np.float64)))
        pixels = self.task.unsure(self._laid(pixels, under), noise, self.known)
        return np.asarray(pixels, dtype=np.float32)

    def _laid(self, pixels: NDArray[Any], under: NDArray[Any]) -> NDArray[Any]:
        """Return pixels laid over what is there already: of a tile, its rim is let through."""
        if self.part.tile is None:
            return pixels
        opacity = self.part.tile.opacity([self.factors[axis] for axis in self.axes.spatial])
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
