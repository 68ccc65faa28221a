"""TIFF: OME-TIFF written; OME-TIFF, ImageJ's and plain TIFF read."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_dip.images.description import Description
from napari_dip.images.planes import describe_error, plane_indices, turned
from napari_dip.images.tiff_pages import check_names, check_whole, planes_of

if TYPE_CHECKING:
    import dask.array
    from numpy.typing import NDArray

__all__ = ["check_tiff", "read_tiff", "write_tiff"]

# Whose annotation it is that holds the record, and the axes in the order that they had.
NAMESPACE = "napari_dip"
STACKS = ("T", "Z", "C", "PQ", "S")
KNOWN = {"float32", "float64", "complex64", "complex128"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32)
}
# A file with more bytes of pixels than this is a BigTIFF; compression may make noise a little larger.
BIG = 2**32 - 2**28
# What OME calls units, and how large they are. Without one, lengths are in pixels or a frame of reference.
LENGTHS = {
    "kilometer": ("km", 1e3),
    "meter": ("m", 1.0),
    "centimeter": ("cm", 1e-2),
    "millimeter": ("mm", 1e-3),
    "micrometer": ("µm", 1e-6),
    "nanometer": ("nm", 1e-9),
    "angstrom": ("Å", 1e-10),
    "picometer": ("pm", 1e-12),
    "inch": ("in", 0.0254),
    "foot": ("ft", 0.3048),
    "": ("pixel", math.nan),
}
TIMES = {
    "day": ("d", 86400.0),
    "hour": ("h", 3600.0),
    "minute": ("min", 60.0),
    "second": ("s", 1.0),
    "millisecond": ("ms", 1e-3),
    "microsecond": ("µs", 1e-6),
    "nanosecond": ("ns", 1e-9),
}
UNITS = {"T": TIMES, "Z": LENGTHS, "Y": LENGTHS, "X": LENGTHS}
WORDS = {symbol: word for word, (symbol, _) in (LENGTHS | TIMES).items()} | {"reference frame": ""}
SIZES = {word: size for word, (_, size) in (LENGTHS | TIMES).items()}
# The attributes of OME's Pixels and Plane.
STEP = {"T": "TimeIncrement", "Z": "PhysicalSizeZ", "Y": "PhysicalSizeY", "X": "PhysicalSizeX"}
PLACE = {"T": "DeltaT", "Z": "PositionZ", "Y": "PositionY", "X": "PositionX"}
# What else a micrometer is called, by ImageJ among others.
SPELLINGS = ("micron", "microns", "um", "\\u00B5m", "\N{GREEK SMALL LETTER MU}m")
MICROMETER = dict.fromkeys(SPELLINGS, "micrometer")


def check_tiff(shape: Sequence[int], dtype: np.dtype[Any], description: Description) -> None:
    """Refuse what an OME-TIFF file can't hold."""
    description.check(shape, "OME-TIFF", STACKS, "write each part of the image to its own file")
    if dtype.name not in KNOWN:
        raise ValueError(
            f"pixels of type {dtype.name} can't be written to OME-TIFF, which has whole numbers of 8 to 32 "
            "bits and floats of 32 and 64. Convert them (dtype='float32', --dtype float32), or write an "
            ".ome.zarr"
        )


def write_tiff(path: Path, array: Any, description: Description) -> None:
    """Write an array as OME-TIFF, plane by plane."""
    from tifffile import TiffWriter

    dtype = np.dtype(array.dtype).newbyteorder("=")
    check_tiff(array.shape, dtype, description)
    colours = description.colours(array.shape)
    letters = description.axes
    if colours is not None:
        letters = letters[:colours] + "S" + letters[colours + 1 :]
    order = _order(letters)
    planes, placed = (
        turned(array, order),
        replace(description.turned(order), axes="".join(letters[a] for a in order)),
    )
    whole = [letter in "YXS" for letter in placed.axes]

    def each_plane() -> Iterator[NDArray[Any]]:
        for index in plane_indices(planes.shape, whole):
            yield np.ascontiguousarray(np.asarray(planes[index]), dtype)

    coloured = colours is not None and array.shape[colours] in (3, 4)
    with TiffWriter(path, ome=True, bigtiff=math.prod(array.shape) * dtype.itemsize > BIG) as file:
        file.write(
            each_plane(),
            shape=planes.shape,
            dtype=dtype,
            photometric="rgb" if coloured else "minisblack",
            planarconfig="contig" if colours is not None else None,
            extrasamples=("unassalpha",) if coloured and array.shape[colours] == 4 else None,
            compression="zlib",
            compressionargs={"level": 1},  # noise takes long to pack, and more effort saves little
            metadata=_metadata(placed, planes.shape, description.axes),
        )


