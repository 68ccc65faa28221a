"""Files open as layers, and an image layer is saved with what a file should say of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Layer

from napari_dip.api import layer_axes
from napari_dip.images.axes import Axes
from napari_dip.images.description import Description
from napari_dip.images.files import read, write
from napari_dip.viewer.layers import KEY

__all__ = ["description_of", "read_layers", "reader_of", "write_layer"]

LayerData = tuple[Any, dict[str, Any], str]
# What napari calls the unit of an axis that has none.
NO_UNIT = ("pixel", "dimensionless", "")
# Parts of a pixel by which a layer may be turned before that is one too many.
CLOSE = 1e-6


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
    if channel is not None:
        named = said.channels or tuple(f"{name} {i}" for i in range(array.shape[channel]))
        state |= {"channel_axis": channel, "name": list(named)}
    return [(array, state, "image")]


def _known_unit(unit: str) -> str:
    """Return a unit that napari takes."""
    import pint

    try:
        pint.Unit(unit)
    except Exception:  # whatever a file calls a unit
        return NO_UNIT[0]
    return unit or NO_UNIT[0]


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
    write(path, layer.data[0] if layer.multiscale else layer.data, description_of(layer))
    return [os.fspath(path)]


def description_of(layer: Image) -> Description:
    """Return what a file should say of an image layer.

    Raises
    ------
    ValueError
        If the layer is turned or sheared, which no file can say.
    """
    shape = tuple((layer.data[0] if layer.multiscale else layer.data).shape)
    axes = Axes.of(shape, layer_axes(layer), layer.rgb).names
    scale, translate = _place(layer)
    units = [str(unit) for unit in layer.units]
    units = ["" if unit in NO_UNIT else unit for unit in units]
    if layer.rgb:
        axes = axes[:-1] + "S"
        scale, translate, units = [*scale, 1.0], [*translate, 0.0], [*units, ""]
    return Description(
        axes, tuple(scale), tuple(translate), tuple(units), name=layer.name, record=layer.metadata.get(KEY)
    )


def _place(layer: Image) -> tuple[list[float], list[float]]:
    """Return the size of a pixel of a layer in the world, and where its first one lies."""
    first = np.asarray(layer.data_to_world((0,) * layer.ndim), dtype=float)
    steps = np.array([np.asarray(layer.data_to_world(step)) - first for step in np.eye(layer.ndim)])
    size = np.diag(steps)
    if np.abs(steps - np.diag(size)).max() > CLOSE * np.abs(steps).max():
        raise ValueError(
            f"the layer {layer.name!r} is turned or sheared, which no file written here can say. Save a "
            "copy that lies straight, or set layer.rotate, layer.shear and layer.affine back"
        )
    return [float(s) for s in size], [float(t) for t in first]
