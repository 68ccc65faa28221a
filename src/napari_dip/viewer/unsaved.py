"""Unsaved results: a copy of each outlives a crash of napari, and is offered at the next start."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
from napari.layers import Image
from psygnal import Signal

from napari_dip.given import KEY, pixels_of
from napari_dip.viewer.layers import same_place

__all__ = ["EVERY", "OFFERS", "discard", "keep", "left_behind", "name_of", "reopen"]

# Seconds from one copy of what a long run has so far to the next.
EVERY = 300.0
# A larger result is not copied, nor one that would take more than this part of what is free on the disk.
LARGEST, PART = 2**30, 0.25
ENDING = ".npz"  # which holds any shape and dtype


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

    The copy is removed when the program ends in order. What is in a file already, or is very large, is not
    copied.

    Returns
    -------
    threading.Thread
        What writes; None where there is nothing to be written.
    """
    pixels = pixels_of(layer)
    if not isinstance(pixels, np.ndarray) or pixels.nbytes > LARGEST:
        return None
    said = _said(layer)
    name = re.sub(r"[^\w()\[\] -]", "_", layer.name)[:80]
    path = _own() / f"{name} {id(layer):x}{ENDING}"
    thread = threading.Thread(target=_copy, args=(path, pixels, said), daemon=True)
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
    OSError
        If one can't be read; it stays where it is.
    """
    try:
        for copy in copies:
            pixels, state = _read(copy)
            keep(viewer.add_image(pixels, name=_called(copy), **state))
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


def _said(layer: Image) -> str:
    """Return what a copy says of a layer besides its pixels: where it lies, and how it came about."""
    place = {name: np.asarray(value).tolist() for name, value in same_place(layer).items()}
    place["units"] = [str(unit) for unit in layer.units]
    record = layer.metadata.get(KEY)
    return json.dumps({"rgb": layer.rgb, "metadata": {KEY: record} if record else {}, **place})


def _read(copy: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return a copy's pixels, and what it says of the layer."""
    try:
        with np.load(copy, allow_pickle=False) as parts:
            return parts["pixels"], json.loads(str(parts["said"]))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        why = str(error).rstrip(".")
        raise OSError(f"{copy.name} in {copy.parent} can't be read: {why}. It is left as it is.") from error


def _called(copy: Path) -> str:
    return copy.name.removesuffix(ENDING).rpartition(" ")[0]


def _when_made(copy: Path) -> float:
    """Return when a copy was made, 0 if another program has opened or discarded it meanwhile."""
    try:
        return copy.stat().st_mtime
    except OSError:
        return 0.0


def _copy(path: Path, pixels: np.ndarray, said: str) -> None:
    with _writing, suppress(OSError):  # a copy is a courtesy: without it there is just none
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent not in _removed_at_exit:
            _removed_at_exit.add(path.parent)
            atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
        if pixels.nbytes > PART * shutil.disk_usage(path.parent).free:
            return
        newest = path.with_name(f".{path.name}")
        newest.unlink(missing_ok=True)
        np.savez(newest, pixels=pixels, said=said)
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
