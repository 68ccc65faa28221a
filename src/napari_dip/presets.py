"""Presets of the user's own: settings with a name, each in a JSON file of the user's configuration folder.

>>> import napari_dip as dip
>>> dip.presets.save("soft cells", dip.denoise(image, tv=20).settings)  # doctest: +SKIP
>>> dip.denoise(another, preset="soft cells")  # doctest: +SKIP

A preset says how to restore, and nothing of the image it was made for: no axes, dtype, tiles, noise, and no
device. What the call says besides changes it, as it changes a preset that comes with the package.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from napari_dip.detail import check_detail
from napari_dip.engine.components import shown
from napari_dip.engine.presets import PRESETS
from napari_dip.engine.presets import preset as built_in
from napari_dip.engine.settings import MACHINE, Settings
from napari_dip.restoration import origin, read_json
from napari_dip.script import said_with_preset

__all__ = ["KINDS", "Chosen", "check_name", "choose_preset", "delete", "folder", "load", "names", "save"]

KINDS = {
    "denoise": ("denoise", "denoise guided"),
    "inpaint": ("scattered", "scratches", "holes"),
    "super-resolve": ("super-resolve", "super-resolve volumes"),
    "deconvolve": ("deconvolve", "deconvolve volumes"),
    "deblock": ("deblock",),
}
"""Of each task, which keys of `napari_dip.engine.presets.PRESETS` are its."""

ENGINE = tuple(field.name for field in fields(Settings))
# What a preset has besides, and what it leaves out: what belongs to one image, one question or one machine.
KEPT = ("preset", *ENGINE, "warm", "detail")
LEFT_OUT = (
    "image", "axes", "planes", "dtype", "tile", "out", "neighbours", "channels", "noise", "uncertainty",
    "guide", "guided_by", "repeat", "repeated", "mask", "labels", "damage", "denoise", "factor", "kernel",
    "psf", "table", *MACHINE,
)  # fmt: skip
# A name is a file's name too, on any system.
NAME = re.compile(r"[^\W_][\w -]{0,39}")
# What no file on Windows may be called.
DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)[\d¹²³]", re.IGNORECASE)


@dataclass(frozen=True)
class Chosen:
    """A preset, whoever made it.

    Parameters
    ----------
    name
        The preset of the package that it is or is based on. The complete settings of a result name that one,
        so that they can be used by whoever does not have the user's.
    engine
        The engine's settings.
    rest
        The other keywords of the verbs that it decides.
    """

    name: str
    engine: Settings
    rest: Mapping[str, Any]


def choose_preset(name: str, task: str, kind: str) -> Chosen:
    """Return the preset called `name`, the package's or the user's.

    Parameters
    ----------
    name
        What it is called.
    task
        What it is for, a key of `KINDS`.
    kind
        What in particular, a key of `napari_dip.engine.presets.PRESETS`.

    Raises
    ------
    ValueError
        If there is none, or it can't be used.
    """
    if not isinstance(name, str) or name in PRESETS[kind] or _find(name, task) is None:
        try:
            return Chosen(name, built_in(name, kind), {})
        except ValueError as error:
            own = ", ".join(map(repr, names(task)))
            raise ValueError(f"{error} Your own presets: {own}." if own else str(error)) from None
    settings = load(name, task)
    try:
        return _based(settings, kind)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_unusable(name, task)}: {error}") from None


def _without_the_mask(kept: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset without what the mask, and whether to denoise, decided of the stopping rule."""
    changed = said_with_preset("inpaint", settings).get("stopping", {})
    if isinstance(changed, Mapping):
        changed = {key: value for key, value in changed.items() if key != "guard"}
    rest = {key: value for key, value in kept.items() if key != "stopping"}
    return {**rest, "stopping": changed} if changed else rest


def _based(settings: Mapping[str, Any], kind: str) -> Chosen:
    based_on = settings.get("preset", "fast")
    engine = {key: value for key, value in settings.items() if key in ENGINE}
    rest = {key: value for key, value in settings.items() if key not in (*ENGINE, "preset")}
    chosen = Chosen(based_on, built_in(based_on, kind).changed(**engine), rest)
    if not isinstance(rest.get("warm", True), bool):
        raise ValueError(f"warm must be true or false, but is {shown(rest['warm'])}.")
    check_detail(rest.get("detail", 0))
    return chosen


def folder() -> Path:
    """Return the folder of the user's presets, which has a folder for each task, and may not be there yet."""
    from platformdirs import user_config_path

    return user_config_path("napari-dip", appauthor=False) / "presets"


def names(task: str = "denoise") -> list[str]:
    """Return what the user's presets for a task are called.

    Parameters
    ----------
    task : {'denoise', 'inpaint', 'super-resolve', 'deconvolve', 'deblock'}
        What they are for.
    """
    return sorted((path.stem for path in _folder(task).glob("*.json")), key=str.casefold)


