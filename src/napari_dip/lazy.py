"""Dask arrays: a restoration becomes a graph of tasks, for whichever dask scheduler is current to run.

There is one task for each chunk. It depends on its chunk and on the `Plan` alone, so that a task whose worker
is lost is done again elsewhere, and comes to the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from numpy.typing import NDArray

from napari_dip.engine.devices import check_device_name, turn_of
from napari_dip.images.excerpts import Excerpt
from napari_dip.images.intensities import check_image
from napari_dip.job import Job
from napari_dip.plan import Plan
from napari_dip.restoration import NOT_COMPUTED, RECORDED, Restoration
from napari_dip.results import as_it_is
from napari_dip.source import Source
from napari_dip.tasks import Inpaint

__all__ = ["restore_lazily"]

# What is wrong with the input comes as one of these, with a sentence for the user.
EXPECTED = (ValueError, TypeError, MemoryError, OSError)


def restore_lazily(plan: Plan) -> Restoration:
    """Return the restoration of a dask array, to be computed when its image is.

    Planes and volumes are not cut: each becomes one chunk along its spatial axes (and its colours). Along all
    other axes the image's chunks stay, and each of them is a task, whose planes are restored one after the
    other, each from where the last one of its channel left off.

    Parameters
    ----------
    plan
        Of a dask array. All that needs no pixel is checked now.
    """
    axes, settings = plan.axes, plan.settings
    if plan.guide is not None:
        raise ValueError(
            "guide is for images that are restored at once, but a dask array is restored when it is "
            "computed: pass image.compute(), or out=, a file for the result."
        )
    if plan.uncertainty:
        raise ValueError(
            "uncertainty is for images that are restored at once, but a dask array is restored when it is "
            "computed: pass image.compute()."
        )
    plan, starts = _plain(plan)
    check_image(plan.image)
    check_device_name(settings.device)
    _refuse_cut(plan)
    joint = [axes.channel] if axes.joint_channels and axes.channel is not None else []
    image = plan.image.rechunk(dict.fromkeys([*axes.spatial, *joint], -1))
    # Tiles, where they are needed, are told by the memory that is free here: were it the worker's, the result
    # would depend on the worker. No GPU is touched here, which may be a worker's alone.
    block = da.zeros([max(sizes) for sizes in image.chunks], dtype=image.dtype)
    here = replace(settings, device="cpu", precision="float32")
    trial = Job(replace(plan, image=block, settings=here))
    asked = trial.settings | {"device": settings.device, "precision": settings.precision}
    task, masks = plan.task, []
    if isinstance(task, Inpaint):
        masks = [_mask_beside(image, np.asarray(task.mask))]
        task = replace(task, mask=np.zeros(0, dtype=bool))
    whole = max(image.shape[axis] for axis in axes.spatial)
    plan = replace(plan, image=None, task=task, tile=whole if asked["tile"] is None else asked["tile"])
    restored = da.map_blocks(
        partial(_restore_block, plan=plan, starts=starts, factors=trial.factors, dtype=trial.dtype),
        image,
        *masks,
        name=f"{task.name}-{tokenize(image.name, [mask.name for mask in masks], asked, repr(axes))}",
        chunks=tuple(
            tuple(size * factor for size in sizes)
            for sizes, factor in zip(image.chunks, trial.factors, strict=True)
        ),
        dtype=trial.dtype,
        meta=np.empty((0,) * image.ndim, trial.dtype),
    )
    history: dict[str, list[Any]] = {name: [] for name in ("run", *RECORDED)}
    return Restoration(restored, 0, NOT_COMPUTED, history, asked, task=task.name, planes=plan.planes)


def _plain(plan: Plan) -> tuple[Plan, list[int]]:
    """Return the plan with arrays of its own of the planes that were chosen, and where they begin."""
    if not isinstance(plan.image, Excerpt):
        return plan, [0] * plan.image.ndim
    if plan.neighbours:
        raise ValueError(
            "planes of a dask array know nothing of their neighbours: leave neighbours or planes out, or "
            "give out=, a file for the result."
        )
    task = plan.task
    if isinstance(task, Inpaint) and isinstance(task.mask, Excerpt):
        task = replace(task, mask=task.mask.array[task.mask.where])
    where = plan.image.where
    return replace(plan, image=plan.image.array[where], task=task), [part.start for part in where]


def _refuse_cut(plan: Plan) -> None:
    """Refuse chunks that part planes from their neighbours, or channels from the others."""
    source = Source(plan.image, plan.axes, plan.neighbours or 0)
    along = [source.along] if plan.neighbours else []
    along += [plan.axes.channel] if plan.axes.stains else []
    cut = [axis for axis in along if axis is not None and len(plan.image.chunks[axis]) > 1]
    if cut:
        what = f"neighbours={plan.neighbours}" if plan.neighbours else "channels='together'"
        name, count = plan.axes.names[cut[0]], len(plan.image.chunks[cut[0]])
        raise ValueError(
            f"{what} needs all of the axis {name} in one chunk, but the image has {count}. Rechunk it, as in "
            f"image.rechunk({{{cut[0]}: -1}}), or leave it out."
        )


def _mask_beside(image: da.Array, mask: NDArray[np.bool_]) -> da.Array:
    """Return the mask in the image's chunks; what is the same all along an axis is sent once."""
    same = [stride == 0 for stride in mask.strides]
    once = mask[tuple(slice(1) if s else slice(None) for s in same)]
    chunks = tuple((1,) if s else sizes for s, sizes in zip(same, image.chunks, strict=True))
    return da.broadcast_to(da.from_array(once, chunks=chunks), image.shape, chunks=image.chunks)


def _restore_block(
    block: NDArray[Any],
    *masks: NDArray[np.bool_],
    plan: Plan,
    starts: list[int],
    factors: tuple[int, ...],
    dtype: np.dtype[Any],
    block_info: Mapping[int, Any],
) -> np.ndarray:
    """Do a task: restore one chunk of the image, by its mask if there is one."""
    where = _place(block_info[0]["array-location"], block_info[0]["shape"], starts)
    if not np.isfinite(block).any():
        warnings.warn(f"{where}: nothing is known here, and it stays as it is.", stacklevel=1)
        return as_it_is(block, factors, dtype)
    task = replace(plan.task, mask=masks[0]) if isinstance(plan.task, Inpaint) else plan.task
    try:
        with turn_of(plan.settings.device):
            job = Job(replace(plan, image=block, task=task))
            for _ in job:
                pass
            if job.stopped_by is not None:
                # A blocking call keeps what it has and says so; nobody would hear of it here.
                raise MemoryError("memory ran out in the middle of a run.")
            restored: np.ndarray = job.result().image
    except EXPECTED as error:
        kind = next(kind for kind in EXPECTED if isinstance(error, kind))
        advice = " Or restore it in smaller tiles, tile=." if kind is MemoryError else ""
        raise kind(f"{where}: {error}{advice}") from error
    if job.warning:
        warnings.warn(f"{where}: {job.warning}", stacklevel=1)
    return restored


def _place(location: list[tuple[int, int]], shape: tuple[int, ...], starts: list[int]) -> str:
    """Say where a block lies, as Python would index the image, of which the planes begin at `starts`."""
    along = [
        ":"
        if (first, start, stop) == (0, 0, size)
        else f"{first + start}"
        if stop == start + 1
        else f"{first + start}:{first + stop}"
        for first, (start, stop), size in zip(starts, location, shape, strict=True)
    ]
    return f"image[{', '.join(along)}]"
