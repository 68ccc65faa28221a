"""What the runs of the engine restore, one after the other: planes and volumes, or tiles of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from napari_dip.images.axes import Axes
from napari_dip.images.tiles import Tile, tiles

__all__ = ["AT_ONCE", "DEEPEST", "Cutting", "Index", "Part", "Place", "place"]

Index = tuple[int | slice, ...]
Place = tuple[int, ...]  # of a plane or volume in its stack

# Tiles overlap by this many pixels of the result at least.
OVERLAP = 48
AT_ONCE = 1 << 20
"""Voxels of a volume, 16 planes of 256 x 256, beyond which its pictures come slowly."""

# Planes of a slab at most, and how many of them the next one has as well at least.
DEEPEST, SHARED = 16, 4


def place(index: Index) -> Place:
    """Return which plane or volume of the stack an index lies in."""
    return tuple(i for i in index if isinstance(i, int))


@dataclass(frozen=True)
class Part:
    """What one run of the engine restores: a plane or volume, or a tile of one.

    Parameters
    ----------
    index
        Where the plane or volume lies in the image.
    where, goes
        Where the part lies in the image, and in the result.
    tile
        Its place in the plane or volume; None for all of it.
    slab
        Whether it is a slab of a large volume, or a tile of one.
    """

    index: Index
    where: Index
    goes: Index
    tile: Tile | None = None
    slab: bool = False


@dataclass(frozen=True)
class Cutting:
    """How an image can be cut into parts.

    Parameters
    ----------
    axes, shape
        The image's.
    factors
        How much finer the result is along each axis of the image.
    slabs
        Whether large volumes of many planes are cut into slabs of a few.
    """

    axes: Axes
    shape: tuple[int, ...]
    factors: tuple[int, ...]
    slabs: bool = False

    @property
    def _whole(self) -> list[int]:
        return [self.shape[axis] for axis in self.axes.spatial]

    @property
    def _deep(self) -> bool:
        large = len(self._whole) == 3 and math.prod(self._whole) > AT_ONCE
        return self.slabs and large and self._whole[0] > DEEPEST

    @property
    def _side(self) -> int:
        """The side of a tile that is not cut any further."""
        return max(self._whole[1:] if self._deep else self._whole)

    @property
    def _overlaps(self) -> list[int]:
        overlaps = [math.ceil(OVERLAP / self.factors[axis]) for axis in self.axes.spatial]
        return [SHARED, *overlaps[1:]] if self._deep else overlaps

    @property
    def _least(self) -> int:
        """The smallest side of tiles that overlap with their neighbours alone."""
        return 3 * max(self._overlaps)

    def size(self, tile: int | None) -> list[int]:
        """Return the shape of the largest part, for tiles of this side."""
        sides = [size if tile is None else min(size, tile) for size in self._whole]
        return [DEEPEST, *sides[1:]] if self._deep else sides

    def largest_tile(self, fits: Callable[[Sequence[int]], bool]) -> int | None:
        """Return the side of the largest tiles whose shape `fits`; None if no plane need be cut.

        When nothing fits, the smallest tiles there can be.
        """
        if fits(self.size(None)):
            return None
        side = self._side
        while side > self._least:
            side = max(self._least, math.ceil(side / 1.25))
            if fits(self.size(side)):
                break
        return side if side < self._side else None

    def parts(self, tile: int | None) -> list[Part]:
        """Return the parts of the image in C order, in tiles of at most this side.

        Raises
        ------
        ValueError
            If tiles that small could not overlap.
        """
        indices: list[Index] = self.axes.runs(self.shape)
        if tile is not None and tile >= self._side:
            tile = None
        if tile is None and not self._deep:
            return [Part(index, index, index) for index in indices]
        if tile is not None and tile < self._least:
            raise ValueError(
                f"tile must be at least {self._least} pixels, for tiles to overlap by a third, but is {tile}."
            )
        pieces = tiles(self._whole, self.size(tile), self._overlaps)
        return [self._part(index, piece) for index in indices for piece in pieces]

    def _part(self, index: Index, tile: Tile) -> Part:
        fine = tile.fine([self.factors[axis] for axis in self.axes.spatial])
        where, goes = dict(enumerate(index)), dict(enumerate(index))
        where.update(zip(self.axes.spatial, tile.where, strict=True))
        goes.update(zip(self.axes.spatial, fine, strict=True))
        return Part(index, tuple(where.values()), tuple(goes.values()), tile, self._deep)
