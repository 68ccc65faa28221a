"""Where a job puts what it restores: an array in memory, or a file that grows plane by plane.

Either starts as the original, so that what was not reached is the original's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from napari_dip.engine.neighbours import Neighbour
from napari_dip.history import Past
from napari_dip.images.axes import Axes
from napari_dip.images.intensities import cast
from napari_dip.images.planes import full_index
from napari_dip.parts import Index, Place, place
from napari_dip.source import Source
from napari_dip.unfinished import Unfinished

__all__ = ["Growing", "OnDisk", "Original", "Result", "Unknown", "as_it_is", "whole"]

Pasts = dict[int, Past]  # of the runs of a plane or volume
Starts = Mapping[str, Neighbour]  # of each kin


def inside(index: Index) -> tuple[slice, ...]:
    """Return where an index lies in its plane or volume."""
    return tuple(i for i in index if isinstance(i, slice))


def whole(index: Index) -> Index:
    """Return the index of the whole plane or volume, opacity included, that an index lies in."""
    return tuple(i if isinstance(i, int) else slice(None) for i in index)


@dataclass(frozen=True)
class Original:
    """The image as it could stand in the result: of its dtype, and each pixel as many as it becomes.

    Parameters
    ----------
    image
        Where the image is read from.
    factors
        How much finer the result is along each axis.
    dtype
        The result's.
    """

    image: Source
    factors: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape."""
        return tuple(size * f for size, f in zip(self.image.shape, self.factors, strict=True))

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """Return a copy of what stands in the result for a part of the image."""
        kept = [f for f, where in zip(self.factors, index, strict=True) if isinstance(where, slice)]
        return as_it_is(self.image[index], kept, self.dtype)


