"""A run's result as code: where its pixels came from, and what it was made with."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_dip.given import pixels_of
from napari_dip.images.files import ending_for, is_path, read, stem_of
from napari_dip.images.prints import looks_at, print_of
from napari_dip.restoration import PAST, Restoration, origin
from napari_dip.script import Pixels, as_command, as_python, by_chance
from napari_dip.viewer.guides import same_part
from napari_dip.viewer.masks import lies_over, read_mask

if TYPE_CHECKING:
    from napari_dip.viewer.regions import Region
    from napari_dip.viewer.runs import Run

__all__ = ["command_of", "notes_of", "python_of", "settings_of"]

ANOTHER_ORDER = (
    "In the window the planes were restored in another order, by what was looked at. Each starts from the "
    "one before: they differ a little."
)
MASK_EDITED = (
    "The mask was edited during the run: this one begins with the mask as it was in the end, and differs a "
    "little."
)


def python_of(run: Run) -> str:
    """Return a script that makes the result of a run again; the run is done."""
    result = _result(run)
    image = _image(run)
    mask, labels = _mask(run)
    return as_python(
        run.task,
        result.settings,
        image,
        mask,
        out=_out(run, image),
        labels=labels,
        guide=_guide(run),
        planes=run.region.typed,
        notes=notes_of(run),
    )


def notes_of(run: Run) -> list[str]:
    """Return why what makes the result of a run again makes another one, in sentences."""
    result = _result(run)
    order = list(dict.fromkeys(result.history["run"]))
    another_order = order != sorted(order) and result.settings.get("warm", True)
    return [
        *by_chance(result.stopped_by),
        *([ANOTHER_ORDER] if another_order else []),
        *([MASK_EDITED] if run.mask_edited else []),
    ]


def command_of(run: Run) -> str | None:
    """Return a command that makes the result of a run again, or None where it was not made from files."""
    image = _image(run)
    mask, labels = _mask(run)
    out = _out(run, image)
    settings, planes = _result(run).settings, run.region.typed
    return as_command(
        run.task, settings, image, mask, out=out, labels=labels, guide=_guide(run), planes=planes
    )


def settings_of(run: Run) -> str:
    """Return the complete settings of a run as JSON, which the command line's ``--settings`` takes."""
    return json.dumps(origin(run.task) | {"settings": _result(run).settings}, indent=2)


def _result(run: Run) -> Restoration:
    if run.result is None:
        raise ValueError("there is no result to say how it was made: wait() for it, or stop() the run.")
    return run.result


def _image(run: Run) -> Pixels:
    region, what = run.region.through, f"the pixels of the layer {run.source.name!r}"
    if run.seen and _print_now(run) != run.seen:
        return Pixels(f"{what} as they were in the run{_part(region)}")
    return _from(run.source, f"{what}{_part(region)}", region)


def _mask(run: Run) -> tuple[Pixels | None, Any]:
    if run.mask is None:
        return None, None
    layer, labels = run.mask
    what = f"nonzero where pixels were filled in: the layer {layer.name!r}"
    if run.masked and _print_now(run, layer, labels) != run.masked:
        return Pixels(f"{what} as it was in the run, on the image's pixels"), labels
    same_grid = isinstance(layer, Labels | Image) and not run.region.cut and lies_over(layer, run.source)
    if not same_grid:
        return Pixels(f"{what}, on the image's pixels"), labels
    return _from(layer, what), labels


def _print_now(run: Run, mask: Any = None, labels: Any = None) -> str:
    """Return what is said of a run's pixels now, or of a mask on them; nothing where that is gone."""
    with suppress(ValueError, TypeError, IndexError):  # the layer has another shape now
        layer = replace(run.region).layer
        pixels = pixels_of(layer) if mask is None else read_mask(mask, layer, labels)[0]
        return "" if pixels is None else print_of(pixels)
    return ""


def _guide(run: Run) -> Pixels | None:
    if run.guide is None:
        return None
    region = run.region.through
    what, part = f"the guide: the layer {run.guide.name!r}", same_part(region, run.guide)
    if part is None:
        return Pixels(f"{what}, on the image's pixels")
    return _from(run.guide, f"{what}{_part(region)}", part)


def _part(region: Region) -> str:
    return f", {region.said}" if region.said else ""


def _from(layer: Any, what: str, region: Region | None = None) -> Pixels:
    """Return where the pixels of a layer, or of a region of it, can be read from."""
    path = layer.source.path
    if not is_path(path):  # or several, which napari has stacked
        return Pixels(what)
    path = os.path.abspath(path)  # it may be run in another folder
    try:
        array, said = read(path)
        data = pixels_of(layer)
        axis = said.axes.find("C")  # napari makes a layer of each channel
        whole = (slice(None),) * array.ndim
        views: list[tuple[int | slice, ...]] = [whole]
        if array.ndim == data.ndim + 1 and axis >= 0:
            views = [(*whole[:axis], c, *whole[axis + 1 :]) for c in range(array.shape[axis])]
        view = next((view for view in views if _same(array[view], data)), None)
    except (OSError, ValueError):
        return Pixels(what)
    if view is None:  # the layer has been changed, or another reader made something else of the file
        return Pixels(what)
    part = list(view)
    if region is not None and not region.whole:
        places = [at for at, one in enumerate(part) if isinstance(one, slice)]
        for at, where, size in zip(places, region.where, region.shape, strict=True):
            part[at] = slice(None) if where == slice(0, size) else slice(where.start, where.stop)
    while part and part[-1] == slice(None):
        part.pop()
    return Pixels(what, path, tuple(part), None if part else said.axes)


def _same(array: Any, data: Any) -> bool:
    """Whether a file's array has a layer's pixels."""
    if tuple(array.shape) != tuple(data.shape) or array.dtype != data.dtype:
        return False
    floats = data.dtype.kind == "f"
    return all(
        np.array_equal(np.asarray(array[at]), np.asarray(data[at]), equal_nan=floats) for at in looks_at(data)
    )


def _out(run: Run, image: Pixels) -> str:
    """Return the file for the result: beside the image's, and of a kind that can hold it."""
    path = Path(image.path) if image.path is not None else None
    named = re.sub(r"[^\w-]+", "-", run.source.name).strip("-") or "image"
    stem = named if path is None else stem_of(path)
    result = _result(run).image
    ending = ending_for(result.shape, result.dtype, run.region.axes.names)
    name = f"{stem}.{PAST.get(run.task, run.task)}{ending}"
    return name if path is None else str(path.with_name(name))
