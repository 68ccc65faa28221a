"""Which images are meant, and which mask and which result belongs to each."""

from __future__ import annotations

import glob
import math
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_dip.cli.told import UsageError, sentence_of
from napari_dip.images.files import (
    Description,
    beside,
    ending_for,
    in_full,
    kind_of,
    read,
    readable,
    stem_of,
)
from napari_dip.restoration import PAST

__all__ = ["Failure", "Work", "assign", "find", "opened", "partners", "split"]

# What stands for the name of the image, without its ending, in the name of a mask or a result.
STEM = "{stem}"
PATTERN = "*?["
# A result with more bytes than this becomes an OME-Zarr, which needs no program that knows large TIFF files.
LARGE = 4 * 2**30


@dataclass(frozen=True)
class Failure:
    """What is wrong with an image before it is opened, in a sentence."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Work:
    """An image, its mask if it has one, and where its result goes."""

    image: Path
    out: Path
    mask: Path | None = None


@dataclass
class Found:
    """The images that are meant; what was meant and isn't there; and what was not meant after all."""

    images: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)


def opened(image: Path) -> tuple[Any, Description]:
    """Return an image, to be looked at before it is restored: what it gives notice of is said then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(image)


def find(names: Sequence[str]) -> Found:
    """Return the images that are meant by paths of files, of folders and patterns, each once, in their order.

    A folder stands for the images in it, and not for those in folders in it; ``**`` in a pattern does.
    """
    found = Found()
    for name in names:
        path = in_full(name)
        if not name:
            images, missing = [], "a name is empty. Give the name of a file or folder"
        elif _is_folder(path):
            images, missing = _within(path), "there is no image in this folder"
        elif path.exists():
            images, missing = [path], ""
        elif any(letter in name for letter in PATTERN):
            matches = sorted(glob.glob(str(path), recursive=True))
            images = [match for match in map(Path, matches) if readable(match)]
            missing = "no image has a name like this"
        else:
            images = []
            missing = "there is no such file or folder. Check the name"
        found.images += images
        if not images:
            found.failures.append(Failure(name, missing))
    found.images = list({image.resolve(): image for image in reversed(found.images)}.values())[::-1]
    return found


def split(names: Sequence[str], command: str) -> tuple[Sequence[str], str | None]:
    """Return what was given as images, and where the result is to go if the second of two names says so.

    It does if it is no image yet, or what the same command made before: that does the same once more.

    Raises
    ------
    UsageError
        If the last of several names can only have been meant for a place.
    """
    last = in_full(names[-1])
    if len(names) < 2 or any(letter in names[-1] for letter in PATTERN):
        return names, None
    if not last.exists() and not last.suffix:
        raise UsageError(f"{last} is not there. If results are to go to it, say so with -o {names[-1]}")
    image = in_full(names[0])
    if len(names) == 2 and image.exists() and readable(image) and _is_place(last, command):
        return names[:1], names[1]
    return names, None


def _is_place(path: Path, command: str) -> bool:
    try:
        kind_of(path)
        return not path.exists() or (opened(path)[1].record or {}).get("task") == command
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    """Whether this is a folder of images, and not an image that is one."""
    return path.is_dir() and not readable(path)


def _within(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if readable(path) and not path.name.startswith("."))


def assign(
    found: Found,
    command: str,
    *,
    out: str | None = None,
    mask: str | None = None,
    factor: object = 1,
    dtype: object = None,
) -> list[Work]:
    """Return what is to be done with each image that was found; what can't be done joins the failures.

    Images that are the result or the mask of another one are left out: the same command twice does the same.

    Parameters
    ----------
    found
        The images.
    command
        What is to be done with them.
    out
        A file, a folder, or a name with ``{stem}`` in it; None for a file beside each image.
    mask
        A file for all, a folder of files of the same names, a name with ``{stem}`` or ``*`` in it; or None.
    factor, dtype
        How much finer the results are, and of what type; None for the images'.

    Raises
    ------
    UsageError
        If `out` can't be the name of the results.
    """
    place = _place_of(out, len(found.images) + len(found.failures) > 1)
    works: list[Work] = []
    wrong: dict[Path, str] = {}
    for image in found.images:
        try:
            result = place(image, lambda: _default_name(image, command, factor, dtype))  # noqa: B023
            works.append(Work(image, result, _mask_of(image, mask)))
        except (OSError, ValueError) as error:
            wrong[image] = sentence_of(error)
    originals = {work.mask.resolve() for work in works if work.mask is not None}
    named = {path.resolve() for work in works for path in (work.out, beside(work.out, "uncertainty"))}
    places = {image.resolve() for image in found.images}
    originals |= {place for place in places if place not in named or not _is_made(place)}
    found.left_out = _made_of_others(found.images, works, originals)
    left_out = set(found.left_out)
    sound: dict[Path, Work] = {}  # by the result
    for work in works:
        image, result = work.image, work.out.resolve()
        if image in left_out:
            continue
        if work.mask is not None and work.mask.resolve() == image.resolve():
            wrong[image] = "the mask is the image itself. Choose the mask's file with --mask"
        elif result in (image.resolve(), work.mask and work.mask.resolve()):
            wrong[image] = (
                f"the result can't be {work.out}, which it is made from. Choose another name with -o"
            )
        elif beside(result, "uncertainty") in (image.resolve(), work.mask and work.mask.resolve()):
            wrong[image] = (
                f"{beside(work.out, 'uncertainty').name}, which it is made from, is the name of the "
                f"uncertainty of {work.out.name}. Choose another name with -o"
            )
        elif taken := [one for one in (result, beside(result, "uncertainty")) if one in originals]:
            wrong[image] = (
                f"its result, or how sure that is, would go to {taken[0]}, which is an image or a mask that "
                "was given. Choose another name with -o"
            )
        elif result in sound:
            wrong[image] = (
                f"its result would be {work.out}, and so would that of {sound[result].image}. Restore one of "
                "them by itself, with another name after -o"
            )
        else:
            sound[result] = work
    found.failures += [Failure(str(i), text) for i, text in wrong.items() if i not in left_out]
    return list(sound.values())


def _is_made(image: Path) -> bool:
    """Whether an image says that this program made it."""
    try:
        return opened(image)[1].record is not None
    except (OSError, ValueError):
        return False


def _made_of_others(images: Sequence[Path], works: Sequence[Work], originals: set[Path]) -> list[Path]:
    """Return the images that are the result or the mask of another one, now or by an earlier run."""
    belongs: dict[Path, set[Path]] = {}
    for work in works:
        for path in {work.out.resolve(), beside(work.out, "uncertainty").resolve()} - originals:
            belongs.setdefault(path, set()).add(work.image)
        if work.mask is not None:
            belongs.setdefault(work.mask.resolve(), set()).add(work.image)
    results = [_stem(image) + f".{past}" for image in images for past in PAST.values()]
    named = {*results, *(f"{result}-uncertainty" for result in results)}
    return [
        image for image in images if _stem(image) in named or belongs.get(image.resolve(), set()) - {image}
    ]


def _stem(image: Path) -> str:
    return str(image.resolve().parent / stem_of(image))


def _place_of(out: str | None, several: bool) -> Callable[[Path, Callable[[], str]], Path]:
    """Return what says, of an image and what gives the default name of its result, where that goes."""
    if out is None:
        return lambda image, name: image.parent / name()
    if not out:
        raise UsageError("-o: the name is empty. Give that of a file or folder")
    path = in_full(out)
    folder = _is_folder(path)
    if not folder and STEM not in out and (out.endswith(("/", os.sep)) or not path.suffix):
        _make_folder(path)
        folder = True
    if folder:
        return lambda image, name: path / name()
    try:
        kind_of(path)
    except ValueError as error:
        raise UsageError(f"-o: {error}, or the name of a folder that is there") from None
    if STEM not in out and several:
        raise UsageError(
            f"-o: the results of several images can't all be {out}. Give a folder, or a name with {STEM} in "
            f"it, as in -o '{STEM}-restored.ome.tif'"
        )

    def named(image: Path, name: Callable[[], str]) -> Path:
        result = Path(str(path).replace(STEM, stem_of(image)))
        if STEM in out:
            _make_folder(result.parent)
        return result

    return named


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o: the folder {path} can't be made: {error.strerror}") from None


def _default_name(image: Path, command: str, factor: object, dtype: object) -> str:
    """Return what a result is called: safe in a shell, and of a kind that says how it was made."""
    ending = ".ome.zarr"
    if not image.is_dir():
        array, said = opened(image)
        try:
            kind = array.dtype if dtype is None else np.dtype(dtype)  # type: ignore[call-overload]
        except TypeError:  # as is said when it is looked at
            kind = array.dtype
        finer = [one for one in np.ravel(np.asarray(factor, object)) if isinstance(one, int)]
        times = math.prod(finer) if len(finer) > 1 else math.prod(finer) ** (3 if "Z" in said.axes else 2)
        if array.size * kind.itemsize * times <= LARGE:
            ending = ending_for((1, 1), kind, "YX")
    return f"{stem_of(image)}.{PAST[command]}{ending}"


def _mask_of(image: Path, mask: str | None) -> Path | None:
    if mask == "":
        raise UsageError("--mask: the name is empty. Give that of a file or folder")
    return None if mask is None else _partner(image, mask.replace("*", STEM), "mask", "--mask")


def partners(images: Sequence[Path], names: Sequence[str], what: str) -> tuple[list[Path], list[Path]]:
    """Return images, and of each the other one that belongs to it.

    Parameters
    ----------
    images
        The images; those that are others are left out.
    names
        A folder of files of the same names, or a name with ``{stem}`` in it; else files and patterns, in the
        images' order.
    what
        What the others are, and the option that says them, ``"repeats"``.

    Raises
    ------
    UsageError
        If there isn't one for each.
    """
    option, one = f"--{what}", in_full(names[0])
    try:
        if len(names) == 1 and (STEM in names[0] or _is_folder(one)):
            found = {image: _partner(image, names[0], what.removesuffix("s"), option) for image in images}
            others = {path.resolve() for image, path in found.items() if path.resolve() != image.resolve()}
            kept = [image for image in images if image.resolve() not in others]
            return kept, [found[image] for image in kept]
    except OSError as error:
        raise UsageError(f"{option}: {error}") from None
    there = find(names)
    if there.failures:
        raise UsageError(f"{option}: {there.failures[0].name}: {there.failures[0].sentence}")
    known = {path.resolve() for path in there.images}
    kept = [image for image in images if image.resolve() not in known]
    if len(kept) != len(there.images):
        raise UsageError(
            f"{option}: there are {len(kept)} images and {len(there.images)} {what}. Give one for each, in "
            "the same order"
        )
    return kept, there.images


def _partner(image: Path, named: str, what: str, option: str) -> Path:
    """Return the one that belongs to an image: of its name in a folder, or with ``{stem}`` in the name."""
    path = in_full(named.replace(STEM, stem_of(image)))
    if _is_folder(path):
        there = [one for one in _within(path) if stem_of(one) == stem_of(image)]
        there = [one for one in there if one.name == image.name] or there
        if len(there) != 1:
            names = f"several, {', '.join(one.name for one in there)}" if there else "none"
            raise FileNotFoundError(f"of {what}s of its name there is {names} in {path}: one is needed")
        return there[0]
    if not path.exists():
        raise FileNotFoundError(f"there is no {what} {path}. Check {option}")
    return path
