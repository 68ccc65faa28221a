"""A mask that can be suggested: what a camera, a detector or a file has visibly damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_dip.images.axes import Axes
from napari_dip.images.intensities import check_image
from napari_dip.images.noise import estimate_noise

__all__ = ["FINDINGS", "Suggestion", "suggest_mask"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]

FINDINGS = {1: "hot and dead pixels", 2: "saturated areas", 3: "missing values", 4: "line dropouts"}
"""What the labels of a suggested mask mean."""

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
    would. Saturated pixels have the highest value that the image can hold, or one at which the histogram ends
    in a spike, and most of them lie in areas. Dropouts are whole rows or columns that are constant or whose
    level departs from those beside them.

    Parameters
    ----------
    image : array_like or dask array
        Any real dtype. A dask array is read plane by plane. In planes with a side below 5 pixels nothing but
        missing values is looked for.
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
    if read == 0:  # the pixels differ by less than floats can tell
        return np.zeros_like(signal)
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
    """Areas, of 3 x 3 pixels at least, at the value where the plane is clipped.

    Where most of what is clipped lies in such areas, all of it; else it is the noise that clipped the rest.
    """
    none = np.zeros(plane.shape, dtype=bool)
    if not usable.any():
        return none
    values, counts = np.unique(plane[usable], return_counts=True)
    full = plane.dtype.kind in "iu" and values[-1] == np.iinfo(plane.dtype).max
    spike = len(values) > 1 and counts[-1] > SPIKE * counts[-9:-1].max()
    if len(values) < LEVELS or not (full or spike) or counts[-1] > MOST * usable.sum():
        return none
    top = (plane == values[-1]) & usable
    seeds = ndimage.binary_erosion(top, np.ones((3, 3)))
    areas = ndimage.binary_propagation(seeds, np.ones((3, 3)), mask=top) if seeds.any() else none
    return np.asarray(top if 2 * areas.sum() > top.sum() else areas)


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
