"""What is damaged in an image: the kind of damage that a mask covers, and a mask that can be suggested."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_dip.images.axes import Axes
from napari_dip.images.intensities import check_image
from napari_dip.images.noise import estimate_noise

__all__ = ["FINDINGS", "KINDS", "Damage", "Suggestion", "damage_of", "suggest_mask"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]

KINDS = ("scattered", "scratches", "holes")
"""The kinds of damage, the one that is hardest to fill in last."""

FINDINGS = {1: "hot and dead pixels", 2: "saturated areas", 3: "missing values", 4: "line dropouts"}
"""What the labels of a suggested mask mean."""

# Missing places at least this wide are holes, in pixels.
WIDE = 16.0
# Planes that are looked at, at most, to tell the damage of a stack.
ENOUGH = 8
# Masked neighbours of a masked pixel on half of its sides beyond those that chance leaves: 0 for scattered
# pixels, about 1 for the thinnest lines in any direction, 4 inside of areas.
SCATTERED = 0.5
# Noise standard deviations by which a hot pixel stands out of all but one of its neighbours. In flat parts
# of confocal, two-photon and wide-field captures of 512 x 512 pixels noise reached 5.5, and mostly 4.
HOT = 6.0
# ... and how many times the usual unevenness around it, where that is more than noise.
TEXTURE = 5.0
# The part of its rise over the surroundings that a hot pixel doesn't share with neighbours. In the sharpest
# image of a point that a microscope makes, the next pixel has two thirds of the light.
LONELY = 0.5
# What no noise hides: this part of the image's range counts as noise in an image without any.
FINEST = 0.002
# A clipped value is this many times as frequent as any of the values below it.
SPIKE = 3
# Fewer levels than this are a drawing, in which areas of one value mean nothing.
LEVELS = 32
# More than this part of an image, or of its lines, is no damage, but how the image is.
MOST = 0.25
# Noise standard deviations by which four in five pixels of a line depart to the same side. Without damage it
# is -0.5 in noise and 0 at the edges of structure.
DEPARTS = 0.5
# A line of fewer pixels may depart by chance.
NARROW = 16
# Dropouts are seen between intact lines: at most half of so many, less one, are missing side by side.
AROUND = 7
# Candidates for hot pixels that are looked at together; more would take more memory and no less time.
AT_ONCE = 10_000

RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)
FRAME = np.pad(np.zeros((3, 3), dtype=bool), 1, constant_values=True)


@dataclass(frozen=True)
class Damage:
    """How what is masked is spread.

    Attributes
    ----------
    kind : {'scattered', 'scratches', 'holes'}
        Missing single pixels, as dead ones; lines, text and missing scan lines; or places at least about
        16 pixels wide.
    width : float
        Of the widest place, in pixels, to within one: twice the distance to the nearest known pixel. Nothing
        is known beyond the image, so that a band along its border counts twice.
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

    The deepest is looked for with a distance that takes a diagonal step for one, which is quick.
    """
    depth = ndimage.distance_transform_cdt(missing, "chessboard")
    place = np.unravel_index(np.argmax(depth), depth.shape)
    far = int(np.ceil(depth[place] * np.sqrt(missing.ndim)))
    around = tuple(slice(max(p - far, 0), p + far + 1) for p in place)
    known = np.argwhere(~missing[around]) + [s.start for s in around]
    return float(np.linalg.norm(known - place, axis=1).min())


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


@dataclass(frozen=True)
class Suggestion:
    """What seems to be damaged in an image.

    Attributes
    ----------
    labels : ndarray of uint8
        Of the image's shape without the colour axis of colour pictures: 0, or a label of `FINDINGS`.
    counts : mapping of int to int
        How many pixels have each label that was found.
    """

    labels: NDArray[np.uint8]
    counts: Mapping[int, int]


def suggest_mask(image: Any, axes: Axes) -> Suggestion:
    """Find what a camera, a detector or a file has visibly damaged in an image, plane by plane.

    A hot or dead pixel stands out of its neighbours by many standard deviations of the noise, which grow with
    the light, and of the texture around it, and doesn't share its rise with them, as the image of a point
    would. Saturated areas have the highest value that the image can hold, or one at which the histogram ends
    in a spike. Dropouts are whole rows or columns that are constant or whose level departs from those beside
    them.

    Parameters
    ----------
    image : array_like or dask array
        Any real dtype. A dask array is read plane by plane.
    axes : Axes
        The image's axes. In a colour picture, a pixel is damaged if one of its colours is.

    Returns
    -------
    Suggestion
        Labels to look at and to correct: what was found is likely damage, not certain.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(100, 5, (64, 64))
    >>> image[20, 30], image[40] = 900, 0
    >>> suggest_mask(image, Axes.of(image.shape)).counts
    {1: 1, 4: 64}
    """
    check_image(image)
    array = image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)
    shape = tuple(array.shape)
    colours = axes.channel if axes.joint_channels else None
    labels = np.zeros([n for a, n in enumerate(shape) if a != colours], dtype=np.uint8)
    flat = sorted(axes.spatial[-2:])
    for index in np.ndindex(*(1 if a in flat or a == colours else n for a, n in enumerate(shape))):
        where = tuple(slice(None) if a in flat else i for a, i in enumerate(index) if a != colours)
        found = np.zeros([shape[a] for a in flat], dtype=np.uint8)
        for colour in range(1 if colours is None else 3):
            at = tuple(
                slice(None) if a in flat else colour if a == colours else i for a, i in enumerate(index)
            )
            np.maximum(found, _findings(np.asarray(array[at])), out=found)
        labels[where] = found
    numbers = np.bincount(labels.ravel(), minlength=1 + max(FINDINGS))
    return Suggestion(labels, {label: int(numbers[label]) for label in FINDINGS if numbers[label]})


def _findings(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """The labels of one plane."""
    plane = plane.astype(np.uint8) if plane.dtype.kind == "b" else plane
    labels = np.zeros(plane.shape, dtype=np.uint8)
    finite = np.isfinite(plane)
    labels[~finite] = 3
    if min(plane.shape) < 5 or not finite.any():
        return labels
    whole = plane if finite.all() else np.where(finite, plane, np.median(plane[finite]))
    if whole.min() == whole.max():
        return labels
    level = _in_noise_units(whole, finite)
    hot = _lonely(level) & finite
    lines = (_dropouts(plane, level) | _dropouts(plane.T, level.T).T) & finite
    labels[hot] = 1
    labels[_saturated(plane, finite & ~hot & ~lines)] = 2
    labels[lines] = 4
    return labels


def _in_noise_units(plane: NDArray[Any], finite: Mask) -> Floats:
    """The plane on a scale on which its noise has a standard deviation of 1 everywhere.

    After Anscombe; below the darkest level, where photons are none, the scale is straight.
    """
    noise = estimate_noise(np.where(finite, plane, np.nan))
    low, high = np.percentile(plane, (1, 99))
    least = FINEST * (high - low or float(np.ptp(plane.astype(np.float64))))
    signal = plane.astype(np.float64) - noise.offset
    read = max(noise.read_noise, least)
    if noise.gain * (high - low) < 1e-3 * read**2:
        return signal / read
    zero = 0.375 * noise.gain**2 + read**2
    above = 2 / noise.gain * (np.sqrt(noise.gain * signal.clip(0) + zero) - np.sqrt(zero))
    return np.asarray(np.where(signal > 0, above, signal / np.sqrt(zero)))


def _lonely(level: Floats) -> Mask:
    """Single pixels that are far brighter or darker than all around them."""
    # All but one of the neighbours: two defects may touch.
    above = level - ndimage.rank_filter(level, -2, footprint=RING)
    below = ndimage.rank_filter(level, 1, footprint=RING) - level
    step = np.maximum(above, below)
    found = np.asarray(step > HOT)
    rows, columns = np.nonzero(found)
    windows = np.lib.stride_tricks.sliding_window_view
    surroundings = windows(np.pad(level, 4, "reflect"), (9, 9))
    for start in range(0, rows.size, AT_ONCE):
        at = rows[start : start + AT_ONCE], columns[start : start + AT_ONCE]
        # How far each pixel of the 5 x 5 around rises over the frame of 5 x 5 around that pixel.
        squares = surroundings[at]
        rises = squares[:, 2:-2, 2:-2] - np.median(windows(squares, (5, 5), (1, 2))[..., FRAME], axis=-1)
        texture = 1.4826 * np.median(np.abs(rises.reshape(-1, 25)), axis=1)
        found[at] = step[at] > np.maximum(TEXTURE * texture, LONELY * np.abs(rises[:, 2, 2]))
    return found


def _saturated(plane: NDArray[Any], usable: Mask) -> Mask:
    """Areas, of 3 x 3 pixels at least, at the value where the plane is clipped."""
    none = np.zeros(plane.shape, dtype=bool)
    if not usable.any():
        return none
    values, counts = np.unique(plane[usable], return_counts=True)
    full = plane.dtype.kind in "iu" and values[-1] == np.iinfo(plane.dtype).max
    spike = len(values) > 1 and counts[-1] > SPIKE * counts[-9:-1].max()
    if len(values) < LEVELS or not (full or spike) or counts[-1] > MOST * usable.sum():
        return none
    top = (plane == values[-1]) & usable
    areas = ndimage.binary_erosion(top, np.ones((3, 3)))
    return np.asarray(ndimage.binary_propagation(areas, np.ones((3, 3)), mask=top) if areas.any() else none)


def _dropouts(plane: NDArray[Any], level: Floats) -> Mask:
    """Whole rows that are constant, or darker or brighter than the rows around them."""
    if level.shape[1] < NARROW:
        return np.zeros(level.shape, dtype=bool)
    departure = level - ndimage.median_filter(level, (AROUND, 1))
    low, high = np.quantile(departure, (0.2, 0.8), axis=1)
    found = (low > DEPARTS) | (high < -DEPARTS) | _constant(plane)
    return np.repeat(found[:, np.newaxis] & (found.mean() <= MOST), level.shape[1], axis=1)


def _constant(plane: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows of one value that few pixels of the rows beside them have; but no margin around the image."""
    flat = plane.min(axis=1) == plane.max(axis=1)
    found = np.zeros(len(flat), dtype=bool)
    for (run,) in ndimage.find_objects(ndimage.label(flat)[0]):
        beside = [plane[i] for i in (run.start - 1, run.stop) if 0 <= i < len(flat)]
        margin = len(beside) < 2 and run.stop - run.start > 1
        if not margin and beside and np.mean([row == plane[run.start, 0] for row in beside]) < 0.5:
            found[run] = True
    return found
