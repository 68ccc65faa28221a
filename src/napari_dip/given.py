"""What the verbs take an image as: an array, a napari layer, the path of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np

from napari_dip.images.axes import Axes
from napari_dip.images.files import Description, is_path, read

__all__ = ["Given", "description_of", "is_layer", "layer_axes", "take"]


@dataclass(frozen=True)
class Given:
    """An image as it was given: its array, and what is known of it besides, as far as it is."""

    array: Any
    axes: str | None
    rgb: bool | None = None
    description: Description | None = None
    from_file: bool = False

    def __post_init__(self) -> None:
        if any(np.isnan(size) for size in self.array.shape):
            raise ValueError(
                f"the image has shape {self.array.shape}, but all sizes are needed before it is computed: "
                "call its compute_chunk_sizes() first."
            )

    @property
    def lazy(self) -> bool:
        """Whether the user works with arrays that are computed when they are asked for."""
        return isinstance(self.array, da.Array) and not self.from_file

    def meaning(self) -> Axes:
        """Return what the axes mean."""
        return Axes.of(self.array.shape, self.axes, self.rgb)


def take(image: Any, axes: str | None) -> Given:
    """Take an array, a layer or a path."""
    if is_path(image):
        array, description = read(image)
        return Given(array, axes or description.axes, None, description, from_file=True)
    if is_layer(image):
        rgb = bool(getattr(image, "rgb", False))
        return Given(pixels_of(image), axes or layer_axes(image), rgb, description_of(image))
    if not (hasattr(image, "shape") and hasattr(image, "dtype")):
        image = np.asarray(image)
    return Given(image, axes)


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
    letters = "".join(labels) + ("C" if getattr(layer, "rgb", False) else "")
    usual = all(len(label) == 1 and label in "TCZYXPQ" for label in labels)
    return letters if labels and usual and letters.count("Y") == letters.count("X") == 1 else None


def description_of(layer: Any) -> Description:
    """Return what a napari image layer says of its image besides the numbers."""
    data = pixels_of(layer)
    axes = Axes.of(data.shape, layer_axes(layer), getattr(layer, "rgb", False)).names
    known = {name: list(getattr(layer, name, ())) for name in ("scale", "translate", "units")}
    return Description(
        axes,
        _filled([float(step) for step in known["scale"]], 1.0, len(axes)),
        _filled([float(at) for at in known["translate"]], 0.0, len(axes)),
        _filled(["" if str(unit) == "pixel" else str(unit) for unit in known["units"]], "", len(axes)),
        name=str(getattr(layer, "name", "")),
    )


def pixels_of(layer: Any) -> Any:
    """Return the array of a napari image layer, the finest of a pyramid."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def _filled(values: list[Any], unknown: Any, count: int) -> tuple[Any, ...]:
    """Return a value for each axis: colours, which a layer's place does not have, come last."""
    return (*values, *[unknown] * (count - len(values)))
