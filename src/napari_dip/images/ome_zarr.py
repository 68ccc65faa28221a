"""OME-Zarr: 0.5 written, 0.4 and 0.5 read; arrays in plain Zarr folders read too."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from napari_dip.images.axes import Axes
from napari_dip.images.description import Description
from napari_dip.images.planes import appearing, describe_error, lazy, plane_indices, turned

if TYPE_CHECKING:
    import dask.array

__all__ = ["ZarrFile", "check_zarr", "read_zarr", "write_zarr"]

# The attributes of ours: how napari-dip made the image, and in which order it has the axes.
RECORD, AXES = "napari_dip", "napari_dip_axes"
# OME-Zarr 0.5 wants time, then one of channels and what else there is, then space.
STACKS = ("T", "CSPQ", "Z")
ORDER = "".join(STACKS) + "YX"
TYPES = {"T": "time", "C": "channel", "S": "channel", "Z": "space", "Y": "space", "X": "space"}
LETTERS = {"time": "T", "channel": "C"}
KNOWN = {"bool", "float16", "float32", "float64", "complex64", "complex128"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
# Larger planes are divided into chunks of this many pixels a side: what a viewer looks at or a tile writes
# shouldn't cost the whole plane.
LARGEST_CHUNK = 1024
COLOURS = {"red": "FF0000", "green": "00FF00", "blue": "0000FF", "opacity": "FFFFFF"}
STAINS = ("00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")


@dataclass(frozen=True)
class ZarrFile:
    """An OME-Zarr 0.5 image on disk that is being written, in the order in which its planes come.

    Attributes
    ----------
    path : Path
        Its folder.
    array : zarr.Array or a view of one
        Takes and gives parts of the image by index, in the order of the description's axes. A chunk is a
        plane, or 1024 x 1024 pixels of one, and what was not written is 0. Parts that share no chunk may be
        written at the same time.
    description : Description
        What was said of the image when it was made.
    """

    path: Path
    array: Any
    description: Description

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        shape: Sequence[int],
        dtype: DTypeLike,
        description: Description,
    ) -> ZarrFile:
        """Make a file that is valid OME-Zarr from its first moment, and all 0.

        Raises
        ------
        FileExistsError
            If something of that name is there.
        ValueError
            If OME-Zarr has no place for the axes, or no such numbers.
        """
        with appearing(path) as temporary:
            _make(temporary, tuple(shape), np.dtype(dtype), description)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> ZarrFile:
        """Open an OME-Zarr image of this computer to go on writing.

        Raises
        ------
        OSError, ValueError
            If it isn't there, or is none.
        """
        return cls(Path(path), *_open(Path(path), "r+"))

    def describe(self, description: Description) -> None:
        """Say of the image what is known of it now; its axes stay."""
        if description.axes != self.description.axes:
            raise ValueError(
                f"{self.path} has the axes {self.description.axes!r}, and not {description.axes!r}: choose "
                "another name, or move it away."
            )
        self._say("ome", _stated(self.array.shape, self.array.dtype, description))

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write down how the image was made."""
        self._say(RECORD, dict(record))

    def _say(self, what: str, value: dict[str, Any]) -> None:
        import zarr
        from zarr.storage import LocalStore

        zarr.open_group(LocalStore(self.path), mode="r+").attrs[what] = value


def check_zarr(shape: Sequence[int], dtype: np.dtype[Any], description: Description) -> None:
    """Refuse what an OME-Zarr image can't hold."""
    description.check(shape, "OME-Zarr", STACKS, "write each part of the image to its own file")
    if dtype.name not in KNOWN:
        raise ValueError(
            f"pixels of type {dtype.name} can't be written to OME-Zarr, which has bool, whole numbers of 8 "
            "to 64 bits and floats of 16 to 64. Convert them, as in array.astype('float32')"
        )


def write_zarr(path: Path, array: Any, description: Description) -> None:
    """Write an array as OME-Zarr, plane by plane."""
    file = _make(path, array.shape, array.dtype, description)
    order = _order(description.axes)
    planes, colours = turned(array, order), description.colours(array.shape)
    whole = [axis == colours or description.axes[axis] in "YX" for axis in order]
    for index in plane_indices(planes.shape, whole):
        file[index] = np.asarray(planes[index])


