"""Some planes of a stack: which ones are meant, and an array of them that knows what lies beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_dip.images.axes import Axes
from napari_dip.images.planes import full_index

__all__ = ["Excerpt", "Planes", "Where", "chosen_planes", "said_planes"]

# A number or slice for each axis of a stack, or for its first; None for all.
Planes = int | slice | tuple[int | slice, ...] | None
# Where in an array they are: a slice with both its ends for each of its axes.
Where = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Some planes of an array, read where the array has them.

    Indices count from its own first plane on. A number may lie beyond the planes that it has: the array's
    plane is read there.

    Parameters
    ----------
    array
        All planes.
    where
        Which of them it has.
    """

    array: Any
    where: Where

    @property
    def shape(self) -> tuple[int, ...]:
        """How many entries it has along each axis."""
        return tuple(part.stop - part.start for part in self.where)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.where)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's."""
        kind: np.dtype[Any] = self.array.dtype
        return kind

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape, dtype=np.int64))

    def reach(self, axis: int) -> range:
        """Return which numbers along an axis there is something at."""
        start = self.where[axis].start
        return range(-start, int(self.array.shape[axis]) - start)

    def place(self, index: Any) -> tuple[int | slice, ...]:
        """Return where in the array an index lies."""
        place: list[int | slice] = []
        for one, own in zip(full_index(index, self.ndim), self.where, strict=True):
            if isinstance(one, slice):
                start, stop, step = one.indices(own.stop - own.start)
                place.append(slice(own.start + start, own.start + stop, step))
            else:
                place.append(own.start + one)
        return tuple(place)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        return np.asarray(self.array[self.place(index)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)


def chosen_planes(planes: Planes, axes: Axes, shape: Sequence[int]) -> Where:
    """Return where in an array the planes (or volumes) of a stack are.

    Parameters
    ----------
    planes
        None for all; or for each axis of the stack, in their order, a number or a slice, as of an array. What
        is left out at the end is taken whole.
    axes, shape
        The array's.

    Raises
    ------
    ValueError, TypeError
        If there are no such planes.

    Examples
    --------
    >>> axes = Axes.of((9, 32, 32))
    >>> chosen_planes(slice(3, -1), axes, (9, 32, 32))
    (slice(3, 8, None), slice(0, 32, None), slice(0, 32, None))
    """
    where, along = [slice(0, size) for size in shape], axes.looped
    given = () if planes is None else tuple(planes) if isinstance(planes, tuple | list) else (planes,)
    if given and not along:
        raise ValueError(
            f"planes is for a stack, but this is {axes.describe(shape)}: leave it out, or name the axes "
            "otherwise."
        )
    if len(given) > len(along):
        names = ", ".join(axes.names[axis] for axis in along)
        raise ValueError(
            f"planes has {len(given)} entries, but the image is a stack along {len(along)} "
            f"ax{'i' if len(along) == 1 else 'e'}s ({names}): give a number or a slice for each."
        )
    for axis, chosen in zip(along, given, strict=False):
        where[axis] = _part(chosen, axes.names[axis], shape[axis])
    return tuple(where)


def said_planes(where: Where, axes: Axes, shape: Sequence[int]) -> str:
    """Return which planes those are, as the command line takes them, ``"3:8,1"``; empty for all.

    Examples
    --------
    >>> axes = Axes.of((9, 2, 32, 32))
    >>> said_planes(chosen_planes((slice(3, 8), 1), axes, (9, 2, 32, 32)), axes, (9, 2, 32, 32))
    '3:8,1'
    """
    said = []
    for axis in axes.looped:
        start, stop = where[axis].start, where[axis].stop
        whole = (start, stop) == (0, shape[axis])
        said.append(":" if whole else str(start) if stop == start + 1 else f"{start}:{stop}")
    while said and said[-1] == ":":
        said.pop()
    return ",".join(said)


def _part(chosen: Any, name: str, size: int) -> slice:
    if isinstance(chosen, slice):
        try:
            start, stop, step = chosen.indices(size)
        except (TypeError, ValueError) as error:
            raise TypeError(f"planes takes slices of whole numbers, but {chosen} is none: {error}.") from None
        if step != 1 or stop <= start:
            raise ValueError(
                f"planes takes one or more neighbours along an axis, but {chosen} has none along {name}, "
                f"which has {size}, or leaves some out."
            )
        return slice(start, stop)
    if isinstance(chosen, bool) or not isinstance(chosen, Integral):
        raise TypeError(f"planes takes numbers and slices, but {chosen!r} is neither.")
    at = int(chosen) + (size if chosen < 0 else 0)
    if not 0 <= at < size:
        raise ValueError(f"planes asks for {chosen} along {name}, which goes from 0 to {size - 1}.")
    return slice(at, at + 1)
