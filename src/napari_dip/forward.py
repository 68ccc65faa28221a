"""What a verb is told of its forward operator, checked: factors, kernels, point spreads and JPEG's steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from napari_dip.engine.components import choose, shown
from napari_dip.engine.operators import KERNELS, Gaussian, Kernel, Lanczos
from napari_dip.given import Given, refuse_uneven
from napari_dip.images.axes import Axes
from napari_dip.images.jpeg import BLOCK
from napari_dip.images.psf import PSFS, GaussianPSF, MeasuredPSF, Optics, PointSpread

__all__ = ["factors_of", "kernels_of", "point_spread_of", "steps_of"]

LARGEST_FACTOR = 16


def factors_of(factor: Any, axes: Axes) -> tuple[int, ...]:
    """Return by how much an image is enlarged along each spatial axis."""
    count, names = len(axes.spatial), " and ".join(axes.names[axis] for axis in axes.spatial)
    several = isinstance(factor, Sequence) and not isinstance(factor, str)
    factors = list(factor) if several or np.ndim(factor) else [factor] * count
    if len(factors) != count:
        raise ValueError(
            f"factor has {len(factors)} entries, {factor!r}, but there are {count} spatial axes, {names}: "
            "give one whole number for all, or one for each."
        )
    whole = all(isinstance(f, Integral) and not isinstance(f, bool) for f in factors)
    if not whole or min(factors) < 1 or max(factors) > LARGEST_FACTOR or max(factors) == 1:
        raise ValueError(
            f"factor must be a whole number from 2 to {LARGEST_FACTOR}, or one for each of {names} (1 leaves "
            f"an axis as it is), but is {shown(factor)}."
        )
    return tuple(int(f) for f in factors)


def kernels_of(kernel: Any, psf: Any, axes: Axes, scale: Any) -> tuple[Kernel, ...]:
    """Return what a pixel of the image saw along each spatial axis, by its name or by a width."""
    if psf is not None and kernel is not None:
        raise TypeError("kernel and psf both say what a pixel saw: give one of them.")
    count = len(axes.spatial)
    given, what = ("kernel", kernel) if psf is None else ("psf", psf)
    refuse_uneven(what, given)
    each = [what] * count if np.ndim(what) == 0 else list(what)
    if len(each) != count:
        raise ValueError(f"{given} has {len(each)} entries, but the image has {count} spatial axes.")
    if psf is not None:
        each = [Gaussian(width) for width in _in_pixels(each, axes, scale)]
    return tuple(choose(KERNELS, one, Lanczos(), given) for one in each)


def _in_pixels(widths: Sequence[Any], axes: Axes, scale: Any) -> tuple[float, ...]:
    """Return the widths of a psf along the spatial axes, given in the units of a layer or file."""
    steps = np.ones(len(widths)) if scale is None else [abs(float(scale[axis])) for axis in axes.spatial]
    try:
        numbers = [float(width) for width in widths]
    except (TypeError, ValueError):
        raise TypeError(
            "psf must be a width, one for each spatial axis, or what else this task takes, but is "
            f"{shown(widths[0] if len(widths) == 1 or widths[0] is widths[-1] else widths)}."
        ) from None
    wrong = [number for number in numbers if not 0 < number < float("inf")]
    if wrong:
        raise ValueError(
            f"psf must be a width above 0, or one for each spatial axis, but one is {wrong[0]:g}."
        )
    return tuple(number / float(step) for number, step in zip(numbers, steps, strict=True))


def point_spread_of(psf: Any, axes: Axes, given: Given) -> PointSpread:
    """Return the point spread function that a width, a dict of the optics or an array says."""
    count = len(axes.spatial)
    if isinstance(psf, Mapping | PointSpread | str):
        if isinstance(psf, Mapping) and "name" not in psf and "fwhm" in psf:
            psf = {"name": GaussianPSF.name, **psf}
        found: PointSpread = choose(PSFS, psf, Optics(), "psf")
        if isinstance(found, Optics):
            found = _with_pixels(found, given.micrometres(axes.spatial))
    elif np.ndim(psf) < 2:
        widths = [psf] * count if np.ndim(psf) == 0 else list(psf)
        if len(widths) != count:
            raise ValueError(f"psf has {len(widths)} entries, but the image has {count} spatial axes.")
        pixels = _in_pixels(widths, axes, given.scale)
        for width, axis in zip(pixels, axes.spatial, strict=True):
            size = given.array.shape[axis]
            if width > size > 1:
                raise ValueError(
                    f"the psf is {width:.4g} pixels wide, but the image has only {size} in "
                    f"{axes.names[axis]}: give its full width at half maximum, in the units of the layer or "
                    "file (in pixels of an array)."
                )
        found = GaussianPSF(pixels)
    else:
        found = MeasuredPSF.of(psf, count)
    found.array(count)  # what can't be used is refused now
    return found


def _with_pixels(optics: Optics, own: tuple[float, ...] | None) -> Optics:
    """Return optics with the size of the image's pixels, `own`, where they say none."""
    said = optics.pixel_size
    if said is None:
        return replace(optics, pixel_size=own)
    if own is not None and np.size(said) in (1, len(own)) and not np.allclose(said, own, rtol=0.01, atol=0):
        warnings.warn(
            f"the psf's optics say that a pixel is {shown(said)} micrometres wide, and the image says "
            f"{shown(own)}: the former is taken. Leave pixel_size out to take the image's.",
            stacklevel=2,
        )
    return optics


def steps_of(table: Any, axes: Axes, given: Given) -> tuple[tuple[int, ...], ...] | None:
    """Return a JPEG file's quantisation, 8 rows of 8; None if it is not known."""
    if table is None:
        return None
    refuse_uneven(table, "table")
    steps = np.asarray(table)
    numbers = steps.shape == (BLOCK, BLOCK) and steps.dtype.kind in "iuf"
    if not numbers or not (np.isfinite(steps) & (steps > 0) & (steps == np.round(steps))).all():
        raise ValueError(
            "table must be 8 rows of 8 whole numbers above 0, a JPEG file's quantisation, but is "
            f"{shown(table)}."
        )
    rows, columns = axes.spatial
    if axes.joint_channels or rows > columns or given.array.dtype != np.uint8:
        raise ValueError(
            "table is for grey pictures of 8 bits, rows before columns, as they come from a JPEG file: leave "
            "it out for others."
        )
    return tuple(tuple(int(step) for step in row) for row in steps)
