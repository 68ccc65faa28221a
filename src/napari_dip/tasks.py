"""What is asked of a picture: to be denoised, to have pixels filled in, to become finer or sharper.

A task says which pixels are known, how the measurement was made from the image that is looked for, and how
the engine's estimate becomes the picture again. Everything else about a restoration is the same for all.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.operators import Blur, Downsample, Identity, Kernel, Operator
from napari_dip.engine.problem import Quantised
from napari_dip.engine.settings import Settings
from napari_dip.images.axes import Axes
from napari_dip.images.damage import Damage
from napari_dip.images.excerpts import Excerpt, Where
from napari_dip.images.intensities import cast
from napari_dip.images.jpeg import BLOCK, within_steps
from napari_dip.images.psf import PointSpread
from napari_dip.parts import Index

__all__ = ["Deblock", "Deconvolve", "Denoise", "Inpaint", "SuperResolve", "Task"]

# What is held out is hidden by this many pixels on each side where holes are wider still: of what lies deep
# in a hole the pixels around it can tell little but its mean, and the best guess at the mean is a blur.
WIDEST_GUARD = 3
# Iterations that a run is given without improvement, at least: few pixels are watched, and by their figures
# alone a run would now and then end as it begins.
WAIT = 300
# ... and iterations before which nothing counts: a blur is a good guess at what a texture's pixel may be, but
# not what was there.
START = 150
# An improvement by this part of the error is worth waiting for, at most: there is little noise to come back.
TOLERANCE = 0.005
# The part of the error on held-out pixels that may be noise. Of detail that the neighbours cannot tell, an
# estimate of the noise knows nothing.
MOST_NOISE = 0.6


class Task(ABC):
    """What is asked of a picture."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the task adds to the complete settings, plain JSON."""

    @property
    def doubt(self) -> str:
        """What makes it likely that something else is meant, in a sentence, or nothing."""
        return ""

    # The explicit prior beside the generator.
    correction: ClassVar[str] = "none"
    # Whether the result lies between a smoother picture and the image itself.
    adjustable: ClassVar[bool] = False
    # Whether pixels that are held out tell of the result's own pixels, and so of how sure it is.
    assessable: ClassVar[bool] = False

    # Whether a large volume can be restored in slabs: what is far away in depth tells nothing.
    slabs: ClassVar[bool] = False

    def suit(self, settings: Settings) -> Settings:
        """Return the engine's settings with what the task decides filled in."""
        if settings.correction is None:
            settings = replace(settings, correction=self.correction)
        rule = settings.stopping
        if isinstance(rule, HeldOut) and rule.absolute is None:
            settings = replace(settings, stopping=replace(rule, absolute=settings.likelihood.robust))
        return settings

    def only(self, where: Where) -> Task:
        """Return what is asked of a part of the array, some planes of a stack."""
        return self

    def factors(self, axes: Axes) -> tuple[int, ...]:
        """Return how much finer the result is than the image, along each axis of the array."""
        return (1,) * len(axes.names)

    def operator(self, axes: Axes) -> Operator:
        """Return how a run's measurement is made from its image."""
        return Identity()

    def quantised(self, unit: float, index: Index) -> Quantised | None:
        """Return how ``image[index]`` was rounded, in `unit` of its intensities; None if that isn't known."""
        return None

    def known(self, block: NDArray[Any], index: Index) -> NDArray[np.bool_]:
        """Return which pixels of ``image[index]``, the `block`, may be looked at."""
        return np.asarray(np.isfinite(block))

    def same(self, other: Task, index: Index) -> bool:
        """Whether the part at `index` is asked of in the same way by another task of the kind."""
        return True

    def needed(self, known: NDArray[np.bool_]) -> bool:
        """Whether there is something to restore in a block with these known pixels."""
        return True

    def compose(
        self, original: NDArray[Any], restored: NDArray[Any], known: NDArray[np.bool_], index: Index
    ) -> NDArray[Any]:
        """Return a part of the result, from ``image[index]`` and what the engine made of it."""
        return restored

    def unsure(self, restored: NDArray[Any], noise: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
        """Return a part of the result's uncertainty, from that of what the engine made of it and the noise.

        All are standard deviations.
        """
        return restored


@dataclass(frozen=True)
class Denoise(Task):
    """Take the noise away."""

    name: ClassVar[str] = "denoise"
    correction: ClassVar[str] = "patches"
    adjustable: ClassVar[bool] = True
    assessable: ClassVar[bool] = True
    slabs: ClassVar[bool] = True

    @property
    def settings(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Deblock(Task):
    """Take away what JPEG's compression has put in.

    Parameters
    ----------
    table
        The steps of the cosines, 8 rows of 8, which a grey picture's file says; None where they aren't known.
    """

    table: tuple[tuple[int, ...], ...] | None = None
    name: ClassVar[str] = "deblock"

    @property
    def settings(self) -> dict[str, Any]:
        return {"table": None if self.table is None else [list(row) for row in self.table]}

    def quantised(self, unit: float, index: Index) -> Quantised | None:
        if self.table is None:
            return None
        row, column = (-(where.start or 0) % BLOCK for where in index if isinstance(where, slice))
        return Quantised(tuple(tuple(step / unit for step in steps) for steps in self.table), (row, column))

    def compose(
        self, original: NDArray[Any], restored: NDArray[Any], known: NDArray[np.bool_], index: Index
    ) -> NDArray[Any]:
        if self.table is None:
            return restored
        start = [where.start or 0 for where in index if isinstance(where, slice)]
        return cast(within_steps(restored, original, self.table, start), restored.dtype)


@dataclass(frozen=True, eq=False)
class Inpaint(Task):
    """Fill in missing pixels.

    Parameters
    ----------
    mask
        True where a pixel is to be filled in; the image's shape. Of some planes of a stack an excerpt.
    damage
        What kind of damage it is, and how wide.
    denoise
        Whether the known pixels are restored too; otherwise they come back as they are.
    labels
        Which labels of what it was made from are in the mask; None for all.
    """

    mask: NDArray[np.bool_] | Excerpt = field(repr=False)
    damage: Damage
    denoise: bool = False
    labels: tuple[int, ...] | None = None
    name: ClassVar[str] = "inpaint"
    correction: ClassVar[str] = "interpolation"
    assessable: ClassVar[bool] = True

    @classmethod
    def of(
        cls,
        mask: NDArray[np.bool_],
        axes: Axes,
        shape: tuple[int, ...],
        damage: Damage,
        denoise: bool = False,
        labels: tuple[int, ...] | None = None,
    ) -> Inpaint:
        """Return the task for a mask that may lack the axis of the image's colours."""
        if axes.joint_channels and axes.channel is not None and mask.ndim < len(shape):
            mask = np.expand_dims(mask, axes.channel)
        return cls(np.broadcast_to(mask, shape), damage, denoise, labels)

    def of_mask(self, mask: NDArray[np.bool_], axes: Axes) -> Inpaint:
        """Return the same task for another mask of the image; what lies beside an excerpt stays."""
        task = self.of(mask, axes, self.mask.shape, self.damage, self.denoise, self.labels)
        if not isinstance(self.mask, Excerpt):
            return task
        around = np.array(self.mask.array)
        around[self.mask.where] = task.mask
        return replace(task, mask=replace(self.mask, array=around))

    def only(self, where: Where) -> Inpaint:
        return replace(self, mask=Excerpt(self.mask, where))

    @property
    def settings(self) -> dict[str, Any]:
        chosen = {} if self.labels is None else {"labels": list(self.labels)}
        return {"damage": self.damage.kind, "denoise": self.denoise, **chosen}

    def suit(self, settings: Settings) -> Settings:
        settings = super().suit(settings)
        rule = settings.stopping
        if not isinstance(rule, HeldOut) or self.denoise:
            return settings
        # What is judged should be as far from the nearest pixel that the fit sees as what is filled in.
        guard = 0
        if self.damage.kind != "scattered":
            guard = min(WIDEST_GUARD, math.ceil(self.damage.width / 2) - 1)
        return replace(settings, stopping=_patient(replace(rule, target="missing"), guard))

    def known(self, block: NDArray[Any], index: Index) -> NDArray[np.bool_]:
        return np.asarray(np.isfinite(block) & ~self.mask[index])

    def same(self, other: Task, index: Index) -> bool:
        return isinstance(other, Inpaint) and np.array_equal(self.mask[index], other.mask[index])

    def needed(self, known: NDArray[np.bool_]) -> bool:
        return self.denoise or not known.all()

    def compose(
        self, original: NDArray[Any], restored: NDArray[Any], known: NDArray[np.bool_], index: Index
    ) -> NDArray[Any]:
        return restored if self.denoise else np.where(known, cast(original, restored.dtype), restored)

    def unsure(self, restored: NDArray[Any], noise: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
        return restored if self.denoise else np.where(known, noise, restored)


@dataclass(frozen=True)
class SuperResolve(Task):
    """Make an image finer.

    Parameters
    ----------
    factor
        Fine pixels per pixel along each spatial axis, in their order.
    kernels
        What a pixel saw of the fine ones along each spatial axis.
    """

    factor: tuple[int, ...]
    kernels: tuple[Kernel, ...]
    name: ClassVar[str] = "super-resolve"
    correction: ClassVar[str] = "interpolation"

    @property
    def settings(self) -> dict[str, Any]:
        return {"factor": list(self.factor), "kernel": [kernel.to_dict() for kernel in self.kernels]}

    def suit(self, settings: Settings) -> Settings:
        settings = super().suit(settings)
        rule = settings.stopping
        if isinstance(rule, HeldOut):
            # A coarse image has detail that no neighbour can tell.
            settings = replace(settings, stopping=_optical(rule, START, WAIT))
        return settings

    def factors(self, axes: Axes) -> tuple[int, ...]:
        along = dict(zip(axes.spatial, self.factor, strict=True))
        return tuple(along.get(axis, 1) for axis in range(len(axes.names)))

    def operator(self, axes: Axes) -> Operator:
        return Downsample(self.factor, self.kernels)


@dataclass(frozen=True)
class Deconvolve(Task):
    """Take a microscope's blur away.

    Parameters
    ----------
    psf
        What it makes of a point of light.
    """

    psf: PointSpread
    name: ClassVar[str] = "deconvolve"
    correction: ClassVar[str] = "patches"

    @property
    def settings(self) -> dict[str, Any]:
        return {"psf": self.psf.to_dict()}

    @property
    def doubt(self) -> str:
        return self.psf.doubt

    def suit(self, settings: Settings) -> Settings:
        settings = super().suit(settings)
        rule = settings.stopping
        if isinstance(rule, HeldOut):
            # Of what is sharper a held-out pixel, blurred, says little; but the fit sees no noise, and is
            # spoiled slowly.
            settings = replace(settings, stopping=_optical(replace(rule, target="missing"), 100, 200))
        return settings

    def operator(self, axes: Axes) -> Operator:
        return Blur(torch.from_numpy(self.psf.array(len(axes.spatial))))


def _optical(rule: HeldOut, start: int, wait: int) -> HeldOut:
    """Return a rule for an image that is seen through an instrument.

    It is smooth by its optics alone, which would be taken for correlated noise.
    """
    return _patient(replace(rule, least=0.0), 0, start, wait)


def _patient(rule: HeldOut, guard: int, start: int = START, wait: int = WAIT) -> HeldOut:
    """Return a rule that does not give up early, with this guard, unless it was told otherwise."""
    asked: dict[str, Any] = {
        "guard": guard,
        "most": MOST_NOISE,
        "start": start,
        "wait": wait,
        "tolerance": TOLERANCE,
    }
    return replace(rule, **{name: value for name, value in asked.items() if getattr(rule, name) is None})
