"""The journal of a result on its way to a file: a line of what was asked, and one for each plane done.

It may have come from somebody else: what it says is checked before anything is made of it. A last line that a
sudden end cut short does not count.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_dip.history import Past
from napari_dip.parts import Place
from napari_dip.restoration import RECORDED

__all__ = ["Entry", "Journal", "Said"]

START = re.compile(r"start-[0-9]{1,9}\.npz")


@dataclass(frozen=True)
class Entry:
    """What the journal says of a plane or volume that is done.

    Parameters
    ----------
    source
        The `fingerprint` of what it was made from.
    past
        Of its runs.
    """

    source: str
    past: dict[int, Past]


@dataclass(frozen=True)
class Said:
    """All that a journal says.

    Parameters
    ----------
    asked
        The settings as they were asked for.
    settings
        The complete settings of the run that began it.
    done
        The entries of what is done, by place.
    newest
        Of each kin, the name of the file that its next run starts from.
    named
        How many such files there have been.
    """

    asked: dict[str, Any]
    settings: dict[str, Any]
    done: dict[Place, Entry]
    newest: dict[str, str]
    named: int


class Journal:
    """The journal of one result. Whoever writes to it has made sure that nobody else does.

    Parameters
    ----------
    path
        Its file, which may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_there(self) -> bool:
        """Whether anybody has begun it."""
        return self.path.exists()

    @property
    def has_entries(self) -> bool:
        """Whether anything is done."""
        return len(self._lines()) > 1

    def read(self) -> Said | None:
        """Return what it says; None where nothing has begun.

        Raises
        ------
        ValueError
            If it is none that this version writes.
        """
        lines = self._lines()
        if not lines:
            return None
        try:
            asked, settings = _asked(lines[0]["asked"]), _settings(lines[0]["settings"])
            done: dict[Place, Entry] = {}
            newest: dict[str, str] = {}
            named = 0
            for line in lines[1:]:
                past = {int(run): _past(past) for run, past in line["past"].items()}
                done[_place(line["place"])] = Entry(str(line["source"]), past)
                newest |= _starts(line["starts"])
                named += len(line["starts"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{self.path} is not what this version of napari-dip writes. Choose another name for the "
                f"result, or move {self.path.parent} away."
            ) from error
        return Said(asked, settings, done, newest, named)

    def begin(self, asked: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Begin it anew."""
        self.path.unlink(missing_ok=True)
        self._append({"asked": asked, "settings": dict(settings)})

    def go_on(self) -> None:
        """Cut off what is left of a line that was not finished."""
        if self.is_there:
            with open(self.path, "r+b") as file:
                file.truncate(file.read().rfind(b"\n") + 1)

    def enter(self, place: Place, entry: Entry, starts: Mapping[str, str]) -> None:
        """Take down that a plane or volume is done, and which files the next ones of its kin start from."""
        past = {run: _as_json(one) for run, one in entry.past.items()}
        self._append({"place": place, "source": entry.source, "past": past, "starts": dict(starts)})

    def save_since(self, folder: Path) -> None:
        """Have the disk keep what was written to a folder since the last line.

        A line that says that something is done must not outlive it when the power fails.
        """
        since = self.path.stat().st_mtime_ns
        folders = [folder]
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif entry.stat().st_mtime_ns >= since:
                        with open(entry.path, "rb+") as file:
                            os.fsync(file.fileno())

    def _append(self, line: Mapping[str, Any]) -> None:
        with open(self.path, "ab") as journal:
            journal.write(json.dumps(line).encode() + b"\n")
            journal.flush()
            os.fsync(journal.fileno())

    def _lines(self) -> list[dict[str, Any]]:
        content = self.path.read_bytes() if self.is_there else b""
        whole = content[: content.rfind(b"\n") + 1].splitlines()
        try:
            return [json.loads(line) for line in whole]
        except (ValueError, RecursionError):
            return [{}]  # no journal of ours


# ---------------------------------------------------------------------------------- what a line may say


def _asked(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise TypeError("no settings that were asked for")
    return said


def _settings(said: Any) -> dict[str, Any]:
    """Return the settings, those of which a run takes up are what they should be."""
    tile = said["tile"]
    words = isinstance(said["device"], str) and isinstance(said["precision"], str)
    if not words or not (tile is None or (type(tile) is int and tile > 0)):
        raise ValueError("no settings of a run")
    return dict(said)


def _place(said: Any) -> Place:
    if not isinstance(said, list) or not all(type(at) is int and at >= 0 for at in said):
        raise ValueError("no place in a stack")
    return tuple(said)


def _past(said: Any) -> Past:
    rows = said["rows"]
    known = (bool, int, float, type(None))
    for row in rows:
        if set(row) != set(RECORDED) or not all(isinstance(value, known) for value in row.values()):
            raise ValueError("no record of an iteration")
    if not rows or any(type(row["iteration"]) is not int or row["seconds"] is None for row in rows):
        raise ValueError("no record of a run")
    residual, noise = (None if said[name] is None else float(said[name]) for name in ("residual", "noise"))
    ended = said["ended"]
    if not isinstance(ended, str | None):
        raise ValueError("no way in which a run ends")
    return Past(list(rows), residual, noise, ended)


def _starts(said: Any) -> dict[str, str]:
    """Return the names of files, which are read and, later, deleted."""
    if not all(isinstance(name, str) and START.fullmatch(name) for name in said.values()):
        raise ValueError("no name of a start")
    return dict(said)


def _as_json(past: Past) -> dict[str, Any]:
    return {"rows": past.read(), "residual": past.residual, "noise": past.noise, "ended": past.ended}