def load(name: str, task: str = "denoise") -> dict[str, Any]:
    """Return the settings of a preset of the user's, as keywords of the task's verb.

    Parameters
    ----------
    name : str
        What it is called.
    task : {'denoise', 'inpaint', 'super-resolve', 'deconvolve', 'deblock'}
        What it is for.

    Raises
    ------
    ValueError
        If there is none, or its file can't be used.
    """
    path = _there(name, task)
    try:
        said = read_json(path)
        settings = said["settings"]
        if not isinstance(settings, dict):
            raise TypeError
    except (OSError, ValueError):
        raise ValueError(f"{_unusable(name, task)}: it is no JSON that can be read.") from None
    except (KeyError, TypeError):
        raise ValueError(f"{_unusable(name, task)}: it has no 'settings'.") from None
    unknown = [key for key in settings if key not in (*KEPT, "noise")]
    if unknown:
        version = said.get("version")
        by = f" It was made by napari-dip {version[:20]}." if isinstance(version, str) else ""
        what = ", ".join(map(shown, unknown[:5]))
        raise ValueError(f"{_unusable(name, task)}: this version does not know {what} in a preset.{by}")
    return settings


def save(
    name: str,
    settings: Mapping[str, Any],
    task: str = "denoise",
    *,
    noise: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Keep settings under a name, which the task's ``preset=`` takes from then on.

    Parameters
    ----------
    name : str
        Letters, digits, spaces, ``-`` and ``_``, at most 40; not the name of one of the package's presets.
    settings : dict
        Keywords of the task's verb, such as the ``settings`` of a `napari_dip.Restoration`. What belongs to
        an image or a machine is left out.
    task : {'denoise', 'inpaint', 'super-resolve', 'deconvolve', 'deblock'}
        What they are for.
    noise : dict, optional
        The noise of a microscope whose settings stay as they are (`napari_dip.calibrate` measures it), to be
        used in place of what would be measured in each image. A noise in `settings` is one image's.
    overwrite : bool
        Whether a preset of the same name may be replaced.

    Returns
    -------
    pathlib.Path
        The file that it is in now: JSON, which may be copied to another computer.

    Raises
    ------
    ValueError, TypeError
        If the name or the settings can't be used.
    OSError
        If the file can't be written.
    """
    home, there = _folder(task), check_name(name, task, overwrite=overwrite)
    unknown = [key for key in settings if key not in (*KEPT, *LEFT_OUT)]
    if unknown:
        what = ", ".join(map(repr, unknown))
        raise TypeError(f"{what}: not known as a setting of a preset. Known are {', '.join(KEPT)}.")
    kept = {
        key: value
        for key, value in settings.items()
        if key in KEPT and key not in LEFT_OUT and value is not None
    }
    if task == "inpaint" and settings.keys() >= {"preset", "damage", "denoise", *ENGINE}:  # a result's
        kept = _without_the_mask(kept, settings)
    if noise is not None:
        kept["noise"] = dict(noise)
    for kind in KINDS[_task(task)]:
        _based(kept, kind)
    text = json.dumps(origin(_task(task)) | {"settings": kept}, indent=2)
    home.mkdir(parents=True, exist_ok=True)
    path = there or home / f"{name}.json"
    handle, temporary = tempfile.mkstemp(dir=home, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def check_name(name: str, task: str = "denoise", *, overwrite: bool = False) -> Path | None:
    """Check that a preset may have this name, and return the file of the one that it would replace.

    Raises
    ------
    ValueError
        If it can't, or there is one and it may not be replaced.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name) or name != name.strip():
        raise ValueError(
            f"a preset can't be called {name!r}. Choose a name of at most 40 letters, digits, spaces, - and "
            "_ that begins with a letter or digit."
        )
    if DEVICES.fullmatch(name):
        raise ValueError(f"{name!r} is a device on Windows, and no name of a file. Choose another name.")
    if name.casefold() in {one for kind in KINDS[_task(task)] for one in PRESETS[kind]}:
        raise ValueError(f"{name!r} is a preset that comes with napari-dip. Choose another name.")
    there = _find(name, task)
    if there is not None and not overwrite:
        raise ValueError(
            f"there is a preset {there.stem!r} already. Choose another name, or delete it first: More > "
            "Delete a preset in the window, napari_dip.presets.delete() in Python."
        )
    return there


def delete(name: str, task: str = "denoise") -> None:
    """Delete a preset of the user's.

    Parameters
    ----------
    name : str
        What it is called.
    task : {'denoise', 'inpaint', 'super-resolve', 'deconvolve', 'deblock'}
        What it is for.

    Raises
    ------
    ValueError
        If there is none.
    """
    _there(name, task).unlink()


def _task(task: str) -> str:
    called = str(task).replace("_", "-")
    if called not in KINDS:
        raise ValueError(f"task must be one of {', '.join(KINDS)}, but is {task!r}.")
    return called


def _folder(task: str) -> Path:
    return folder() / _task(task)


def _find(name: str, task: str) -> Path | None:
    """Return the file of a preset; not every system tells capitals apart, so that nowhere they count."""
    called = next((one for one in names(task) if one.casefold() == name.casefold()), None)
    return None if called is None else _folder(task) / f"{called}.json"


def _there(name: str, task: str) -> Path:
    path = _find(name, task)
    if path is None:
        own = ", ".join(map(repr, names(task))) or "none yet"
        raise ValueError(f"you have no preset {name!r} to {_task(task)}. Your own: {own}.")
    return path


def _unusable(name: str, task: str) -> str:
    return f"your preset {name!r} ({_find(name, task)}) can't be used; save it anew, or delete it"
