"""Overlapping tiles of a plane or volume that is too large to be restored at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tile", "tiles"]


@dataclass(frozen=True)
class Tile:
    """A part of a plane or volume, and how it fades into its neighbours.

    Attributes
    ----------
    where : tuple of slice
        The tile's place on the spatial axes of the measured image.
    ramps : tuple of (int, int)
        For each axis, how many pixels it shares with the tile before and with the tile after it.
    """

    where: tuple[slice, ...]
    ramps: tuple[tuple[int, int], ...]

    def fine(self, factors: Sequence[int]) -> tuple[slice, ...]:
        """The tile's place in an image that is enlarged by these factors.

        Parameters
        ----------
        factors : sequence of int
            Enlargement of each spatial axis.
        """
        return tuple(slice(s.start * f, s.stop * f) for s, f in zip(self.where, factors, strict=True))

    def opacity(self, factors: Sequence[int] | None = None) -> NDArray[np.float32]:
        """How much of the tile shows when the tiles are laid over one another in their order.

        Laid so, ``image[tile.where] += tile.opacity() * (restored - image[tile.where])``, the tiles end up as
        the weighted mean whose weights are products over the axes of straight ramps, which add up to 1: no
        seam shows, also where four tiles meet. Until its later neighbours are laid, a tile shows fully
        on their side.

        Parameters
        ----------
        factors : sequence of int, optional
            Enlargement of each spatial axis, if the restored image is finer than the measured one.

        Returns
        -------
        ndarray of float32
            Of the tile's shape times the factors; above 0, and 1 wherever no earlier tile lies below.

        Notes
        -----
        With the weight ``W`` of each tile, "over" needs the opacity ``W[t] / sum(W[s] for s <= t)``. In C
        order, and with weights that are products, the sum is nested: along the first axis all of the tiles
        before are laid, and along the next those before in the same row.
        """
        weight = laid = np.ones((1,) * len(self.where))
        for before, own in self._ramps_of(factors):
            weight = own * weight
            laid = (1 - before) + own * laid
        return np.asarray(weight / laid, dtype=np.float32)

    def weight(self, factors: Sequence[int] | None = None) -> NDArray[np.float32]:
        """How much of the tile shows in the end, when all of them are laid: together they come to 1.

        Parameters
        ----------
        factors : sequence of int, optional
            As `opacity` takes them.
        """
        weight = np.ones((1,) * len(self.where))
        for _, own in self._ramps_of(factors):
            weight = own * weight
        return np.asarray(weight, dtype=np.float32)

    def _ramps_of(
        self, factors: Sequence[int] | None
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield, along each axis from the last, the ramp from the tile before, and the weight."""
        factors = (1,) * len(self.where) if factors is None else factors
        for axis in reversed(range(len(self.where))):
            part, factor = self.where[axis], factors[axis]
            size = (part.stop - part.start) * factor
            before, after = (_ramp(size, shared * factor) for shared in self.ramps[axis])
            line = [1 if a != axis else size for a in range(len(self.where))]
            yield before.reshape(line), (before * after[::-1]).reshape(line)


def tiles(shape: Sequence[int], largest: Sequence[int] | int, overlap: Sequence[int] | int) -> list[Tile]:
    """Cover a plane or volume with overlapping tiles of equal size.

    Parameters
    ----------
    shape : sequence of int
        Shape of the plane or volume.
    largest : int or sequence of int
        The largest tile, in pixels along each axis. The tiles are as small as their number allows.
    overlap : int or sequence of int
        How many pixels neighbouring tiles share at least, along each axis.

    Returns
    -------
    list of Tile
        In C order. A single tile if the whole shape fits.

    Raises
    ------
    ValueError
        If more than a third of a tile would overlap on either side.

    Examples
    --------
    >>> [tile.where[1] for tile in tiles((64, 100), largest=64, overlap=16)]
    [slice(0, 58, None), slice(42, 100, None)]
    """
    axes = len(shape)
    limits, shared = (np.broadcast_to(one, axes).tolist() for one in (largest, overlap))
    lines = [_line(*of_axis) for of_axis in zip(shape, limits, shared, strict=True)]
    counts = [len(line) for line in lines]
    return [
        Tile(
            tuple(line[i][0] for line, i in zip(lines, index, strict=True)),
            tuple(line[i][1] for line, i in zip(lines, index, strict=True)),
        )
        for index in np.ndindex(*counts)
    ]


def _line(length: int, largest: int, overlap: int) -> list[tuple[slice, tuple[int, int]]]:
    """Place and overlaps of the tiles along one axis."""
    if length <= largest:
        return [(slice(0, length), (0, 0))]
    if overlap < 0 or largest < max(3 * overlap, 1):
        raise ValueError(
            f"tiles of at most {largest} pixels can't overlap by {overlap}: a tile needs at least three "
            "times its overlap, so that only neighbours meet. Allow larger tiles, or let them overlap less"
        )
    count = math.ceil((length - overlap) / (largest - overlap))
    size = math.ceil((length + (count - 1) * overlap) / count)
    starts = [(length - size) * i // (count - 1) for i in range(count)]
    overlaps = [0, *(a + size - b for a, b in itertools.pairwise(starts)), 0]
    return [(slice(s, s + size), (overlaps[i], overlaps[i + 1])) for i, s in enumerate(starts)]


def _ramp(size: int, shared: int) -> NDArray[np.float64]:
    """From 0 to 1 over the first `shared` pixels, both excluded, then 1; it and its mirror image add to 1."""
    ramp = np.ones(size)
    ramp[:shared] = (np.arange(shared) + 0.5) / max(shared, 1)
    return ramp
