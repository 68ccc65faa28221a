"""What kind of damage a mask covers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_dip.images.axes import Axes

__all__ = ["KINDS", "Damage", "damage_of", "worst_damage"]

Mask = NDArray[np.bool_]

KINDS = ("scattered", "scratches", "holes")
"""The kinds of damage, the one that is hardest to fill in last."""

# Missing places at least this wide are holes, in pixels.
WIDE = 16.0
# Planes that are looked at, at most, to tell the damage of a stack.
ENOUGH = 8
# Masked neighbours of a masked pixel on half of its sides beyond those that chance leaves: 0 for scattered
# pixels, about 1 for the thinnest lines in any direction, 4 inside of areas.
SCATTERED = 0.5


@dataclass(frozen=True)
class Damage:
    """How what is masked is spread.

    Attributes
    ----------
    kind : {'scattered', 'scratches', 'holes'}
        Missing single pixels, as dead ones; lines, text and missing scan lines; or places at least about
        16 pixels wide.
    width : float
        Of the widest place, in pixels, to within one: twice the distance of its deepest pixel to a known one.
        Nothing is known beyond the image, so that a band along its border counts twice.
    """

    kind: str
    width: float


def damage_of(mask: NDArray[np.bool_]) -> Damage:
    """Tell which kind of damage a mask covers.

    Scattered pixels have no more masked neighbours than chance gives them, whatever part of the image is
    missing, and leave no place that is much wider than chance would.

    Parameters
    ----------
    mask : ndarray of bool, 2-D or 3-D
        Of one plane or volume. True is missing.

    Examples
    --------
    >>> hole = np.zeros((64, 64), bool)
    >>> hole[10:30, 20:50] = True
    >>> damage_of(hole)
    Damage(kind='holes', width=20.0)
    """
    missing = np.asarray(mask, dtype=bool)
    share = float(missing.mean())
    if share == 0:
        return Damage("scattered", 0.0)
    if share == 1:
        return Damage("holes", float(max(missing.shape)))
    width = 2 * _reach(missing)
    scattered = _clustering(missing, share) < SCATTERED
    if width < WIDE:
        return Damage("scattered" if scattered else "scratches", width)
    # The largest ball that is empty by chance has about `share ** volume == 1 / pixels`.
    volume = np.log(missing.size) / -np.log(share)
    by_chance = 2 * np.sqrt(volume / np.pi) if missing.ndim == 2 else 2 * np.cbrt(0.75 * volume / np.pi)
    return Damage("scattered" if scattered and width <= 2 * by_chance else "holes", width)


def _reach(missing: Mask) -> float:
    """How far the deepest missing pixel is from a known one.

    A distance that takes a diagonal step for one is quick to find, and tells where the deepest can be: it is
    at most the true distance, and at least that through the square root of the dimensions.
    """
    depth = ndimage.distance_transform_cdt(missing, "chessboard")
    most, stretch = int(depth.max()), np.sqrt(missing.ndim)
    far = int(np.ceil(most * stretch))
    if 2 * far < WIDE:  # places that are narrow all the same, often thousands: the first is as good as any
        candidates = np.zeros_like(missing)
        candidates[np.unravel_index(np.argmax(depth), depth.shape)] = True
    else:
        candidates = depth >= most / stretch
    places, _ = ndimage.label(candidates)
    around = [
        tuple(slice(max(part.start - far, 0), part.stop + far) for part in place)
        for place in ndimage.find_objects(places)
    ]
    if sum(missing[box].size for box in around) > missing.size:
        around = [(slice(None),) * missing.ndim]
    return max(float(ndimage.distance_transform_edt(missing[box])[candidates[box]].max()) for box in around)


def worst_damage(mask: NDArray[np.bool_], axes: Axes) -> Damage:
    """Tell the worst damage among the planes, or volumes, of an image.

    Parameters
    ----------
    mask : ndarray of bool
        Of the image's shape without its colours.
    axes : Axes
        The image's. Of a long stack some planes are looked at, evenly spread; planes that are masked as a
        whole say nothing.
    """
    colours = axes.channel if axes.joint_channels and axes.channel is not None else mask.ndim
    spatial = tuple(axis - (axis > colours) for axis in axes.spatial)
    planes = np.moveaxis(mask, spatial, range(-len(spatial), 0))
    # A mask that is spread over a stack without copies is the same everywhere.
    planes = planes[tuple(slice(None if step else 1) for step in planes.strides[: -len(spatial)])]
    indices = list(np.ndindex(planes.shape[: -len(spatial)]))
    some = [i for i in indices if planes[i].any() and not planes[i].all()] or indices
    found = [damage_of(planes[i]) for i in some[:: 1 + len(some) // ENOUGH]]
    return max(found, key=lambda damage: (KINDS.index(damage.kind), damage.width))


def _clustering(missing: Mask, share: float) -> float:
    """How many more neighbours of a missing pixel are missing than by chance, on half of its sides.

    The sum over the directions of the correlation (phi) between neighbours, where it is positive: in every
    other row that is missing, the correlation across is negative, and theirs are lines all the same.
    """
    total = 0.0
    for step in itertools.product((-1, 0, 1), repeat=missing.ndim):
        if step <= (0,) * missing.ndim:
            continue
        here = tuple(slice(max(-s, 0), n - max(s, 0)) for s, n in zip(step, missing.shape, strict=True))
        there = tuple(slice(max(s, 0), n - max(-s, 0)) for s, n in zip(step, missing.shape, strict=True))
        both = missing[here] & missing[there]
        if both.size:
            phi = (np.count_nonzero(both) / both.size - share**2) / (share * (1 - share))
            total += max(phi, 0.0)
    return total
