"""Pictures as any program shows them: PNG and JPEG read, PNG written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_dip.images.description import Description
from napari_dip.images.planes import describe_error

if TYPE_CHECKING:
    import dask.array

__all__ = ["check_png", "read_picture", "write_png"]

# Of the text in a PNG file that holds the record.
KEYWORD = "napari_dip"
ORIENTATION = 0x0112  # which Exif calls so


def check_png(shape: Sequence[int], dtype: np.dtype[Any], description: Description) -> None:
    """Refuse what a PNG file can't hold."""
    shape, description = _of_plane(shape, description)
    colours = description.colours(shape)
    axes = "YX" if colours is None else "YXS"
    if len(shape) != len(axes) or description.axes[:2] != "YX" or 0 in shape:
        raise ValueError(
            f"an image of axes {description.axes!r} and shape {tuple(shape)} can't be written to PNG, which "
            "has one plane, grey or in colours. Write an .ome.tif or .ome.zarr"
        )
    if dtype.name != "uint8" and (dtype.name, colours) != ("uint16", None):
        raise ValueError(
            f"pixels of type {dtype.name} can't be written to PNG, which has uint8, and uint16 without "
            "colours. Choose dtype='uint8', or write an .ome.tif or .ome.zarr"
        )


def write_png(path: Path, array: Any, description: Description) -> None:
    """Write a plane as PNG; of what is known of it, the record alone has a place there."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    check_png(array.shape, np.dtype(array.dtype), description)
    shape, _ = _of_plane(array.shape, description)
    text = PngInfo()
    if description.record is not None:
        text.add_itxt(KEYWORD, json.dumps(dict(description.record)))
    pixels = np.ascontiguousarray(array, np.dtype(array.dtype).newbyteorder("=")).reshape(shape)
    Image.fromarray(pixels).save(path, format="PNG", pnginfo=text)


def _of_plane(shape: Sequence[int], description: Description) -> tuple[Sequence[int], Description]:
    """Return the shape and the description of a stack's only plane, or what was given."""
    stack = description.axes.find("Y")
    if stack <= 0 or len(shape) != len(description.axes) or any(size != 1 for size in shape[:stack]):
        return shape, description
    return shape[stack:], description.turned(range(stack, len(shape)))


def read_picture(path: Path) -> tuple[dask.array.Array, Description]:
    """Read a PNG or JPEG file."""
    import dask.array as da

    try:
        picture, record = _decoded(path)
    except MemoryError:
        raise
    except NotImplementedError as error:
        raise OSError(f"the image {path} can't be read: it has {error}") from error
    except Exception as error:  # decoders raise whatever comes to their mind
        raise OSError(
            f"the image {path} can't be read: it is damaged or cut off ({describe_error(error)}). Copy the "
            "file again from where it came from"
        ) from error
    axes = "YXS"[: picture.ndim]
    array = da.from_array(picture, chunks=picture.shape)
    return array, replace(Description.plain(axes, path.stem), record=record)


def _decoded(path: Path) -> tuple[NDArray[Any], dict[str, Any] | None]:
    """Return a picture's pixels and its record, by no other decoders than those of PNG and JPEG."""
    from PIL import Image

    with open(path, "rb") as file:
        header = file.read(26)
    if header.startswith(b"\x89PNG") and header[24] == 16 and header[25] != 0:
        raise NotImplementedError("16 bits for each colour, of which half would be lost: convert it to TIFF")
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        try:
            record = json.loads(image.info.get(KEYWORD, ""))
        except (TypeError, ValueError, RecursionError):
            record = None
        # A palette's pixels are its colours; 16 bits are 32 for some versions of Pillow.
        mode = image.palette.mode if image.mode == "P" and image.palette else image.mode
        if image.mode == "P" and "transparency" in image.info:
            mode = "RGBA"
        mode = {"I": "I;16", "CMYK": "RGB", "LA": "L"}.get(mode, mode)
        left = "its opacity is left out" if image.mode == "LA" else ""
        turned = image.getexif().get(ORIENTATION, 1)
        if turned != 1:
            left = f"it is taken as it is stored, and not turned as it says (orientation {turned})"
        if left:
            warnings.warn(f"of {path} {left}", stacklevel=5)
        pixels = np.asarray(image if mode == image.mode else image.convert(mode))
    return pixels, record if isinstance(record, dict) else None
