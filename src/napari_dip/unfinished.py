"""A result on its way to a file: what is done of it outlives the program, and another run goes on from there.

Beside the file that is to be, a folder ``NAME.unfinished`` has the image as far as it is done, an OME-Zarr
that any program can read; a journal with a line for each plane or volume that is done, which also tells what
it was made from; and the networks that the next ones start from. What the journal does not know is done
again. When all is done the image becomes the file, and the folder goes.

The folder may have come from somebody else. Nothing in it leads to a file outside of it, and nothing is run.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from napari_dip.engine.neighbours import Neighbour
from napari_dip.history import Past
from napari_dip.images.files import Description, ZarrFile, check, in_full, kind_of, read, write
from napari_dip.journal import Entry, Journal
from napari_dip.parts import Index, Place

__all__ = ["Unfinished", "is_begun"]

JOURNAL = "journal.jsonl"
# The files in a folder that no one but a run has put there.
OURS = re.compile(rf"{re.escape(JOURNAL)}|lock|start-\d+\.npz|\..*\.part")


class Unfinished:
    """A result that grows beside the place of the file that it will be. Nobody else may write to it.

    Parameters
    ----------
    path
        Of the file that is to be.
    asked
        The settings as they were asked for, plain JSON: a run goes on only with the same ones.
    description
        What else is known of the image.

    Attributes
    ----------
    path, folder
        The file that is to be, and where the result is until then.
    settings
        The complete settings of the run that began it, plain JSON; None where nothing has begun.
    done
        The entries of what is done, by place.
    """

    def __init__(
        self, path: str | os.PathLike[str], asked: Mapping[str, Any], description: Description
    ) -> None:
        self.path, self._description = in_full(path), description
        kind_of(self.path)
        self._refuse_existing()
        self.folder = folder_of(self.path)
        self._asked = json.loads(json.dumps(asked))
        self.settings: dict[str, Any] | None = None
        self.done: dict[Place, Entry] = {}
        self._journal, self._image = Journal(self.folder / JOURNAL), self.folder / "image.ome.zarr"
        self._file: ZarrFile | None = None
        self._newest: dict[str, str] = {}  # of each kin, the file that its next run starts from
        self._named = 0
        self._lock = FileLock(self.folder / "lock", blocking=False)
        self._look_back()

    def _refuse_existing(self) -> None:
        if os.path.lexists(self.path):
            raise FileExistsError(
                f"{self.path} exists already, and nothing is overwritten. Choose another name, or move it."
            )

    def _look_back(self) -> None:
        """Read the journal, if there is one."""
        self._refuse_links()
        said = self._journal.read()
        # Nothing is lost by beginning anew; so it is when the image became the file, and that is elsewhere.
        if said is None or not said.done or not self._image.exists():
            return
        asked = said.asked
        if asked != self._asked:
            names = sorted(k for k in asked.keys() | self._asked.keys() if asked.get(k) != self._asked.get(k))
            was = ", ".join(f"{k}={asked.get(k)!r}" for k in names)
            raise ValueError(
                f"{self.folder} was begun with other settings ({was}). Go on with the same ones, choose "
                "another name for the result, or move that folder away."
            )
        self.settings, self.done = said.settings, said.done
        self._newest, self._named = said.newest, said.named

    def _refuse_links(self) -> None:
        """Refuse a folder in which a link leads to where nobody wanted to have anything written."""
        link = self.folder if self.folder.is_symlink() else next(_links_in(self.folder), None)
        if link is not None:
            raise ValueError(
                f"{link} is a link to another place, where nothing is written. Choose another name for the "
                f"result, or move {self.folder} away."
            )

    # ------------------------------------------------------------------------------------------- writing it

    def begin(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        factors: tuple[int, ...],
        settings: Mapping[str, Any],
    ) -> None:
        """Make the folder ready for a run with these complete settings, or take up where another one ended.

        Raises
        ------
        OSError
            If there is no room for it, or another run writes to it.
        """
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"there is no folder {self.path.parent} to write {self.path.name} to. Check the name, or "
                "make the folder."
            )
        description = _finer(self._description, factors)
        check(self.path, shape, dtype, description)
        needed = math.prod(shape) * dtype.itemsize / 2**20
        with self._room():
            free = shutil.disk_usage(self.path.parent).free / 2**20
            if self.settings is None and needed > free:
                raise OSError(f"{needed:,.1f} MiB are needed, but {free:,.1f} MiB are free")
            self.folder.mkdir(exist_ok=True)
            self._lock.acquire()
        self._refuse_existing()
        self._look_back()  # again, now that nobody else writes
        with self._room():
            self._journal.go_on()
        if self.settings is None:
            # By a run that ended before a plane was done.
            shutil.rmtree(self._image, ignore_errors=True)
            with self._room():
                self._file = ZarrFile.create(self._image, shape, dtype, description)
                self._journal.begin(self._asked, settings)
            self.settings = dict(settings)
        else:
            self._file = ZarrFile.open(self._image)
            with self._room():  # the image may be described better than when it was begun
                self._file.describe(description)
            there = tuple(self._file.array.shape), np.dtype(self._file.array.dtype)
            if there != (shape, dtype):
                raise ValueError(
                    f"{self.folder} was begun with an image of another shape or type, {there[0]}, {there[1]} "
                    f"and not {shape}, {dtype}. Choose another name for the result, or move that folder away."
                )

    def read(self, index: Index) -> NDArray[Any]:
        """Return what has been written at an index; since another run has finished it, to the file."""
        assert self._file is not None
        if not self._image.exists() and self.path.exists():
            return np.asarray(self._done()[index])
        return np.asarray(self._file.array[index])

    def write(self, index: Index, plane: NDArray[Any]) -> None:
        """Write a plane or volume. It is not done before it is entered too."""
        assert self._file is not None
        with self._room():
            self._file.array[index] = plane

    def enter(
        self,
        place: Place,
        source: str,
        past: Mapping[int, Past],
        starts: Mapping[str, Neighbour],
    ) -> None:
        """Take down that a plane or volume is done, and from what the next ones of its kin start."""
        entry, named = Entry(source, dict(past)), {}
        with self._room():
            self._journal.save_since(self._image)
            for kin, start in starts.items():
                self._named += 1
                named[kin] = f"start-{self._named}.npz"
                _save(self.folder / named[kin], start)
            self._journal.enter(place, entry, named)
        self.done[place] = entry
        for kin, name in named.items():
            if kin in self._newest:
                (self.folder / self._newest[kin]).unlink(missing_ok=True)
            self._newest[kin] = name

    def starts(self) -> dict[str, Neighbour]:
        """Return what the next run of each kin may start from, as the last one left it."""
        there = {kin: self.folder / name for kin, name in self._newest.items()}
        return {kin: _load(path) for kin, path in there.items() if path.exists()}

    def make_ready(self, record: Mapping[str, Any]) -> None:
        """Make the file, in the folder: it only has to be moved to its place."""
        assert self._file is not None
        with self._room():
            self._file.finish(record)
            if self._ready != self._image:
                self._ready.unlink(missing_ok=True)  # of a run that was killed
                image, description = read(self._image)
                write(self._ready, image, replace(description, record=record))

    def finish(self) -> da.Array:
        """Let what was made ready become the file; return it."""
        with self._room():
            self._refuse_existing()
            self._ready.rename(self.path)
        self.close()
        self._clear()
        return self._done()

    def _done(self) -> da.Array:
        """Return what is in the file, of the result's shape: a PNG file has a plane of a stack of one."""
        assert self._file is not None
        done: da.Array = read(self.path)[0].reshape(self._file.array.shape)
        return done

    @property
    def _ready(self) -> Path:
        """Where the file is made: under the name that it will have."""
        return self._image if kind_of(self.path) == "zarr" else self.folder / self.path.name

    def close(self) -> None:
        """Let others write to it; a folder in which nothing is done goes."""
        if self._lock.is_locked:
            self._lock.release()
            # The journal of others, or of another image, is left alone.
            nothing = self._file is not None and not self._journal.has_entries
            if nothing or not self._journal.is_there:
                self._clear()

    def _clear(self) -> None:
        """Remove what is ours in the folder, and the folder unless somebody else has put something there."""
        for path in self.folder.glob("*"):
            if path not in (self._image, self._ready) and not OURS.fullmatch(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):
            self.folder.rmdir()

    # ---------------------------------------------------------------------------------------------- its parts

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Say in a sentence what keeps the result from being written."""
        try:
            yield
        except Timeout:
            raise OSError(
                f"another run is writing to {self.path} already. Wait for its end, or choose another name."
            ) from None
        except OSError as error:
            kept = f" What is done is kept in {self.folder}: run the same again to go on."
            raise OSError(
                f"{self.path} can't be written: {error.strerror or error}. Make that right, or choose "
                f"another place.{kept if self.done else ''}"
            ) from error


def is_begun(path: Path) -> bool:
    """Whether a run to this file was begun and is not finished."""
    return (folder_of(path) / JOURNAL).exists()


def folder_of(path: Path) -> Path:
    """Return the folder in which the result is on its way to a file."""
    return path.with_name(path.name + ".unfinished")


def _links_in(folder: Path) -> Iterator[Path]:
    """Yield the symbolic links in a folder and in those in it."""
    folders = [folder] if folder.is_dir() else []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink() or getattr(entry, "is_junction", bool)():
                    yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))


# --------------------------------------------------------------------------------------- what is in its files


def _save(path: Path, neighbour: Neighbour) -> None:
    arrays = {f"weights/{name}": weight.cpu().numpy() for name, weight in neighbour.weights.items()}
    with open(path, "wb") as file:
        arrays |= {"prediction": neighbour.prediction.cpu().numpy(), "parts": np.array(neighbour.parts)}
        np.savez(file, allow_pickle=False, age=np.array(neighbour.age), **arrays)
        file.flush()
        os.fsync(file.fileno())


def _load(path: Path) -> Neighbour:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            members = arrays.zip.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("packed")  # into less than it is, by nobody of ours
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        prediction, parts = tensors.pop("prediction"), tensors.pop("parts")
        age = int(tensors.pop("age"))
        found_out = tuple(tuple(np.ravel(part).tolist()) for part in parts.tolist())
    except (AttributeError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is damaged, or none of napari-dip's. Move it away: the next plane then starts from "
            "nothing, and takes longer."
        ) from error
    weights = {name.removeprefix("weights/"): one for name, one in tensors.items()}
    return Neighbour(weights, prediction, found_out, age)


def _finer(description: Description, factors: tuple[int, ...]) -> Description:
    """Return the description of an image whose pixels divide those of another by `factors`."""
    pairs = list(zip(description.scale, factors, strict=True))
    moved = [at + (0.5 / f - 0.5) * step for at, (step, f) in zip(description.translate, pairs, strict=True)]
    return replace(description, scale=tuple(step / f for step, f in pairs), translate=tuple(moved))
