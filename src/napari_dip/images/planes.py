"""Arrays plane by plane: read when they are asked for, turned while they are written, moved into place."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import dask.array

__all__ = ["appearing", "describe_error", "full_index", "lazy", "plane_indices", "turned"]

Index = tuple[int | slice, ...]

# A file that says that it has more planes than this would fill the memory with where they are.
MOST_PLANES = 2**22


def full_index(index: Any, axes: int) -> list[Any]:
    """Return an index with an entry for each of so many axes: what is left out, or ``...``, is all."""
    given = list(index) if isinstance(index, tuple) else [index]
    at = next((n for n, one in enumerate(given) if one is Ellipsis), len(given))
    given[at : at + 1] = [slice(None)] * (axes - len(given) + (at < len(given)))
    return given


class Turned:
    """An array on disk seen with its axes in another order, for reading and writing parts of it.

    Parameters
    ----------
    array
        Has a shape and a dtype, and takes indices.
    order
        Which axis of `array` each axis of the view is.
    """

    def __init__(self, array: Any, order: Sequence[int]) -> None:
        self._array, self._order = array, tuple(order)
        self.shape: tuple[int, ...] = tuple(array.shape[a] for a in order)
        self.dtype: np.dtype[Any] = array.dtype
        self.ndim = len(self.shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        place, kept = self._place(index)
        return np.asarray(self._array[place]).transpose(kept)

    def __setitem__(self, index: Any, values: Any) -> None:
        place, kept = self._place(index)
        values = np.asarray(values)
        if values.ndim:
            values = values[(np.newaxis,) * (len(kept) - values.ndim)].transpose(np.argsort(kept))
        self._array[place] = values

    def _place(self, index: Any) -> tuple[Index, list[int]]:
        """Return an index into the array, and how the axes that it keeps are to be turned."""
        place: dict[int, Any] = dict(zip(self._order, full_index(index, self.ndim), strict=True))
        kept = [axis for axis in self._order if isinstance(place[axis], slice)]
        return tuple(place[axis] for axis in range(self.ndim)), [sorted(kept).index(axis) for axis in kept]


def turned(array: Any, order: Sequence[int]) -> Any:
    """Return a view of an array with its axes in another order, or the array where that is its own."""
    return array if list(order) == list(range(array.ndim)) else Turned(array, order)


def plane_indices(shape: Sequence[int], whole: Sequence[bool]) -> Iterator[Index]:
    """Yield the index of each plane of an array, in C order; `whole` says which axes a plane has."""
    for place in np.ndindex(*(1 if w else n for n, w in zip(shape, whole, strict=True))):
        yield _of_plane(place, whole)


def _of_plane(place: Sequence[int], whole: Sequence[bool]) -> Index:
    return tuple(slice(None) if w else i for i, w in zip(place, whole, strict=True))


def lazy(
    read: Callable[[Index], NDArray[Any]],
    shape: Sequence[int],
    dtype: np.dtype[Any],
    axes: str,
    whole: Sequence[bool],
    path: Path,
) -> dask.array.Array:
    """Return an array whose planes are read when they are asked for, each a chunk.

    Parameters
    ----------
    read
        Takes a number for each stack axis and a slice for each axis of a plane, and returns that plane.
    shape, dtype, axes
        The array's; `axes` are letters.
    whole
        Which axes a plane has.
    path
        Where the array lies.
    """
    import dask.array as da

    planes = math.prod(n for n, w in zip(shape, whole, strict=True) if not w)
    if planes > MOST_PLANES:
        raise ValueError(
            f"{path} says that it has {planes:,} planes, and {MOST_PLANES:,} at most can be read: it is "
            "damaged, or no image. Save parts of it to files of their own"
        )

    def block(block_id: tuple[int, ...]) -> NDArray[Any]:
        index = _of_plane(block_id, whole)
        try:
            plane = read(index)
        except MemoryError:
            raise
        except Exception as error:  # decoders raise whatever comes to their mind
            where = ", ".join(f"{axes[a]} {i}" for a, i in enumerate(index) if not isinstance(i, slice))
            raise OSError(
                f"the plane {where or 'Y, X'} of {path} can't be read: it is damaged, cut off, or packed in "
                f"a way that is not known here ({describe_error(error)}). Copy the file again from where it "
                "came from, or write it anew"
            ) from error
        return np.asarray(plane, dtype).reshape([n if w else 1 for n, w in zip(shape, whole, strict=True)])

    chunks = tuple((n,) if w else (1,) * n for n, w in zip(shape, whole, strict=True))
    empty = np.empty((0,) * len(shape), dtype)
    # A name of its own, because the file may change before it is opened again.
    name = f"{path.name}-{uuid4().hex}"
    found: dask.array.Array = da.map_blocks(block, chunks=chunks, dtype=dtype, meta=empty, name=name)
    return found


def describe_error(error: Exception) -> str:
    """Return what kind of error it was, and its first line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}".removesuffix(": ")


def free_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is to be written.

    Raises
    ------
    FileExistsError, FileNotFoundError
        If it is there already, or its folder isn't.
    """
    free = Path(path)
    if free.exists() or free.is_symlink():
        raise FileExistsError(f"{free} is there already and won't be overwritten. Choose another name")
    if not free.parent.is_dir():
        raise FileNotFoundError(
            f"{free} can't be written, because there is no folder {free.parent}. Make it first, or "
            "choose another"
        )
    return free


@contextmanager
def appearing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there moves into place when all went well."""
    final = free_path(path)
    temporary = final.with_name(f".{final.name}.{uuid4().hex[:8]}.part")
    try:
        yield temporary
        os.rename(temporary, free_path(final))
    except BaseException:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
        raise