def _order(letters: str) -> list[int]:
    """Return which axis of the image each axis of the file is; T, Z and C stay in their order."""
    stacks = [letter for letter in letters if letter in "TZC"]
    # What else there is makes the time or the depth longer for those who don't know of it.
    for other in (letter for letter in letters if letter in "PQ"):
        after = next((letter for letter in "TZ" if letter in stacks), None)
        stacks.insert(stacks.index(after) + 1 if after else 0, other)
    return [letters.index(letter) for letter in (*stacks, "Y", "X", *("S" if "S" in letters else ""))]


def _metadata(placed: Description, shape: Sequence[int], axes: str) -> dict[str, Any]:
    """Return what tifffile makes OME-XML of."""
    ours: dict[str, Any] = {"axes": axes, "record": placed.record, "places": {}}
    found: dict[str, Any] = {"axes": placed.axes.replace("P", "Q"), "Name": _printable(placed.name)}
    if placed.channels:
        found["Channel"] = {"Name": [_printable(channel) for channel in placed.channels]}
    unsaid: list[str] = []
    positions: dict[str, list[Any]] = {}
    stack = shape[: placed.axes.index("Y")]
    places = np.indices(stack).reshape(
        len(stack), math.prod(stack)
    )  # of the planes, along the axes of the stack
    for axis, letter in enumerate(placed.axes):
        scale, translate, unit = float(placed.scale[axis]), float(placed.translate[axis]), placed.units[axis]
        if (scale, translate, unit) == (1.0, 0.0, ""):
            continue
        symbol = UNITS.get(letter, {}).get(unit_called(unit), ("", 0.0))[0]
        if not symbol or not 0 < scale < math.inf or not math.isfinite(translate):
            if (scale, unit) == (1.0, "") and math.isfinite(translate):  # planes that are counted
                ours["places"][letter] = translate
            else:
                unsaid.append(f"{letter} (step {scale:g} {unit}, first at {translate:g})")
            continue
        found |= {STEP[letter]: scale, f"{STEP[letter]}Unit": symbol}
        if translate:
            steps = places[axis] if letter in "TZ" else np.zeros(math.prod(stack))
            positions[PLACE[letter]] = (translate + scale * steps).tolist()
            positions[f"{PLACE[letter]}Unit"] = [symbol] * len(steps)
    found["CommentAnnotation"] = {"Namespace": NAMESPACE, "Value": json.dumps(ours)}
    if positions:
        found["Plane"] = positions
    if unsaid:
        warnings.warn(
            f"an OME-TIFF can't say where the pixels lie along {' and '.join(unsaid)}, and won't. Name the "
            "axes T, Z, Y or X and their units as OME does, micrometer or second, or write an .ome.zarr",
            stacklevel=4,
        )
    return found


def _printable(text: str) -> str:
    """Return a name without the characters that XML can't hold."""
    return "".join(letter for letter in text if letter.isprintable())


# ---------------------------------------------------------------------------------------------------- reading


def read_tiff(path: Path) -> tuple[dask.array.Array, Description]:
    """Read the first image of a TIFF file."""
    from tifffile import TiffFile

    try:
        with TiffFile(path) as file:
            check_names(file)
            check_whole(file)
            series, count = file.series[0], len(file.series)
            letters = "".join(letter if letter in "TCZYXS" else "Q" for letter in series.axes)
            if (letters.count("Y"), letters.count("X")) != (1, 1):
                raise ValueError(f"its axes are {series.axes}")
            array = planes_of(series, letters, path)
            if file.is_ome:
                array, description = _ome(array, letters, str(file.ome_metadata))
            else:
                description = _imagej(file, Description.plain(letters, path.stem))
    except MemoryError:
        raise
    except Exception as error:  # a damaged file ends in any
        raise OSError(
            f"the TIFF file {path} can't be read: it is damaged, cut off, or of a kind that is not known "
            f"here ({describe_error(error)}). Copy the file again from where it came from, or convert it to "
            "OME-TIFF"
        ) from error
    if count > 1:
        warnings.warn(
            f"{path} holds {count} images; the first is read. Save the others to files of their own "
            "to read them",
            stacklevel=4,
        )
    if "S" in description.axes[:-1]:
        order = sorted(range(array.ndim), key=lambda axis: description.axes[axis] == "S")
        array, description = array.transpose(order), description.turned(order)
    return array, description


