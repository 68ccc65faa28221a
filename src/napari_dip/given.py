"""What the verbs take an image as: an array, a napari layer, the path of a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import dask.array as da
import numpy as np

from napari_dip.engine.components import shown
from napari_dip.images.axes import Axes
from napari_dip.images.files import Description, is_path, read
from napari_dip.images.layers import pixels_of

__all__ = [
    "KEY",
    "Given",
    "array_of",
    "description_of",
    "is_layer",
    "layer_axes",
    "pixels_of",
    "refuse_uneven",
    "take",
]

# Where a restoration's settings and history lie in a layer's metadata.
KEY = "napari_dip"
# What napari calls the unit of an axis that has none.
NO_UNIT = ("pixel", "dimensionless", "")
# Parts of a pixel by which a layer may be turned before that is one too many.
CLOSE = 1e-6
# Micrometres in a unit of length, by its name in files and layers.
MICROMETRES = {
    "angstrom": 1e-4, "nanometer": 1e-3, "nm": 1e-3, "micrometer": 1.0, "micron": 1.0, "um": 1.0, "µm": 1.0,
    "millimeter": 1e3, "mm": 1e3, "centimeter": 1e4, "cm": 1e4, "meter": 1e6, "m": 1e6,
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """An image as it was given: its array, its axes as far as they are known, and where it comes from."""

    array: Any
    axes: str | None
    rgb: bool | None = None
    layer: Any = None
    file: Description | None = None

    def __post_init__(self) -> None:
        if any(np.isnan(size) for size in self.array.shape):
            raise ValueError(
                f"the image has shape {self.array.shape}, but all sizes are needed before it is computed: "
                "call its compute_chunk_sizes() first."
            )

    @property
    def lazy(self) -> bool:
        """Whether the user works with arrays that are computed when they are asked for."""
        return isinstance(self.array, da.Array) and self.file is None

    @property
    def scale(self) -> tuple[float, ...] | None:
        """The step from pixel to pixel along each axis (but a layer's colours), or None of an array."""
        if self.layer is not None:
            return tuple(self.layer.scale)
        return None if self.file is None else self.file.scale

    def meaning(self, volumes: bool = True) -> Axes:
        """Return what the axes mean; a named Z makes volumes, or counts planes."""
        return Axes.of(self.array.shape, self.axes, self.rgb, volumes)

    def micrometres(self, spatial: tuple[int, ...]) -> tuple[float, ...] | None:
        """Return the size of a pixel along some axes, or None where the image doesn't say it."""
        if self.layer is not None:
            scale, units = self.layer.scale, tuple(str(unit) for unit in self.layer.units)
        elif self.file is not None:
            scale, units = self.file.scale, self.file.units
        else:
            return None
        if not all(axis < len(units) and units[axis] in MICROMETRES for axis in spatial):
            return None
        return tuple(abs(float(scale[axis])) * MICROMETRES[units[axis]] for axis in spatial)

    def description(self, axes: Axes) -> Description:
        """Return what a file made of the image should say of it, with these axes."""
        known = self.file if self.layer is None else description_of(self.layer)
        names = _distinct(axes.names, self.array.shape)
        if known is not None and "S" in known.axes and axes.joint_channels:
            names = names.replace("C", "S")  # as the file or layer calls its colours
        if known is None:
            return Description.plain(names)
        channels = known.channels if names.find("C") == known.axes.find("C") else ()
        return replace(known, axes=names, channels=channels)


def take(image: Any, axes: str | None) -> Given:
    """Take an array, a layer or a path."""
    if not isinstance(axes, str | None):
        raise TypeError(f"axes must be a letter for each axis, such as 'TCZYX', but is {shown(axes)}.")
    if is_path(image):
        array, description = read(image)
        return Given(array, axes or description.axes, file=description)
    if is_layer(image):
        rgb = bool(getattr(image, "rgb", False))
        return Given(pixels_of(image), axes or layer_axes(image), rgb, layer=image)
    image = _plain(image, "image")
    if not (hasattr(image, "shape") and hasattr(image, "dtype")):
        try:
            array = np.asarray(image)
        except ValueError:  # rows of different lengths
            array = np.empty(())
        if array.ndim == 0 or array.dtype.kind in "OSU":
            raise TypeError(
                f"an image is an array, a napari layer or the path of a file, but {shown(image)} was given."
            )
        image = array
    return Given(image, axes)


def _plain(array: Any, what: str) -> Any:
    """Return an array of numpy's kind: of a masked one its pixels, NaN where it is masked."""
    if isinstance(array, np.ma.MaskedArray):
        if not np.ma.is_masked(array):
            return array.data
        if array.dtype.kind != "f":
            instead = {"image": ", or inpaint(image.data, image.mask)", "mask": ", or mask.filled(0)"}
            raise ValueError(
                f"the {what} is a masked array of {array.dtype.name} values, which can't say that pixels are "
                f"missing: pass {what}.astype('float32').filled(numpy.nan){instead.get(what, '')}."
            )
        return array.filled(np.nan)
    try:
        np.dtype(getattr(array, "dtype", float))
    except TypeError:  # a tensor's, or a table's
        return np.asarray(array)
    return array


def array_of(thing: Any, what: str) -> Any:
    """Return the array of what is given beside an image: a path's, a layer's, or what is one itself.

    Parameters
    ----------
    thing
        It.
    what
        What it is, as ``"guide"``, to be said where it is none.
    """
    if is_path(thing):
        return read(thing)[0]
    if is_layer(thing):
        return pixels_of(thing)
    refuse_uneven(thing, what)
    return _plain(thing, what)


def refuse_uneven(value: Any, what: str) -> None:
    """Refuse a list whose rows differ in length, which is no array."""
    try:
        np.ndim(value)
    except ValueError:
        raise ValueError(f"{what} must have rows of one length, but is {shown(value)}.") from None


def _distinct(names: str, shape: tuple[int, ...]) -> str:
    """Return letters of which files can have each: axes without a name become time or depth where need be."""
    letters = list(names)
    for axis, letter in enumerate(names):
        others = sum(other in "CSPQ" for other in letters)
        if letter == "Q" and (shape[axis] == 1 or others > 1):
            letters[axis] = next((free for free in "TZ" if free not in letters), letter)
    return "".join(letters)


def is_layer(thing: Any) -> bool:
    """Whether this is a napari layer, known by what it does: no import is needed."""
    return hasattr(thing, "as_layer_data_tuple")


def layer_axes(layer: Any) -> str | None:
    """Return the axes that a napari layer's labels name, or None where they name none.

    Labels count when they are the usual letters or words (``"z"``, ``"time"``); napari's own default labels
    do not.
    """
    words = {"time": "T", "channel": "C", "depth": "Z", "plane": "Z"}
    labels = [
        words.get(str(label).lower(), str(label).upper()) for label in getattr(layer, "axis_labels", ())
    ]
    letters = "".join(labels) + ("S" if getattr(layer, "rgb", False) else "")
    usual = all(len(label) == 1 and label in "TCZYXPQ" for label in labels) and letters.count("C") < 2
    return letters if labels and usual and letters.count("Y") == letters.count("X") == 1 else None


def description_of(layer: Any) -> Description:
    """Return what a file should say of an image layer.

    Raises
    ------
    ValueError
        If the layer is turned or sheared, which no file can say.
    """
    axes = Axes.of(pixels_of(layer).shape, layer_axes(layer), layer.rgb).names
    scale, translate = _place(layer)
    units = [str(unit) for unit in layer.units]
    units = ["" if unit in NO_UNIT else unit for unit in units]
    if layer.rgb:
        axes = axes[:-1] + "S"
        scale, translate, units = [*scale, 1.0], [*translate, 0.0], [*units, ""]
    return Description(
        axes, tuple(scale), tuple(translate), tuple(units), name=layer.name, record=layer.metadata.get(KEY)
    )


def _place(layer: Any) -> tuple[list[float], list[float]]:
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
