"""Unsaved results: a copy of each outlives a crash of napari, and is offered at the next start."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
from napari.layers import Image
from psygnal import Signal

from napari_dip.given import KEY, description_of, pixels_of
from napari_dip.images.description import Description
from napari_dip.images.files import read, write

__all__ = ["EVERY", "OFFERS", "discard", "keep", "left_behind", "name_of", "reopen"]

# Seconds from one copy of what a long run has so far to the next.
EVERY = 300.0
# A larger result is not copied, nor one that would take more than this part of what is free on the disk.
LARGEST, PART = 2**30, 0.25
ENDING = ".ome.tif"
# Where a copy's record says how the layer lay.
PLACE = "layer"


class Offers:
    """What is told of results that were left behind.

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted when some were opened or discarded.
    """

    changed: ClassVar[Signal] = Signal()


OFFERS = Offers()
_writing = threading.Lock()  # one copy at a time
_removed_at_exit: set[Path] = set()


def keep(layer: Image) -> threading.Thread | None:
    """Copy a result to the folder of this program's state, in the background, in place of an older copy.

    The copy is removed when the program ends in order. What is in a file already, is very large, or can't be
    written is not copied.

    Returns
    -------
    threading.Thread
        What writes; None where there is nothing to be written.
    """
    pixels = pixels_of(layer)
    if not isinstance(pixels, np.ndarray) or pixels.nbytes > LARGEST:
        return None
    try:
        description = _described(layer)
    except ValueError:  # turned by the user: no file could say so
        return None
    name = re.sub(r"[^\w()\[\] -]", "_", layer.name)[:80]
    path = _own() / f"{name} {id(layer):x}{ENDING}"
    thread = threading.Thread(target=_copy, args=(path, pixels, description), daemon=True)
    thread.start()
    return thread


def left_behind() -> list[Path]:
    """Return the copies of results whose program has ended otherwise than in order, the oldest first."""
    copies = [
        copy
        for folder in _all().glob("*")
        if folder != _own() and not _is_running(folder.name)
        for copy in folder.glob(f"[!.]*{ENDING}")
    ]
    made = {copy: _when_made(copy) for copy in copies}
    return sorted((copy for copy in copies if made[copy]), key=made.__getitem__)


def name_of(copy: Path) -> str:
    """Return what a result was called whose copy this is, and when the copy was made."""
    return f"{_called(copy)}, {time.strftime('%d %b %H:%M', time.localtime(_when_made(copy)))}"


def reopen(copies: list[Path], viewer: Any) -> None:
    """Show copies as layers; they are then as unsaved as any result of this program.

    Raises
    ------
    OSError, ValueError
        If one can't be read; it stays where it is.
    """
    try:
        for copy in copies:
            array, said = read(copy)
            record = dict(said.record or {})
            place = record.pop(PLACE, {})
            keep(
                viewer.add_image(
                    np.asarray(array),
                    name=_called(copy),
                    rgb="S" in said.axes,
                    metadata={KEY: record} if record else {},
                    **place,
                )
            )
            _remove(copy)
    finally:
        OFFERS.changed.emit()


def discard(copies: list[Path]) -> None:
    """Remove copies for good.

    Raises
    ------
    OSError
        If one can't be removed.
    """
    try:
        for copy in copies:
            _remove(copy)
    finally:
        OFFERS.changed.emit()


def _described(layer: Image) -> Description:
    """Return what the copy says of a layer: where it lies in its record, because OME has no words for all."""
    said = description_of(layer)
    place = {
        "scale": list(said.scale[: layer.ndim]),
        "translate": list(said.translate[: layer.ndim]),
        "units": [str(unit) for unit in layer.units],
        "axis_labels": list(layer.axis_labels),
    }
    plain = Description.plain(said.axes)
    return replace(plain, name=said.name, record=dict(said.record or {}) | {PLACE: place})


def _called(copy: Path) -> str:
    return copy.name.removesuffix(ENDING).rpartition(" ")[0]


def _when_made(copy: Path) -> float:
    """Return when a copy was made, 0 if another program has opened or discarded it meanwhile."""
    try:
        return copy.stat().st_mtime
    except OSError:
        return 0.0


def _copy(path: Path, pixels: np.ndarray, description: Any) -> None:
    with _writing, suppress(OSError, ValueError):  # a copy is a courtesy: without it there is just none
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent not in _removed_at_exit:
            _removed_at_exit.add(path.parent)
            atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
        if pixels.nbytes > PART * shutil.disk_usage(path.parent).free:
            return
        newest = path.with_name(f".{path.name}")
        newest.unlink(missing_ok=True)
        write(newest, pixels, description)
        os.replace(newest, path)
        for older in path.parent.glob(f"[!.]*{ENDING}"):  # under a name that the layer had before
            if older != path and older.name.rpartition(" ")[2] == path.name.rpartition(" ")[2]:
                older.unlink(missing_ok=True)


def _remove(copy: Path) -> None:
    copy.unlink(missing_ok=True)
    with suppress(OSError):  # others are left in it
        copy.parent.rmdir()


def _all() -> Path:
    from platformdirs import user_state_path

    return user_state_path("napari-dip", appauthor=False) / "unsaved"


def _own() -> Path:
    """Return the folder of this process, which a later one of the same number can't be taken for."""
    return _all() / f"{os.getpid()}-{psutil.Process().create_time():.0f}"


def _is_running(name: str) -> bool:
    number, _, begun = name.partition("-")
    try:
        return f"{psutil.Process(int(number)).create_time():.0f}" == begun
    except (ValueError, psutil.Error):
        return False
