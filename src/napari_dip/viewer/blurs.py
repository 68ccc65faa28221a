"""What a user says of an image's blur: a width, the optics, or a layer with a bead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer

from napari_dip.given import pixels_of, take
from napari_dip.viewer.layers import is_result

if TYPE_CHECKING:
    from napari_dip.images.axes import Axes

__all__ = ["MEDIA", "Grid", "Medium", "bead_problem", "likely_bead", "optics", "widths"]

# Pixels to a point's width in the plane where the camera suits the optics: a good guess.
USUAL_PIXELS = 2.5
# By how much a point is longer than wide, and over how many slices at least.
LONGER, USUAL_SLICES = 3.0, 2.0
# Pixels whose sizes differ by no more than this part are as large.
ALIKE = 0.02


@dataclass(frozen=True)
class Medium:
    """What is between an objective and the sample.

    Parameters
    ----------
    name
        What it is called.
    index
        Its refractive index.
    aperture
        The numerical aperture of a usual objective for it.
    """

    name: str
    index: float
    aperture: float


MEDIA: Mapping[str, Medium] = {
    medium.name: medium
    for medium in (
        Medium("Air", 1.0, 0.8),
        Medium("Water", 1.33, 1.2),
        Medium("Glycerol", 1.47, 1.3),
        Medium("Oil", 1.515, 1.4),
    )
}


@dataclass(frozen=True)
class Grid:
    """The pixels or voxels of an image, along the axes in which it is restored.

    Parameters
    ----------
    shape
        How many there are.
    steps
        From one to the next, in the units of the layer.
    units
        In short, as ``"µm"``.
    micrometres
        The steps in micrometres; None where the layer doesn't say it.
    """

    shape: tuple[int, ...]
    steps: tuple[float, ...]
    units: tuple[str, ...]
    micrometres: tuple[float, ...] | None

    @classmethod
    def of(cls, layer: Image, axes: Axes) -> Grid:
        """Return those of a layer, whose axes mean this."""
        given = take(layer, axes.names)
        return cls(
            tuple(given.array.shape[axis] for axis in axes.spatial),
            tuple(abs(float(layer.scale[axis])) for axis in axes.spatial),
            tuple(f"{layer.units[axis]:~P}" for axis in axes.spatial),
            given.micrometres(axes.spatial),
        )

    @property
    def deep(self) -> bool:
        """Whether they are voxels."""
        return len(self.steps) == 3

    @property
    def lateral(self) -> float:
        """A usual width of a point in the plane, in the unit of the plane."""
        return USUAL_PIXELS * min(self.steps[-2:])

    @property
    def axial(self) -> float:
        """A usual length of a point in depth, in the unit of the depth."""
        steps = self.micrometres or self.steps
        lateral = USUAL_PIXELS * min(steps[-2:]) / steps[0]  # in slices
        return self.steps[0] * max(USUAL_SLICES, LONGER * lateral)


def widths(lateral: float, axial: float, grid: Grid) -> tuple[float, ...]:
    """Return the argument `psf` of a Gaussian with these full widths at half maximum.

    Raises
    ------
    ValueError
        If one is 0.
    """
    found = (axial, lateral, lateral)[-len(grid.steps) :]
    if not min(found) > 0:
        raise ValueError("A width of 0 is no blur. Say how wide the image of a point is, at half its height.")
    return found


def optics(
    aperture: float,
    nanometres: float,
    medium: Medium,
    microscope: str,
    grid: Grid,
    pixel: tuple[float, float] = (0, 0),
) -> dict[str, Any]:
    """Return the argument `psf` of a microscope.

    Parameters
    ----------
    aperture
        Numerical.
    nanometres
        The wavelength.
    medium
        Between the objective and the sample.
    microscope
        ``"widefield"`` or ``"confocal"``.
    grid
        Of the image.
    pixel
        In micrometres the pixel size and the step in Z, where the layer doesn't say them; 0 for not known.

    Raises
    ------
    ValueError
        If there is no such microscope, or the pixel size is not known.
    """
    if not 0 < aperture < medium.index:
        raise ValueError(
            f"The numerical aperture must be below {medium.index:g}, the refractive index of "
            f"{medium.name.lower()}, but is {aperture:g}. Choose what the objective says, or another medium."
        )
    found: dict[str, Any] = {
        "numerical_aperture": aperture,
        "wavelength": round(nanometres / 1000, 6),
        "refractive_index": medium.index,
        "microscope": microscope,
    }
    if grid.micrometres is not None:
        return found
    lateral, step = pixel
    sizes = (step, lateral, lateral)[-len(grid.steps) :]
    if not min(sizes) > 0:
        what, them = ("pixel size and Z step", "them") if grid.deep else ("pixel size", "it")
        raise ValueError(
            f"The layer doesn't say its {what}. Type {them} in: micrometres in the sample, not on the camera."
        )
    return found | {"pixel_size": sizes}


def likely_bead(layers: Sequence[Layer], image: Layer, grid: Grid) -> Layer | None:
    """Return the layer that most likely shows a bead: the smallest, if it can be one."""
    size = pixels_of(image).size
    beads = [
        layer
        for layer in layers
        if not is_result(layer) and pixels_of(layer).size < size and not bead_problem(layer, image, grid)
    ]
    return min(beads, key=lambda layer: pixels_of(layer).size, default=None)


def bead_problem(bead: Layer | None, image: Layer, grid: Grid) -> str:
    """Return what is wrong with a layer as the image of a bead, in a sentence, or nothing."""
    if bead is None:
        return "Choose the layer that shows a single bead; open one if it isn't there."
    if bead is image:
        return "The bead can't be the image itself. Choose the layer that shows a single bead."
    if getattr(bead, "rgb", False):
        return f"{bead.name!r} is in colour. Choose a bead in shades of grey."
    shape = tuple(pixels_of(bead).shape)
    if len(shape) != len(grid.steps):
        what = "volumes, of 3 axes" if grid.deep else "planes, of 2 axes"
        hint = " or restore volumes" if len(shape) == 3 else " or restore plane by plane" if grid.deep else ""
        return (
            f"{bead.name!r} has {len(shape)} axes, but the image is restored in {what}. Choose another "
            f"layer{hint}."
        )
    if any(size > whole for size, whole in zip(shape[-2:], grid.shape[-2:], strict=True)):
        return (
            f"{bead.name!r} has {_size(shape[-2:])} pixels in X and Y and is larger than the image, of "
            f"{_size(grid.shape[-2:])}. Cut the bead out, in the middle of a small layer."
        )
    steps, own = tuple(abs(float(step)) for step in bead.scale), grid.steps
    micrometres, unit = take(bead, None).micrometres(tuple(range(len(shape)))), ""
    if set(steps) == {1.0} and micrometres is None:  # a layer whose pixels have no size has the image's
        return ""
    if micrometres is not None and grid.micrometres is not None:
        steps, own, unit = micrometres, grid.micrometres, " µm"
    if not np.allclose(steps, own, rtol=ALIKE, atol=0):
        return (
            f"{bead.name!r} has pixels of {_size(steps)}{unit}, but the image's are {_size(own)}{unit}. "
            "Resample the bead to the image's pixels; if they are as large, give its layer the image's scale."
        )
    return ""


def _size(shape: tuple[float, ...]) -> str:
    return " x ".join(f"{size:g}" for size in shape)
