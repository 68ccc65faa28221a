"""Images in files: what they hold, and what they say of it, in OME-Zarr, OME-TIFF and what else is usual."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np

from napari_dip.images.description import Description
from napari_dip.images.ome_tiff import check_tiff, read_tiff, write_tiff
from napari_dip.images.ome_zarr import ZarrFile, check_zarr, read_zarr, write_zarr
from napari_dip.images.pictures import check_png, read_picture, write_png
from napari_dip.images.planes import appearing

if TYPE_CHECKING:
    import dask.array

__all__ = [
    "Description",
    "ZarrFile",
    "beside",
    "check",
    "ending_for",
    "in_full",
    "is_path",
    "kind_of",
    "read",
    "readable",
    "stem_of",
    "write",
]

Kind = Literal["zarr", "tiff", "png"]

ENDINGS: dict[str, Kind] = {
    ".ome.zarr": "zarr",
    ".zarr": "zarr",
    ".ome.tif": "tiff",
    ".ome.tiff": "tiff",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
}
# How files begin; BigTIFF is TIFF of another version.
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
# The endings of what can be read, which is known by how it begins.
READABLE = (*ENDINGS, ".jpg", ".jpeg")
# One of these is in the folder of an image.
ZARR = ("zarr.json", ".zattrs", ".zgroup", ".zarray")


def is_path(thing: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether this names a file."""
    return isinstance(thing, str | os.PathLike)


def in_full(path: str | os.PathLike[str]) -> Path:
    """Return a path as people write it, with ``~`` for a folder of theirs; any other name may begin so."""
    return Path(os.path.expanduser(path))


def readable(path: str | os.PathLike[str]) -> bool:
    """Whether this looks like an image that can be read, by its name alone or as a Zarr folder."""
    path = Path(path)
    if path.is_dir():
        return any((path / name).exists() for name in ZARR)
    return path.name.lower().endswith(READABLE)


def stem_of(path: str | os.PathLike[str]) -> str:
    """Return the name of an image's file without its ending.

    Examples
    --------
    >>> stem_of("data/cell.ome.tif")
    'cell'
    """
    name = Path(path).name
    ending = next((ending for ending in READABLE if name.lower().endswith(ending) and name != ending), "")
    return name[: len(name) - len(ending)]


def beside(path: str | os.PathLike[str], what: str) -> Path:
    """Return the name of a file of floating-point numbers that belongs to an image's, and lies beside it.

    Examples
    --------
    >>> str(beside("cell.ome.tif", "uncertainty")), str(beside("cell.png", "uncertainty"))
    ('cell-uncertainty.ome.tif', 'cell-uncertainty.ome.tif')
    """
    path, stem = Path(path), stem_of(path)
    ending = ".ome.tif" if kind_of(path) == "png" else path.name[len(stem) :]
    return path.with_name(f"{stem}-{what}{ending}")


def kind_of(path: str | os.PathLike[str]) -> Kind:
    """Return what to write to a file by the ending of its name.

    Raises
    ------
    ValueError
        If it has another ending.

    Examples
    --------
    >>> kind_of("cell.ome.zarr")
    'zarr'
    """
    name = Path(path).name.lower()
    for ending, kind in ENDINGS.items():
        if name.endswith(ending) and name != ending:
            return kind
    raise ValueError(
        f"{os.fspath(path)!r} doesn't say what kind of file to write. Give it a name that ends in one of "
        f"{', '.join(ENDINGS)}"
    )


def read(path: str | os.PathLike[str]) -> tuple[dask.array.Array, Description]:
    """Read an image of this computer, each plane when it is asked for.

    Parameters
    ----------
    path : str or path-like
        The folder of an OME-Zarr image or a Zarr array, or a TIFF (OME, ImageJ's or plain), PNG or JPEG file.
        Of an image of several resolutions the finest is read, and of a TIFF file the first image.

    Returns
    -------
    dask.array.Array
        The image. A chunk is a plane.
    Description
        What the file says of it.

    Raises
    ------
    OSError, ValueError
        If it is not there, or no image. Where only a plane is damaged, an OSError when that is computed.
    """
    if not os.fspath(path):
        raise ValueError("the path of the image is empty: give the name of a file")
    path = in_full(path)
    if path.is_dir():
        return read_zarr(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}. Check the name; images are read from local files only"
        )
    with path.open("rb") as file:
        beginning = file.read(8)
    if beginning.startswith(TIFF):
        return read_tiff(path)
    if beginning.startswith(PICTURES):
        return read_picture(path)
    raise ValueError(
        f"{path} is not an image that can be read here: OME-Zarr, Zarr, TIFF, PNG and JPEG are. Convert it "
        "to one of these"
    )


def check(
    path: str | os.PathLike[str], shape: Sequence[int], dtype: np.dtype[Any], description: Description
) -> None:
    """Refuse an image that a file of this name could not hold, before there is any.

    Raises
    ------
    ValueError
        If the kind of file can't hold the axes or the type of the numbers, or the ending says none.
    """
    {"zarr": check_zarr, "tiff": check_tiff, "png": check_png}[kind_of(path)](shape, dtype, description)


def ending_for(shape: Sequence[int], dtype: np.dtype[Any], axes: str) -> str:
    """Return ``".ome.tif"``, or ``".ome.zarr"`` for what no TIFF file holds."""
    try:
        check_tiff(shape, dtype, Description.plain(axes))
    except ValueError:
        return ".ome.zarr"
    return ".ome.tif"


def write(path: str | os.PathLike[str], array: Any, description: Description) -> None:
    """Write an image to a new file, plane by plane; a file that is half written never has its final name.

    Parameters
    ----------
    path : str or path-like
        Where to. The ending of the name says what kind of file: .ome.zarr or .zarr, .ome.tif, .ome.tiff, .tif
        or .tiff (all OME-TIFF), or .png for a plane.
    array : numpy, dask or Zarr array
        The image.
    description : Description
        What the file is to say of it.

    Raises
    ------
    FileExistsError
        If something of that name is there.
    ValueError
        If the kind of file can't hold the axes or the type of the numbers, or the ending says none.
    """
    write_kind = {"zarr": write_zarr, "tiff": write_tiff, "png": write_png}[kind_of(path)]
    with appearing(path) as temporary:
        write_kind(temporary, array, description)