def read_zarr(path: Path) -> tuple[dask.array.Array, Description]:
    """Read an OME-Zarr image, or the array in a plain Zarr folder."""
    array, description = _open(path, "r")
    colours = description.colours(array.shape)
    whole = [letter in "YX" or axis == colours for axis, letter in enumerate(description.axes)]
    dtype = array.dtype.newbyteorder("=")
    return lazy(array.__getitem__, array.shape, dtype, description.axes, whole, path), description


# ---------------------------------------------------------------------------------------------------- writing


def _order(axes: str) -> list[int]:
    """Return which axis of the image each axis of the file is."""
    return sorted(range(len(axes)), key=lambda axis: ORDER.index(axes[axis]))


def _make(path: Path, shape: Sequence[int], dtype: np.dtype[Any], description: Description) -> Any:
    """Make the group and the array, and return the array."""
    import zarr
    from ome_zarr_models.v05.image import Image
    from zarr.codecs import ZstdCodec
    from zarr.storage import LocalStore

    check_zarr(shape, dtype, description)
    order = _order(description.axes)
    colours = description.colours(shape)
    placed = description.turned(order)
    size = [int(shape[axis]) for axis in order]
    group = zarr.create_group(
        LocalStore(path),
        zarr_format=3,
        attributes={
            "ome": _stated(shape, dtype, description),
            AXES: description.axes,
            **({} if description.record is None else {RECORD: dict(description.record)}),
        },
    )
    array = group.create_array(
        "0",
        shape=size,
        dtype=dtype.newbyteorder("="),
        chunks=tuple(
            min(n, LARGEST_CHUNK) if letter in "YX" else n if axis == colours else 1
            for axis, n, letter in zip(order, size, placed.axes, strict=True)
        ),
        compressors=ZstdCodec(level=3, checksum=True),  # so that damage is noticed
        fill_value=0,
        dimension_names=[_name(letter) for letter in placed.axes],
    )
    Image.from_zarr(group)
    return array


def _name(letter: str) -> str:
    return "c" if letter == "S" else letter.lower()


def _stated(shape: Sequence[int], dtype: np.dtype[Any], description: Description) -> dict[str, Any]:
    """Return the OME-Zarr 0.5 metadata of an image, checked by its model."""
    from ome_zarr_models.common.omero import Omero
    from ome_zarr_models.v05.axes import Axis
    from ome_zarr_models.v05.image import ImageAttrs
    from ome_zarr_models.v05.multiscales import Dataset, Multiscale

    placed, colours = description.turned(_order(description.axes)), description.colours(shape)
    if colours is not None:
        labels = list(zip(COLOURS, COLOURS.values(), strict=True))[: shape[colours]]
    else:
        labels = list(zip(description.channels, itertools.cycle(STAINS), strict=False))
    axes = [
        Axis(name=_name(letter), type=TYPES.get(letter), unit=unit or None)
        for letter, unit in zip(placed.axes, placed.units, strict=True)
    ]
    scale, translation = [float(s) for s in placed.scale], [float(t) for t in placed.translate]
    level = Dataset.build(path="0", scale=scale, translation=translation)
    multiscale = Multiscale(axes=axes, datasets=(level,), name=placed.name)
    attributes: dict[str, Any] = ImageAttrs(multiscales=[multiscale], version="0.5").model_dump(
        exclude_none=True
    )
    if labels:
        low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (0, 1)
        window = {"min": low, "max": high, "start": low, "end": high}
        channels = [
            {"label": label, "color": colour, "active": True, "window": window} for label, colour in labels
        ]
        attributes["omero"] = Omero.model_validate({"channels": channels}).model_dump()
    return attributes


# ---------------------------------------------------------------------------------------------------- reading


