"""Guides: another image of the same scene, on the grid of the result, whatever array or layer it comes as."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter
from skimage.transform import resize

from napari_dip.images.axes import Axes
from napari_dip.images.excerpts import Where
from napari_dip.images.intensities import Intensities
from napari_dip.images.layers import name_of, pixels_of, to_world
from napari_dip.images.noise import estimate_noise

__all__ = ["Guide", "array_guide", "layer_guide", "pixel_on_pixel", "shares_noise"]

Floats = NDArray[np.floating[Any]]

# Sides that are as one number up to this to another are taken to show the same.
SIMPLE = 8
# Parts of a pixel by which two layers may differ and still lie on one another.
CLOSE = 1e-5
# Of the image a guide covers this part at least: beyond it there is nothing that could guide.
COVERED = 0.9
# Points along an axis by which that is told.
POINTS = 33


@dataclass(frozen=True, eq=False)
class Guide:
    """An image of one or more channels that shows the scene, seen on the grid of a result.

    Parameters
    ----------
    array
        Its axes are those of the image at `stack` and the spatial ones, in the image's order, perhaps with a
        channel axis before or after them.
    stack
        The image's axes along which it has a plane (or volume) for each of the image's; along the others one
        is for all.
    channel
        Its channel axis, 0 or -1; None for none.
    axes
        The image's.
    shape
        Of a plane or volume of the result, in the image's order of axes.
    turn
        Where a pixel of the result lies in the guide's pixels, in homogeneous coordinates; None where the
        planes cover the same, in however many pixels.
    """

    array: Any
    stack: tuple[int, ...]
    channel: int | None
    axes: Axes
    shape: tuple[int, ...]
    turn: Floats | None = None
    _planes: dict[tuple[int, ...], NDArray[np.float32]] = field(default_factory=dict, repr=False)

    @property
    def channels(self) -> int:
        """How many channels it has: of colours the three, without opacity."""
        if self.channel is None:
            return 1
        return min(3, self.array.shape[-1]) if self.channel == -1 else int(self.array.shape[0])

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[np.float32]:
        """Return the guide for a part of the result, (channels, [Z,] Y, X), in the engine's intensities."""
        at = tuple(i for axis in self.stack if isinstance(i := index[axis], int))
        if at not in self._planes:
            self._planes.clear()  # the parts of a plane follow one another
            self._planes[at] = np.stack([self._normal(plane) for plane in self._read(at)])
        part = tuple(index[axis] for axis in sorted(self.axes.spatial))
        turned = [1 + sorted(self.axes.spatial).index(axis) for axis in self.axes.spatial]
        return self._planes[at][(slice(None), *part)].transpose(0, *turned)

    def only(self, where: Where) -> Guide:
        """Return the guide for some planes of the image's stack."""
        kept = [where[axis] if axis in self.stack else slice(None) for axis in self._kept]
        return replace(self, array=self.array[(*[slice(None)] * int(self.channel == 0), *kept)], _planes={})

    @property
    def _kept(self) -> list[int]:
        """Which axes of the image it has."""
        return sorted((*self.stack, *self.axes.spatial))

    @property
    def fingerprint(self) -> str:
        """A short text that is the same for the same numbers."""
        digest = hashlib.blake2b(f"{self.array.shape} {self.turn}".encode(), digest_size=16)
        first = int(self.channel == 0)
        sizes = [self.array.shape[first + self._kept.index(axis)] for axis in self.stack]
        for at in np.ndindex(*sizes):
            for plane in self._read(at):
                digest.update(np.ascontiguousarray(plane).data)
        return digest.hexdigest()

    def _read(self, at: tuple[int, ...]) -> list[NDArray[Any]]:
        """Return the channels of one of its planes or volumes."""
        places = dict(zip(self.stack, at, strict=True))
        index = tuple(places.get(axis, slice(None)) for axis in self._kept)
        if self.channel == 0:
            return [np.asarray(self.array[(n, *index)]) for n in range(self.channels)]
        block = np.asarray(self.array[index])
        return [block] if self.channel is None else [block[..., n] for n in range(self.channels)]

    def _normal(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        seen = np.isfinite(plane)
        if not seen.any():
            return np.full(self.shape, 0.5, np.float32)
        normal = Intensities.of(plane).normalise(plane)
        normal[~seen] = normal[seen].mean()
        if self.turn is None:
            if normal.shape == self.shape:
                return normal
            return np.asarray(resize(normal, self.shape, order=1, mode="edge"), np.float32)
        matrix, shift = self.turn[:-1, :-1], self.turn[:-1, -1]
        # Where its pixels are finer, several of them make one.
        normal = gaussian_filter(normal, np.maximum(0, (np.abs(matrix).sum(1) - 1) / 2), mode="nearest")
        moved = affine_transform(normal, matrix, shift, self.shape, order=1, mode="nearest")
        return np.asarray(moved, np.float32)


def array_guide(guide: Any, shape: Sequence[int], axes: Axes, factors: Sequence[int]) -> Guide:
    """Make an array a guide of an image.

    Parameters
    ----------
    guide : array_like
        Of the image's shape without its colours, or of one plane or volume, for all; its sides may be
        a simple multiple of the image's. It may have a channel axis of its own, before all others or, of
        colours, after.
    shape, axes
        The image's.
    factors : sequence of int
        How much finer the result is along each axis of the image.

    Raises
    ------
    ValueError, TypeError
        If it can't be used; the message says what could be.
    """
    array = guide if hasattr(guide, "shape") and hasattr(guide, "dtype") else np.asarray(guide)
    if np.dtype(array.dtype).kind not in "biuf":
        raise TypeError(f"the guide holds {array.dtype} values, but a real number is needed for each pixel.")
    result = tuple(shape[a] * factors[a] for a in sorted(axes.spatial))
    plain = tuple(shape[a] for a in sorted(axes.spatial))
    layouts = list(_layouts(tuple(array.shape), shape, axes))
    for fits in (result.__eq__, plain.__eq__, lambda sides: _alike(sides, result)):
        for stack, channel, sides in layouts:
            if fits(sides):
                return Guide(array, stack, channel, axes, result)
    raise ValueError(
        f"the guide has shape {tuple(array.shape)}, but the image's planes are {plain}, its whole shape "
        f"{tuple(shape)}. Give a guide of one of these, perhaps with a channel axis before or after, or of "
        "sides that are a simple multiple, or layers that lie on one another in napari."
    )


def layer_guide(guide: Any, image: Any, axes: Axes, factors: Sequence[int]) -> Guide:
    """Bring a napari image layer onto the grid of an image layer's result, as a guide.

    The layers are reconciled in world coordinates: scale, translation, rotation and shape may differ. Of a
    guide that has more planes than the image, those that lie where the image's do are taken.
    """
    pixels, target = pixels_of(guide), pixels_of(image)
    if pixel_on_pixel(guide, image):
        return array_guide(pixels, target.shape, axes, factors)
    count = len(axes.spatial)
    spatial = tuple(range(image.ndim - count, image.ndim))
    across = _across(guide, image)
    leading = min(guide.ndim, image.ndim) - count
    apart = across[:-1, :-1].copy()
    apart[leading:, leading:] = 0
    apart[:leading, :leading] -= np.eye(leading)
    rgb = bool(getattr(guide, "rgb", False))
    stacked = tuple(pixels.shape[: guide.ndim - count])
    of_image = tuple(target.shape[image.ndim - count - len(stacked) : image.ndim - count])
    starts = np.rint(across[:leading, -1]).astype(int)
    if (
        tuple(sorted(axes.spatial)) != spatial
        or len(stacked) != leading
        or (
            axes.stains
            and leading
            and axes.channel is not None
            and axes.channel >= image.ndim - count - leading
        )
        or np.abs(apart).max(initial=0) > CLOSE
        or np.abs(across[:leading, -1] - starts).max(initial=0) > CLOSE
        or any(not 0 <= at <= has - wanted for at, has, wanted in zip(starts, stacked, of_image, strict=True))
    ):
        raise ValueError(
            f"the guide layer {name_of(guide)} and the image layer {name_of(image)} don't lie plane on "
            f"plane: their shapes are {tuple(pixels.shape)} and {tuple(target.shape)}. Give a guide with as "
            "many planes, each in the place of the image's, or a single plane."
        )
    if stacked != of_image:
        pixels = pixels[tuple(slice(at, at + wanted) for at, wanted in zip(starts, of_image, strict=True))]
    turn = np.eye(count + 1)
    turn[:-1, :-1], turn[:-1, -1] = across[leading:-1, leading:-1], across[leading:-1, -1]
    steps = np.array([1 / factors[axis] for axis in spatial])
    finer = np.eye(count + 1)
    finer[:-1, :-1], finer[:-1, -1] = np.diag(steps), steps / 2 - 0.5
    turn = turn @ finer
    shape = tuple(target.shape[axis] * factors[axis] for axis in spatial)
    corners = np.array(list(itertools.product(*((0, size - 1) for size in shape)))) @ turn[:-1, :-1].T
    corners += turn[:-1, -1]
    sides = np.array(pixels.shape[guide.ndim - count : guide.ndim])
    if (corners.max(0) < 0).any() or (corners.min(0) > sides - 1).any():
        raise ValueError(
            f"the guide layer {name_of(guide)} doesn't meet the image layer {name_of(image)}. Check the "
            "scale and the translation of both layers."
        )
    covered = _covered(turn, shape, sides)
    if covered < COVERED:
        raise ValueError(
            f"the guide layer {name_of(guide)} covers {100 * covered:.0f}% of the image layer "
            f"{name_of(image)}, but {100 * COVERED:.0f}% are needed. Give a guide that covers it, or restore "
            "the part of the image that both show."
        )
    stack = tuple(range(image.ndim - count - len(stacked), image.ndim - count))
    return Guide(pixels, stack, -1 if rgb else None, axes, shape, turn)


def shares_noise(guide: NDArray[Any], image: NDArray[Any]) -> bool:
    """Whether a guide has the noise of an image of its shape, but for brightness and contrast.

    Their middle planes tell: whether they differ by less than the half of the image's noise.
    """
    middle = tuple(size // 2 for size in image.shape[:-2])
    one, other = (np.asarray(pixels[middle], np.float64) for pixels in (guide, image))
    both = np.isfinite(one) & np.isfinite(other)
    if min(both.shape) < 2 or not both.any() or np.ptp(one[both]) == 0:
        return False
    line = np.polyfit(one[both], other[both], 1)
    apart = float(np.std(other[both] - np.polyval(line, one[both])))
    noise = estimate_noise(np.where(both, other, np.nan))
    return apart <= 0.5 * float(np.sqrt(noise.variance(other[both].mean())))


def pixel_on_pixel(guide: Any, image: Any) -> bool:
    """Whether two image layers have the same pixels in the same places, but for axes that only one has."""
    across = _across(guide, image)
    sides, others = (tuple(pixels_of(layer).shape[: layer.ndim]) for layer in (guide, image))
    there = bool(np.allclose(across, np.eye(len(across)), rtol=0, atol=CLOSE))
    return there and sides == others[-guide.ndim :]


def _across(guide: Any, image: Any) -> Floats:
    """Return where a pixel of a layer lies in the pixels of another, along the axes that both have."""
    both = min(guide.ndim, image.ndim)
    return np.asarray(np.linalg.solve(to_world(guide, both), to_world(image, both)))


def _covered(turn: Floats, shape: Sequence[int], sides: Floats) -> float:
    """Return which part of a result's pixels lies within a guide, as `Guide.turn` says where they lie."""
    lines = [np.linspace(0, size - 1, min(size, POINTS)) for size in shape]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), -1) @ turn[:-1, :-1].T + turn[:-1, -1]
    return float(((points >= -0.5) & (points <= sides - 0.5)).all(-1).mean())


def _layouts(
    found: tuple[int, ...], shape: Sequence[int], axes: Axes
) -> list[tuple[tuple[int, ...], int | None, tuple[int, ...]]]:
    """Return what an array's axes could be: those of the stack, the channels', and the sides of a plane."""
    layouts = []
    others = [a for a in axes.looped if a != axes.channel]
    for stack in dict.fromkeys((tuple(axes.looped), tuple(others), ())):
        kept = sorted((*stack, *axes.spatial))
        for channel, own in ((None, found), (-1, found[:-1]), (0, found[1:])):
            if len(own) != len(kept) or (channel == -1 and found[-1] > 4):
                continue
            sides = dict(zip(kept, own, strict=True))
            if all(sides[axis] == shape[axis] for axis in stack):
                layouts.append((stack, channel, tuple(sides[axis] for axis in sorted(axes.spatial))))
    return layouts


def _alike(sides: tuple[int, ...], others: tuple[int, ...]) -> bool:
    """Whether sides are as small numbers to one another, so that they may show the same."""
    ratios = [Fraction(a, b) if a else Fraction(SIMPLE + 1) for a, b in zip(sides, others, strict=True)]
    return all(max(ratio.numerator, ratio.denominator) <= SIMPLE for ratio in ratios)
