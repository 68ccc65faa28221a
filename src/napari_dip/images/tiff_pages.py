"""The pages of a TIFF file: whether they are all there and its own, and how its planes are read from them."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_dip.images.planes import lazy

if TYPE_CHECKING:
    import dask.array
    from numpy.typing import NDArray

__all__ = ["check_names", "check_whole", "planes_of"]

DESCRIPTION = 270  # the code of TIFF's tag ImageDescription


def check_names(file: Any) -> None:
    """Refuse a file whose pixels are said to lie in another folder, or on another computer.

    OME-TIFF and NDTiff may have theirs in several files, which `tifffile` opens as soon as it is asked for
    what is in one of them.
    """
    names: list[str] = []
    if file.is_ome:
        told = ElementTree.fromstring(str(file.ome_metadata)).findall(".//{*}UUID")
        names += [uuid.get("FileName", "") for uuid in told]
    index = Path(file.filehandle.dirname) / "NDTiff.index"
    if file.is_ndtiff and index.exists():
        from tifffile import read_ndtiff_index

        names += {entry[1] for entry in read_ndtiff_index(index)}
    for name in names:
        if name in (".", "..") or set(name) & set("/\\:"):
            raise ValueError(f"its pixels are said to be in {name!r}, which is not in its folder")


def check_whole(file: Any) -> None:
    """Refuse a file that is cut off in a way by which it would pass for a smaller one, or a plainer one."""
    handle, form = file.filehandle, file.tiff

    def tags_of(page: Any) -> tuple[list[int], int]:
        """Return the codes of a page's tags as they are in the file, and where the next page begins."""
        handle.seek(page.offset)
        (count,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
        raw = handle.read(count * form.tagsize)
        codes = [entry for (entry,) in struct.iter_unpack(f"{form.byteorder}H{form.tagsize - 2}x", raw)]
        return codes, struct.unpack(form.offsetformat, handle.read(form.offsetsize))[0]

    pages = len(file.pages)
    if tags_of(file.pages[pages - 1])[1] >= handle.size:
        raise ValueError(f"it ends after {pages} pages and should go on")
    if DESCRIPTION in tags_of(file.pages[0])[0] and DESCRIPTION not in file.pages[0].tags:
        raise ValueError("it ends before its description")
    stated = file.imagej_metadata or {}
    if file.series[0].kind != "imagej" and stated.get("images", 1) > pages:
        raise ValueError(f"it ends after less than the {stated['images']} planes that ImageJ wrote")


def planes_of(series: Any, letters: str, path: Path) -> dask.array.Array:
    """Return an array whose chunks are the file's pages."""
    shape, page_shape = tuple(series.shape), tuple(series.keyframe.shape)
    stack = len(shape) - len(page_shape)
    by_page = series.transform is None and stack >= 0 and shape[stack:] == page_shape
    whole = [not by_page or axis >= stack for axis in range(len(shape))]
    stored = np.dtype(series.parent.byteorder + series.dtype.char)
    offset = series.dataoffset  # of all pages, where they are one piece
    pages = list(series.pages) if offset is None else []
    opening = Lock()

    def page_at(number: int) -> NDArray[Any]:
        if offset is not None:
            size = math.prod(page_shape)
            with _opened(series.parent) as handle:
                found = handle.read_array(stored, size, offset + number * size * stored.itemsize)
            return np.asarray(found).reshape(page_shape)
        page = pages[number] if number < len(pages) else None
        if page is None:
            raise ValueError("the file has no such page")
        with _opened(page.parent):
            return np.asarray(page.asarray())

    def read(index: tuple[int | slice, ...]) -> NDArray[Any]:
        with opening:
            if not by_page:
                with _opened(series.parent):
                    return np.asarray(series.asarray())
            place = [i for i in index if not isinstance(i, slice)]
            return page_at(int(np.ravel_multi_index(place, shape[:stack])) if place else 0)

    return lazy(read, shape, series.dtype.newbyteorder("="), letters, whole, path)


@contextmanager
def _opened(file: Any) -> Iterator[Any]:
    """Give the handle of a file, which is open only while it is read."""
    file.filehandle.open()
    try:
        yield file.filehandle
    finally:
        file.filehandle.close()