def _open(path: Path, mode: Literal["r", "r+"]) -> tuple[Any, Description]:
    """Return an image's array, with the axes in the order that they were written in, and what it is."""
    import zarr
    from zarr.storage import LocalStore

    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}. Check the name")
    try:
        node = zarr.open(LocalStore(path, read_only=mode == "r"), mode=mode)
    except Exception as error:  # damaged metadata end in any
        raise ValueError(
            f"{path} is no Zarr folder ({describe_error(error)}). Choose the folder of an OME-Zarr image, "
            "which has a file zarr.json or .zattrs"
        ) from error
    if isinstance(node, zarr.Array):
        _refuse_objects(node, path)
        return node, _plain(node, path)
    attributes: dict[str, Any] = node.attrs.asdict()
    stated = attributes.get("ome", attributes)
    if not (isinstance(stated, dict) and stated.get("multiscales")):
        inside = ", ".join(sorted(name for name, _ in node.groups())[:10]) or "none"
        raise ValueError(
            f"{path} is a Zarr folder but not an OME-Zarr image. Choose the folder of one image; the folders "
            f"in it: {inside}"
        )
    try:
        array, description = _image(node, stated, "ome" in attributes)
    except Exception as error:
        raise ValueError(
            f"the OME-Zarr metadata of {path} can't be read ({describe_error(error)}). OME-Zarr 0.4 and 0.5 "
            "can be: convert the file, or write it anew"
        ) from error
    _refuse_objects(array, path)
    axes = str(attributes.get(AXES, description.axes))
    if sorted(axes.replace("S", "C")) != sorted(description.axes):
        axes = description.axes  # somebody else changed the file
    order = [description.axes.index(letter) for letter in axes.replace("S", "C")]
    channels, record = description.channels, attributes.get(RECORD)
    if "S" in axes or (axes.endswith("C") and channels == tuple(COLOURS)[: len(channels)]):
        channels = ()  # they are the colours'
    description = replace(
        description.turned(order),
        axes=axes,
        channels=channels,
        record=record if isinstance(record, dict) else None,
    )
    return turned(array, order), description


def _refuse_objects(array: Any, path: Path) -> None:
    """Refuse an array that is not of numbers: objects are unpacked by code that a file may bring with it."""
    packing = (getattr(array.metadata, "compressor", None), *(getattr(array.metadata, "filters", None) or ()))
    pickled = any(getattr(codec, "codec_id", "") == "pickle" for codec in packing)
    if pickled or getattr(array.dtype, "kind", "O") not in "biufc":
        raise ValueError(
            f"the array in {path} is of {'pickled objects' if pickled else array.dtype}, and images are of "
            "numbers. Choose the folder of an image"
        )


def _plain(array: Any, path: Path) -> Description:
    """Describe an array that is no part of an OME-Zarr image."""
    names = [str(name).upper() for name in getattr(array.metadata, "dimension_names", None) or ()]
    try:
        return Description.plain(Axes.of(array.shape, "".join(names)).names, path.stem)
    except ValueError:
        pass  # the names aren't the usual letters
    try:
        return Description.plain(Axes.of(array.shape).names, path.stem)
    except ValueError as error:
        raise ValueError(f"the array in {path} is no image: {error}") from error


def _image(group: Any, stated: dict[str, Any], newer: bool) -> tuple[Any, Description]:
    """Return the finest array of an OME-Zarr image, and what its metadata say of it."""
    from ome_zarr_models.v04.multiscales import Multiscale as Older
    from ome_zarr_models.v05.multiscales import Multiscale

    model = Multiscale if newer else Older
    multiscale: Any = model.model_validate(stated["multiscales"][0])
    level = multiscale.datasets[0]
    array = group[level.path]
    axes = _letters(multiscale.axes)
    if len(axes) != array.ndim:
        raise ValueError(f"{len(axes)} axes for an array of {array.ndim}")
    scale, translate = np.ones(array.ndim), np.zeros(array.ndim)
    for step in (*level.coordinateTransformations, *(multiscale.coordinateTransformations or ())):
        if step.type == "scale":
            with np.errstate(invalid="ignore"):  # a file may say that a pixel is infinite
                scale, translate = scale * step.scale, translate * step.scale
        elif step.type == "translation":
            translate = translate + step.translation
    unknown = ~np.isfinite(scale) | (scale == 0) | ~np.isfinite(translate)
    scale[unknown], translate[unknown] = 1, 0
    channels = (stated.get("omero") or {}).get("channels") or ()
    return array, Description(
        axes,
        tuple(scale.tolist()),
        tuple(translate.tolist()),
        tuple(str(axis.unit or "") for axis in multiscale.axes),
        tuple(str(channel.get("label", "")) for channel in channels) if "C" in axes else (),
        str(multiscale.name or ""),
    )


def _letters(axes: Sequence[Any]) -> str:
    """Return a letter for each of a file's axes."""
    space = [str(axis.name).upper() for axis in axes if axis.type == "space"]
    usual = set(space) <= set("ZYX") and len(set(space)) == len(space)
    spatial = iter(space if usual else "ZYX"[-len(space) :])
    return "".join(
        next(spatial)
        if axis.type == "space"
        else LETTERS.get(str(axis.type), "P" if str(axis.name).upper() == "P" else "Q")
        for axis in axes
    )
