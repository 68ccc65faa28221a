"""Files open as layers, and an image layer is saved with what a file should say of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_dip.given import KEY, description_of, pixels_of
from napari_dip.images.files import read, write

__all__ = ["read_layers", "reader_of", "write_layer"]

LayerData = tuple[Any, dict[str, Any], str]


def reader_of(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return what opens a file as layers, or None for several files, which napari would stack."""
    return read_layers if isinstance(path, str) else None


def read_layers(path: str) -> list[LayerData]:
    """Open an image as napari layers, which lie where it says: one layer a channel, colours in one."""
    array, said = read(path)
    colours = said.colours(array.shape)
    channel = said.axes.index("C") if "C" in said.axes and colours != said.axes.index("C") else None
    kept = [axis for axis in range(array.ndim) if axis not in (colours, channel)]
    name = said.name or Path(path).name.partition(".")[0]
    state: dict[str, Any] = {
        "name": name,
        "scale": [said.scale[axis] for axis in kept],
        "translate": [said.translate[axis] for axis in kept],
        "units": [_known_unit(said.units[axis]) for axis in kept],
        "axis_labels": [said.axes[axis].lower() for axis in kept],
        "rgb": colours is not None,
        "metadata": {} if said.record is None else {KEY: dict(said.record)},
    }
    if colours is None:
        # napari would look where its slider happens to be, or take 0 to 1.
        with suppress(OSError):  # a damaged plane is told of when it is looked at
            state["contrast_limits"] = _limits(array, channel)
    if channel is not None:
        named = said.channels or tuple(f"{name} {i}" for i in range(array.shape[channel]))
        state |= {"channel_axis": channel, "name": list(named)}
    return [(array, state, "image")]


def _limits(array: Any, channel: int | None) -> Any:
    """Return the lowest and highest intensity in the middle of a stack, or of each of its channels."""
    if channel is not None:
        whole = (slice(None),) * channel
        return [_limits(array[(*whole, i)], None) for i in range(array.shape[channel])]
    middle = np.asarray(array[tuple(size // 2 for size in array.shape[:-2])])
    finite = middle[np.isfinite(middle)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return [low, high if high > low else low + 1]


def _known_unit(unit: str) -> str:
    """Return a unit that napari takes."""
    import pint

    try:
        pint.Unit(unit)
    except Exception:  # whatever a file calls a unit
        return "pixel"
    return unit or "pixel"


def write_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save an image layer to a new file, with where it lies and how it came about.

    Raises
    ------
    FileExistsError
        If something of that name is there.
    ValueError
        If the layer is turned or sheared, or the kind of file can't hold its axes or the type of its numbers.
    """
    layer = Layer.create(data, attributes, "image")
    write(path, pixels_of(layer), description_of(layer))
    return [os.fspath(path)]
