"""Unsaved results: a copy of each outlives a crash of napari, and is offered at the next start."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
from napari.layers import Image
from psygnal import Signal

from napari_dip.given import description_of, pixels_of
from napari_dip.images.files import write

__all__ = ["EVERY", "OFFERS", "discard", "keep", "left_behind", "reopen"]

# Seconds from one copy of what a long run has so far to the next.
EVERY = 300.0
# A larger result is not copied, nor one that would take more than this part of what is free on the disk.
LARGEST, PART = 2**30, 0.25
ENDING = ".ome.tif"


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
        description = description_of(layer)
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
    return sorted(copies, key=lambda copy: copy.stat().st_mtime)


def name_of(copy: Path) -> str:
    """Return what a result was called whose copy this is, and when the copy was made."""
    called = copy.name.removesuffix(ENDING).rpartition(" ")[0]
    return f"{called}, {time.strftime('%d %b %H:%M', time.localtime(copy.stat().st_mtime))}"


def reopen(copies: list[Path], viewer: Any) -> None:
    """Show copies as layers; they are then as unsaved as any result of this program.

    Raises
    ------
    OSError, ValueError
        If one can't be read; it stays where it is.
    """
    from napari_dip.viewer.files import read_layers

    try:
        for copy in copies:
            ((data, attributes, _),) = read_layers(str(copy))
            attributes["name"] = copy.name.removesuffix(ENDING).rpartition(" ")[0]
            keep(viewer.add_image(np.asarray(data), **attributes))
            _remove(copy)
    finally:
        OFFERS.changed.emit()


def discard(copies: list[Path]) -> None:
    """Remove copies for good."""
    for copy in copies:
        _remove(copy)
    OFFERS.changed.emit()


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
