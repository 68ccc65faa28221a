"""What a job is to do, before it is known where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from napari_dip.engine.memory import memory_of
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.images.axes import Axes
from napari_dip.images.excerpts import Excerpt, Planes, chosen_planes, said_planes
from napari_dip.images.files import Description
from napari_dip.images.guides import Guide
from napari_dip.images.noise import Noise
from napari_dip.images.repeats import Repeated
from napari_dip.source import Source
from napari_dip.tasks import Task

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What a `Job` is made of, which is the same on every machine: no device has been looked for.

    Parameters
    ----------
    image
        Array, shape as `axes` says.
    axes
        Which axis is which.
    settings
        The engine's.
    task
        What is asked of the image.
    noise
        None to estimate it for each plane or volume, or the noise in the image's units.
    preset
        The name of the preset that the settings came from.
    dtype
        The result's dtype; None for the image's.
    tile
        Largest side of a tile in pixels of the image; None for whole planes and volumes, or, where the memory
        that is free is too small for those, the largest tiles that fit.
    warm
        Whether a plane or volume of a stack starts from the weights of the one before, if the two show much
        the same.
    neighbours
        How many planes on each side are restored along with each plane of a stack, which they say more about;
        None and 0 for none. With a number, the axes have no depth.
    detail
        How smooth each plane or volume is to be, as `napari_dip.detail.Detail.at` takes it.
    uncertainty
        By how many runs of each part the uncertainty of the result is told; 0 for not at all.
    guide
        Another image of the same, which the generator sees.
    out
        The file that the result goes to, plane by plane; None to keep it in memory.
    description
        What is known of the image besides its numbers, for that file.
    lazy
        Whether it is to be done only when the result's pixels are asked for.
    planes
        Which planes of a stack the image is, as `napari_dip.images.excerpts.said_planes` says it.
    """

    image: Any
    axes: Axes
    settings: Settings
    task: Task
    noise: Noise | None = None
    preset: str = "fast"
    dtype: np.dtype[Any] | None = None
    tile: int | None = None
    warm: bool = True
    neighbours: int | None = None
    detail: float = 0.0
    uncertainty: int = 0
    guide: Guide | None = None
    out: str | os.PathLike[str] | None = None
    description: Description | None = None
    lazy: bool = False
    planes: str = ""

    def only(self, planes: Planes) -> Plan:
        """Return the plan for some planes (or volumes) of the stack, along with what goes with them.

        Raises
        ------
        ValueError, TypeError
            If there are no such planes.
        """
        shape = tuple(self.image.shape)
        where = chosen_planes(planes, self.axes, shape)
        return replace(
            self,
            image=Excerpt(self.image, where),
            task=self.task.only(where),
            guide=None if self.guide is None else self.guide.only(where),
            description=None if self.description is None else self.description.only(where),
            planes=said_planes(where, self.axes, shape),
        )

    @property
    def factors(self) -> tuple[int, ...]:
        """How much finer the result is along each axis of the image."""
        return self.task.factors(self.axes)

    @property
    def result_dtype(self) -> np.dtype[Any]:
        """The result's dtype, in this machine's byte order."""
        return np.dtype(self.image.dtype if self.dtype is None else self.dtype).newbyteorder("=")

    def source(self) -> Source:
        """Return the image, to be read part by part."""
        return Source(self.image, self.axes, self.neighbours or 0)

    def in_full(self, engine: Settings, tile: int | None) -> dict[str, Any]:
        """Return the complete settings, plain JSON, in the words of the verbs of `napari_dip`.

        Parameters
        ----------
        engine, tile
            The engine's settings and the side of the tiles, as they were decided on a machine.
        """
        whole = self.image.array if isinstance(self.image, Excerpt) else self.image
        return {
            "preset": self.preset,
            **self.task.settings,
            **engine.to_dict(),
            "noise": "auto" if self.noise is None else self.noise.to_dict(),
            "axes": self.axes.names,
            "dtype": None if self.dtype is None else self.result_dtype.name,
            "tile": tile,
            "warm": self.warm,
            "neighbours": self.neighbours,
            "channels": "together" if self.axes.stains else "apart",
            **({"detail": self.detail} if self.detail else {}),
            **({"uncertainty": self.uncertainty} if self.uncertainty else {}),
            **({} if self.guide is None else {"guided_by": self.guide.fingerprint}),
            **({"repeated": whole.fingerprint} if isinstance(whole, Repeated) else {}),
        }

    def memory(self, engine: Settings, size: Sequence[int]) -> int:
        """Return about how many bytes a run on so many pixels of the image would take."""
        measurement = torch.empty(self.source().channels, *size, device="meta")
        problem = Problem(measurement, operator=self.task.operator(self.axes))
        if self.guide is not None:
            problem = replace(problem, guide=torch.empty(self.guide.channels, *size, device="meta"))
        return memory_of(problem, engine)
