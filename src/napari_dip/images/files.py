"""Images in files: what they hold, and what they say of it, in OME-Zarr, OME-TIFF and what else is usual."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from napari_dip.images.description import Description
from napari_dip.images.ome_tiff import read_tiff, write_tiff
from napari_dip.images.ome_zarr import ZarrFile, read_zarr, write_zarr
from napari_dip.images.planes import appearing, describe_error

if TYPE_CHECKING:
    import dask.array

__all__ = ["Description", "ZarrFile", "is_path", "kind_of", "read", "write"]

ENDINGS: dict[str, Literal["zarr", "tiff"]] = {
    ".ome.zarr": "zarr",
    ".zarr": "zarr",
    ".ome.tif": "tiff",
    ".ome.tiff": "tiff",
    ".tif": "tiff",
    ".tiff": "tiff",
}
# How files begin; BigTIFF is TIFF of another version.
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def is_path(thing: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether this names a file."""
    return isinstance(thing, str | os.PathLike)


def kind_of(path: str | os.PathLike[str]) -> Literal["zarr", "tiff"]:
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
    path = Path(path).expanduser()
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
        return _read_picture(path)
    raise ValueError(
        f"{path} is not an image that can be read here: OME-Zarr, Zarr, TIFF, PNG and JPEG are. Convert it "
        "to one of these"
    )


def write(path: str | os.PathLike[str], array: Any, description: Description) -> None:
    """Write an image to a new file, plane by plane; a file that is half written never has its final name.

    Parameters
    ----------
    path : str or path-like
        Where to. The ending of the name says what kind of file: .ome.zarr or .zarr, .ome.tif, .ome.tiff, .tif
        or .tiff (all OME-TIFF).
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
    write_kind = {"zarr": write_zarr, "tiff": write_tiff}[kind_of(path)]
    with appearing(path) as temporary:
        write_kind(temporary, array, description)


def _read_picture(path: Path) -> tuple[dask.array.Array, Description]:
    import dask.array as da
    from skimage.io import imread

    try:
        picture = imread(path)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise whatever comes to their mind
        raise OSError(
            f"the image {path} can't be read: it is damaged or cut off ({describe_error(error)}). Copy the "
            "file again from where it came from"
        ) from error
    axes = "YXS"[: picture.ndim]
    array = da.from_array(picture, chunks=picture.shape)
    return array, Description.plain(axes, path.stem)
