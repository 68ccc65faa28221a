"""What a job is to do, before it is known where."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from napari_dip.engine.settings import Settings
from napari_dip.images.axes import Axes
from napari_dip.images.files import Description
from napari_dip.images.guides import Guide
from napari_dip.images.noise import Noise
from napari_dip.job import Job
from napari_dip.tasks import Task

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What a `Job` is made of, which is the same on every machine: no device has been looked for.

    Parameters
    ----------
    image, axes, settings, task, noise, preset, dtype, tile, warm, neighbours, together, detail, uncertainty,
    guide, out
        As `Job` takes them, and so the description.
    lazy
        Whether it is to be done only when the result's pixels are asked for.
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
    together: bool = False
    detail: float = 0.0
    uncertainty: int = 0
    guide: Guide | None = None
    out: str | os.PathLike[str] | None = None
    description: Description | None = None
    lazy: bool = False

    def job(self) -> Job:
        """Check what is planned, and return the job that does it here."""
        names = {field.name for field in fields(self)} - {"lazy"}
        return Job(**{name: getattr(self, name) for name in names})