def _ome(array: dask.array.Array, letters: str, xml: str) -> tuple[dask.array.Array, Description]:
    """Return what OME-XML says of its first image, and the image with the axes that it had."""
    root = ElementTree.fromstring(xml)
    ours = _annotation(root)
    axes = known = str(ours.get("axes", ""))
    if "S" in letters and axes.endswith("C"):
        known = axes[:-1] + "S"
    known = known.replace("P", "Q")
    if not set(letters) <= set(known):
        axes = known = letters  # somebody else's file, or changed by somebody
    else:
        # The file says nothing of axes that have one entry.
        missing = [letter for letter in known if letter not in letters]
        there = [*missing, *letters]
        array = array[(np.newaxis,) * len(missing)].transpose([there.index(letter) for letter in known])
    image = root.find("{*}Image")
    pixels = root.find("{*}Image/{*}Pixels")
    if image is None or pixels is None:
        return array, Description.plain(axes)
    plane = pixels.find("{*}Plane")
    placed = [_place(letter, pixels.attrib, {} if plane is None else plane.attrib) for letter in known]
    counted = ours.get("places")
    for axis, letter in enumerate(axes):
        at = _number(counted.get(letter)) if isinstance(counted, dict) else math.nan
        if placed[axis] == (1.0, 0.0, "") and math.isfinite(at):
            placed[axis] = (1.0, at, "")
    channels = tuple(channel.get("Name", "") for channel in pixels.findall("{*}Channel"))
    return array, Description(
        axes,
        tuple(scale for scale, _, _ in placed),
        tuple(translate for _, translate, _ in placed),
        tuple(unit for _, _, unit in placed),
        channels if "C" in known and any(channels) else (),
        image.get("Name", ""),
        ours["record"] if isinstance(ours.get("record"), dict) else None,
    )


def _annotation(root: ElementTree.Element) -> dict[str, Any]:
    """Return what we wrote into a file, or nothing."""
    where = f"{{*}}StructuredAnnotations/{{*}}CommentAnnotation[@Namespace='{NAMESPACE}']/{{*}}Value"
    try:
        ours = json.loads(root.findtext(where, "{}"))
    except (ValueError, RecursionError):
        return {}
    return ours if isinstance(ours, dict) else {}


def _place(letter: str, pixels: dict[str, str], plane: dict[str, str]) -> tuple[float, float, str]:
    """Return the step, the first place and the unit along an axis."""
    if letter not in STEP or STEP[letter] not in pixels:
        return 1.0, 0.0, ""
    unit, other = (
        unit_called(symbol)
        for symbol in (
            pixels.get(f"{STEP[letter]}Unit", "s" if letter == "T" else "µm"),
            plane.get(f"{PLACE[letter]}Unit", "s" if letter == "T" else "reference frame"),
        )
    )
    scale = _number(pixels[STEP[letter]])
    if not scale or not math.isfinite(scale):
        return 1.0, 0.0, ""
    ratio = 1.0 if other == unit else SIZES.get(other, math.nan) / SIZES.get(unit, math.nan)
    translate = _number(plane.get(PLACE[letter], 0)) * ratio
    return scale, translate if math.isfinite(translate) else 0.0, unit


def unit_called(name: str) -> str:
    """Return the word for a unit, whatever symbol or spelling it is called by."""
    name = name.strip()
    return (WORDS | MICROMETER).get(name, name)


def _number(text: Any) -> float:
    """Return the number that a file says, or NaN where it is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _imagej(file: Any, plain: Description) -> Description:
    """Add what ImageJ says of an image."""
    stated = file.imagej_metadata
    if not stated:
        return plain
    word = unit_called(str(stated.get("unit", "")))
    unit = word if word in LENGTHS else ""
    steps = {"T": _number(stated.get("finterval") or 0), "Z": _number(stated.get("spacing") or 0)}
    for letter, name in (("Y", "YResolution"), ("X", "XResolution")):
        per_unit, of = file.pages[0].tags[name].value if name in file.pages[0].tags else (0, 1)
        steps[letter] = of / per_unit if per_unit else 0.0
    units = {"T": "second" if steps["T"] else "", "Z": unit, "Y": unit, "X": unit}
    return replace(
        plain,
        scale=tuple(
            step if step and math.isfinite(step) else 1.0
            for step in (steps.get(letter, 0.0) for letter in plain.axes)
        ),
        units=tuple(units.get(letter, "") for letter in plain.axes),
    )