@dataclass(frozen=True)
class Unknown:
    """What stands in a map of numbers about a result where none is known yet: NaN.

    Parameters
    ----------
    shape
        The result's shape.
    factors
        How much finer it is than the image along each axis.
    """

    shape: tuple[int, ...]
    factors: tuple[int, ...]
    dtype = np.dtype(np.float32)

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """Return what stands at a part of the image."""
        sides = [
            len(range(*where.indices(size // factor))) * factor
            for where, size, factor in zip(index, self.shape, self.factors, strict=True)
            if isinstance(where, slice)
        ]
        return np.full(sides, np.nan, self.dtype)


def as_it_is(block: NDArray[Any], factors: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a copy of a block that could stand in a result that is finer by a factor along each axis."""
    same = block.copy()
    for axis, factor in enumerate(factors):
        same = np.repeat(same, factor, axis) if factor > 1 else same
    return cast(same, dtype)


class Result:
    """A result in memory, written to at places given by indices into the whole of it.

    Attributes
    ----------
    lasts
        Whether what is done outlives the program.
    """

    lasts = False

    def __init__(self, original: Original | Unknown) -> None:
        self._original = original
        self._all: NDArray[Any] | None = None

    @property
    def array(self) -> Any:
        """The whole result so far: one array that grows."""
        if self._all is None:
            self._all = self._original[(slice(None),) * len(self._original.shape)]
        return self._all

    @property
    def final(self) -> Any:
        """The array that the job gives back."""
        return self.array

    @property
    def memory(self) -> int:
        """How many bytes of memory it takes."""
        return math.prod(self._original.shape) * self._original.dtype.itemsize

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """Return a part of the plane or volume under way, which may be written to."""
        part: NDArray[Any] = self.array[index]
        return part

    def shown(self, index: Index) -> NDArray[Any] | None:
        """Return the same for another thread; None where another plane or volume is under way by now."""
        return self[index]

    def __setitem__(self, index: Index, value: NDArray[Any]) -> None:
        self[index][...] = value

    def as_it_was(self, where: Index, goes: Index) -> None:
        """Let the part of the image at `where` stand in the result, at `goes`."""
        self[goes] = self._original[where]

    def take_up(self, indices: Sequence[Index], settings: Mapping[str, Any]) -> dict[Place, Pasts]:
        """Make ready; return which planes or volumes are done already, and the past of their runs."""
        return {}

    def starts(self) -> dict[str, Neighbour]:
        """Return what the next run of each kin may start from."""
        return {}

    def begin(self, index: Index) -> None:
        """From here on the job works on the plane or volume at `index`, and reads and writes only there."""

    def keep(self) -> None:
        """What there is of the plane or volume under way is to last."""

    def complete(self, index: Index, past: Pasts, starts: Starts) -> None:
        """The plane or volume at `index` is done; its runs' past, and what the next runs may start from."""

    def make_ready(self, record: Mapping[str, Any]) -> None:
        """All is done, and `record` says how it came about; what can fail of making it last is done here."""

    def finish(self) -> None:
        """Let what was made ready be the result."""

    def close(self) -> None:
        """The job has ended, wherever it was."""


class OnDisk(Result):
    """A result in a file, of which one plane or volume at a time is in memory.

    Parameters
    ----------
    original
        The image.
    axes
        Which axis is which.
    unfinished
        The file.
    made_from
        Returns, for a plane or volume, a text that changes with the image there, and one that changes with
        what of it is to be looked at.
    """

    lasts = True

    def __init__(
        self,
        original: Original | Unknown,
        axes: Axes,
        unfinished: Unfinished,
        made_from: Callable[[Index], tuple[str, str]],
    ) -> None:
        super().__init__(original)
        self._unfinished, self._made_from = unfinished, made_from
        self._growing = Growing(original.shape, original.dtype, axes.looped, self._look_up)
        self._file: Any = None  # the finished one's array
        self._changed = False  # the image, since another run was at it
        self._index: Index | None = None
        self._seen = ""  # of the image, when the plane was begun
        self._plane: NDArray[Any] = np.empty(0)

    def _look_up(self, at: Place, index: Index) -> NDArray[Any]:
        if self._file is not None:
            return np.asarray(self._file[index])
        if self._index is not None and at == place(self._index):
            return self._plane
        if at in self._unfinished.done:
            return self._unfinished.read(index)
        return self._original[index]

    @property
    def array(self) -> Growing:
        return self._growing

    @property
    def final(self) -> Any:
        return self._growing.lazy() if self._file is None else self._file

    @property
    def memory(self) -> int:
        return math.prod(self._growing.plane) * self._original.dtype.itemsize

    def __getitem__(self, index: Index) -> NDArray[Any]:
        return self._plane[inside(index)]

    def shown(self, index: Index) -> NDArray[Any] | None:
        plane = self._plane  # first: what another thread takes in place of it comes before its index
        here = self._index is not None and place(self._index) == place(index)
        return plane[inside(index)] if here else None

    def take_up(self, indices: Sequence[Index], settings: Mapping[str, Any]) -> dict[Place, Pasts]:
        original = self._original
        self._unfinished.begin(original.shape, original.dtype, original.factors, settings)
        done = self._unfinished.done
        for index in indices:
            entry = done.get(place(index))
            if entry is not None and entry.source != " ".join(self._made_from(index)):
                del done[place(index)]
                self._changed = True
        return {at: entry.past for at, entry in done.items()}

    def starts(self) -> dict[str, Neighbour]:
        # What was made from another image is no start for this one.
        return {} if self._changed else self._unfinished.starts()

    def begin(self, index: Index) -> None:
        if self._index is None or place(index) != place(self._index):
            self._plane, self._index = np.array(self._look_up(place(index), whole(index))), whole(index)
            self._seen, _ = self._made_from(index)

    def keep(self) -> None:
        if self._index is not None:
            self._unfinished.write(self._index, self._plane)

    def complete(self, index: Index, past: Pasts, starts: Starts) -> None:
        seen, known = self._made_from(index)
        if seen != self._seen:
            raise OSError(
                f"the image changed while plane {place(index)} of it was being restored. Run the same again "
                "when nothing writes to it; what was done before is kept."
            )
        self.keep()
        self._unfinished.enter(place(index), f"{seen} {known}", past, starts)

    def make_ready(self, record: Mapping[str, Any]) -> None:
        self._index = None
        self._unfinished.make_ready(record)

    def finish(self) -> None:
        self._file = self._unfinished.finish()

    def close(self) -> None:
        self._unfinished.close()


class Growing:
    """An array that is read plane by plane from wherever its planes are, as napari and dask take arrays.

    Parameters
    ----------
    shape, dtype
        The array's.
    stack
        Its axes that count planes or volumes.
    look_up
        Called with the place in the stack and the index of the whole plane or volume, returns it.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        stack: Sequence[int],
        look_up: Callable[[Place, Index], NDArray[Any]],
    ) -> None:
        self.shape, self.dtype, self.ndim = shape, dtype, len(shape)
        self._stack, self._look_up = tuple(stack), look_up

    @property
    def plane(self) -> tuple[int, ...]:
        """Shape of a plane or volume."""
        return tuple(size for axis, size in enumerate(self.shape) if axis not in self._stack)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        index = full_index(key, self.ndim)
        picked = [range(size)[i] for size, i in zip(self.shape, index, strict=True)]
        # Axes that are picked by a number stay until the end, of one entry.
        runs = [range(p, p + 1) if isinstance(p, int) else p for p in picked]
        in_plane = tuple(
            i if isinstance(i, slice) else slice(p.start, p.stop)
            for axis, (i, p) in enumerate(zip(index, runs, strict=True))
            if axis not in self._stack
        )
        block = np.empty([len(p) for p in runs], self.dtype)
        for counts in itertools.product(*(range(len(runs[axis])) for axis in self._stack)):
            where = dict(zip(self._stack, counts, strict=True))
            goes = tuple(where.get(axis, slice(None)) for axis in range(self.ndim))
            block[goes] = self._plane(tuple(runs[axis][n] for axis, n in where.items()))[in_plane]
        return block[tuple(0 if isinstance(p, int) else slice(None) for p in picked)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def lazy(self) -> da.Array:
        """Return the same as a dask array, a chunk for each plane or volume."""
        chunks = tuple(1 if axis in self._stack else size for axis, size in enumerate(self.shape))
        nothing = np.empty((0,) * self.ndim, self.dtype)
        lazy: da.Array = da.from_array(self, chunks=chunks, name=False, meta=nothing)
        return lazy

    def _plane(self, at: Place) -> NDArray[Any]:
        index: list[int | slice] = [slice(None)] * self.ndim
        for axis, i in zip(self._stack, at, strict=True):
            index[axis] = i
        return self._look_up(at, tuple(index))
