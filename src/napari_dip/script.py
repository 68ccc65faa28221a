"""A result's settings said as code: a Python script, or a command, that makes the same result again."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from napari_dip.engine.components import choose
from napari_dip.engine.operators import Lanczos
from napari_dip.engine.presets import PRESETS, guided, preset
from napari_dip.engine.settings import MACHINE, Settings
from napari_dip.images.damage import Damage
from napari_dip.images.jpeg import quantisation_of
from napari_dip.images.psf import PSFS, Optics
from napari_dip.tasks import Deblock, Deconvolve, Denoise, Inpaint, SuperResolve, Task

__all__ = [
    "Pixels",
    "as_call",
    "as_code",
    "as_command",
    "as_python",
    "by_chance",
    "changed",
    "command_line",
    "said_with_preset",
]

# What the verbs take each of these for where they are not told.
UNSAID: dict[str, Any] = {
    "preset": "fast",
    "noise": "auto",
    "dtype": None,
    "tile": None,
    "warm": True,
    "neighbours": None,
    "channels": "apart",
    "detail": 0,
    "denoise": False,
    "table": None,
    "normalise": None,
    "jitter": 0,
}
# How a result comes out depends on the moment at which one of these ended it.
BY_CHANCE = {
    "user": "was stopped by hand",
    "time limit": "ended at its time limit",
    "out of memory": "ended when memory ran out",
}
WIDTH = 88
# What the shells of Windows put something else in place of, even between quotation marks.
REPLACED = frozenset('%!$`"\r\n')
PLAIN = re.compile(r"[\w.:\\/+,=-]+")


@dataclass(frozen=True)
class Pixels:
    """Where an image or a mask comes from.

    Parameters
    ----------
    what
        What it is, for a reader, as ``"the pixels of the layer 'cell'"``.
    path
        The file that it is in, or None.
    part
        Which part of the file's array it is; empty for all.
    axes
        What its axes are taken for where nobody says it, if that is known.
    """

    what: str
    path: str | None = None
    part: tuple[int | slice, ...] = ()
    axes: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is all that is in a file."""
        return self.path is not None and not self.part


def said_with_preset(task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to be said besides the image to make the same again: what the preset does not say.

    Parameters
    ----------
    task
        What is done, as ``"denoise"``.
    settings
        Complete, as `napari_dip.Restoration` has them.
    """
    engine = {field.name for field in fields(Settings)}
    said = {
        key: value
        for key, value in settings.items()
        if key not in engine and value is not None and not (key in UNSAID and value == UNSAID[key])
    }
    if "noise" in said:
        said["noise"] = _plain_noise(said["noise"])
    if "factor" in said:
        said["factor"] = _one_for_all(said["factor"])
    if "kernel" in said:
        kernel = _one_for_all(said.pop("kernel"))
        if kernel != Lanczos().to_dict():
            said["kernel"] = kernel
    base = preset(settings["preset"], _kind(task, settings))
    for name in (key for key in settings if key in engine):
        value = settings[name]
        if isinstance(value, Mapping):
            value = _changes(name, value, base, task, settings)
        elif value == _suited(base, task, settings)[name]:
            value = None
        if value is not None:
            said[name] = value
    return said


def changed(task: str, settings: Mapping[str, Any], *, values: bool = False) -> str:
    """Return in a few words what is not as the preset has it, as ``"seed, penalty"``; none if all is.

    Parameters
    ----------
    task, settings
        As `said_with_preset` takes them.
    values
        Whether to say of numbers and words what they are, as ``"seed 3, penalty"``.
    """
    said, engine = said_with_preset(task, settings), {field.name for field in fields(Settings)}
    names = [key for key in said if key in engine and key not in MACHINE]
    if task == "inpaint" and isinstance(said.get("stopping"), dict) and said["stopping"].keys() == {"guard"}:
        names.remove("stopping")  # which the mask decides
    plain = str | int | float
    told = [f"{name} {said[name]}" if values and isinstance(said[name], plain) else name for name in names]
    return ", ".join(told[:2]) + (", …" if len(told) > 2 else "")


def _kind(task: str, settings: Mapping[str, Any]) -> str:
    """Return which presets it is, a key of `PRESETS`."""
    kind = settings["damage"] if task == "inpaint" else task
    if task == "super-resolve" and len(settings["factor"]) == 3:
        kind = "super-resolve volumes"
    if task == "deconvolve" and "Z" in settings["axes"] and settings.get("neighbours") is None:
        kind = "deconvolve volumes"
    if "guided_by" in settings:
        kind = guided(kind)
    return kind if kind in PRESETS else "denoise"


def _suited(base: Settings, task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's settings with what a task fills in, as far as it needs no mask for that."""
    kind: Task | None = None
    if task == "denoise":
        kind = Denoise()
    elif task == "inpaint":
        kind = Inpaint(np.zeros((), bool), Damage(settings["damage"], 1.0), settings["denoise"])
    elif task == "super-resolve":
        kind = SuperResolve(tuple(settings["factor"]), ())
    elif task == "deblock":
        kind = Deblock()
    elif task == "deconvolve":
        kind = Deconvolve(choose(PSFS, settings["psf"], Optics(), "psf"))
    suited = (base if kind is None else kind.suit(base)).to_dict()
    by_the_mask = isinstance(kind, Inpaint) and not kind.denoise and kind.damage.kind != "scattered"
    if by_the_mask and base.stopping.to_dict().get("guard", 0) is None:
        suited["stopping"]["guard"] = None  # so that it is said: the mask may have been edited meanwhile
    return suited


def _changes(
    name: str, value: Mapping[str, Any], base: Settings, task: str, settings: Mapping[str, Any]
) -> str | dict[str, Any] | None:
    """Return how a part of the engine is told apart from the preset's, or None where it is the same."""
    kind = value["name"]
    # A task chooses the stopping rule's details by the data term.
    changes = {"likelihood": settings["likelihood"], name: kind}
    usual = _suited(base.changed(**changes), task, settings)[name]
    changed = {key: each for key, each in value.items() if each != usual.get(key, ...)}
    if kind == getattr(base, name).name:
        return changed or None
    return {"name": kind} | changed if changed else str(kind)


def _plain_noise(noise: Any) -> Any:
    if isinstance(noise, Mapping) and not any(noise.get(key) for key in ("gain", "offset", "correlation")):
        return noise.get("read_noise", noise)
    return noise


def _one_for_all(values: Any) -> Any:
    """Return the one that all are, or all of them."""
    each = [values] if np.ndim(values) == 0 else list(values)
    return each[0] if all(one == each[0] for one in each) else tuple(each)


def _spoken(task: str, settings: Mapping[str, Any], image: Pixels, labels: Any, out: str) -> dict[str, Any]:
    """Return the keywords of the call."""
    said = said_with_preset(task, settings)
    if said.get("axes") in ("YX", image.axes):
        said.pop("axes")
    if "table" in said and image.is_file and image.path and said["table"] == quantisation_of(image.path):
        said.pop("table")
    if (labels := said.pop("labels", labels)) is not None:
        said = {"labels": _one_for_all(labels)} | said
    first = {key: said.pop(key) for key in ("factor", "psf") if key in said}
    return first | said | {"out": out}


def as_python(
    task: str,
    settings: Mapping[str, Any],
    image: Pixels,
    mask: Pixels | None = None,
    *,
    out: str,
    labels: Any = None,
    guide: Pixels | None = None,
    planes: str = "",
    stopped_by: str = "",
    notes: Sequence[str] = (),
) -> str:
    """Return a script that makes a result again, and writes it to a file.

    Parameters
    ----------
    task
        What was done, as ``"denoise"``.
    settings
        The result's, complete.
    image, mask
        What it was made from.
    out
        The file that the result goes to.
    labels
        Which of the mask's labels count; None for all.
    guide
        The guide, where there was one and it is known.
    planes
        Which planes of all these it is, as `napari_dip.images.excerpts.said_planes` says it; empty for all.
    stopped_by
        What ended the run, which a reader is told where it can't be made again.
    notes
        What else a reader should know, in sentences.
    """
    setup: list[str] = []
    arguments = [_argument("image", image, setup)]
    if mask is not None:
        arguments.append(_argument("mask", mask, setup))
    spoken = _spoken(task, settings, image, labels, out)
    arguments += [as_code(spoken.pop(name)) for name in ("factor", "psf") if name in spoken]
    if "guided_by" in spoken:
        guide = guide or Pixels("the image that was the guide")
        arguments.append(f"guide={_argument('guide', guide, setup)}")
    if "repeated" in spoken:
        arguments.append(f"repeat={_argument('repeat', Pixels('the other capture'), setup)}")
    arguments += [f"planes={_planes(planes)}"] if planes else []
    arguments += [f"{key}={as_code(value)}" for key, value in spoken.items()]

    notes = [*by_chance(stopped_by), *notes]
    needs_read = any("read(" in line for line in setup)
    lines = [f"# {' '.join(note.split())}" for note in notes]
    lines += ["import numpy as np", ""] if needs_read else []
    lines += ["import napari_dip as dip"]
    lines += ["from napari_dip.images.files import read"] if needs_read else []
    lines += ["", *setup] if setup else [""]
    if setup:
        lines.append("")
    return "\n".join([*lines, as_call(f"restored = dip.{task.replace('-', '_')}", arguments)]) + "\n"


def by_chance(stopped_by: str) -> list[str]:
    """Return in a sentence that a run ended by what can't be made again, if it did."""
    if stopped_by not in BY_CHANCE:
        return []
    return [f"The run {BY_CHANCE[stopped_by]}: this one ends by itself, and differs a little."]


def _argument(name: str, pixels: Pixels, setup: list[str]) -> str:
    """Return how the call takes an image or a mask; what comes before it is added to `setup`."""
    what = " ".join(pixels.what.split())
    if pixels.path is None:
        setup.append(f"{name} = ...  # {what}")
        return name
    if not pixels.part:
        return as_code(pixels.path)
    part = ", ".join(_index(one) for one in pixels.part)
    setup.append(f"{name} = np.asarray(read({as_code(pixels.path)})[0][{part}])  # {what}")
    return name


def _planes(said: str) -> str:
    """Return planes as Python, of what the command line says."""
    each = [
        f"slice({', '.join(end or 'None' for end in one.split(':'))})" if ":" in one else one
        for one in said.split(",")
    ]
    return each[0] if len(each) == 1 else f"({', '.join(each)})"


def _index(one: int | slice) -> str:
    if not isinstance(one, slice):
        return str(one)
    return f"{'' if one.start is None else one.start}:{'' if one.stop is None else one.stop}"


def as_call(function: str, arguments: Sequence[str]) -> str:
    """Return a call, on one line if it is short enough."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])


def as_code(value: Any) -> str:
    """Return a setting as Python."""
    if isinstance(value, float):
        number = repr(float(value))  # numpy's numbers say where they come from
        return number if math.isfinite(value) else f'float("{number}")'
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_code(key)}: {as_code(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(as_code, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_code, value)) + "]"
    return repr(value)


def as_command(
    task: str,
    settings: Mapping[str, Any],
    image: Pixels,
    mask: Pixels | None = None,
    *,
    out: str,
    labels: Any = None,
    guide: Pixels | None = None,
    planes: str = "",
) -> str | None:
    """Return a command that makes a result again, or None where it was not made from whole files.

    Parameters
    ----------
    task, settings, image, mask, out, labels, guide, planes
        As `as_python` takes them.
    """
    needed = [image] if mask is None else [image, mask]
    if "guided_by" in settings:
        needed.append(guide or Pixels("the image that was the guide"))
    if "repeated" in settings or not all(pixels.is_file for pixels in needed):
        return None
    words = ["napari-dip", task, _no_option(image)]
    if mask is not None:
        words += ["--mask", _no_option(mask)]
    if "guided_by" in settings and guide is not None:
        words += ["--guide", _no_option(guide)]
    words += ["--planes", planes] if planes else []
    for key, value in _spoken(task, settings, image, labels, out).items():
        option = f"--{key.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        else:
            words += [option, _word(value)]
    return command_line(words, [str(image.path), str(mask and mask.path), out], windows=os.name == "nt")


def command_line(words: Sequence[str], names: Sequence[str], *, windows: bool) -> str | None:
    """Return words as a command, or None where one of the names can't be said to a shell.

    The names of files may be somebody else's: nothing in them is to be run when the command is.
    """
    if not windows:
        return shlex.join(words)
    if any(REPLACED & set(name) for name in names):
        return None
    quoted = [subprocess.list2cmdline([word]) for word in words]
    return " ".join(one if PLAIN.fullmatch(one) or one[:1] == '"' else f'"{one}"' for one in quoted)


def _no_option(pixels: Pixels) -> str:
    """Return the path of a file, which may begin with a dash."""
    path = str(pixels.path)
    return os.path.join(os.curdir, path) if path.startswith("-") else path


def _word(value: Any) -> str:
    """Return a setting as a word of a command."""
    several = isinstance(value, list | tuple)
    nested = several and any(isinstance(one, Mapping | list | tuple) for one in value)
    if isinstance(value, Mapping) or nested:
        return json.dumps(value)
    return ",".join(map(str, value)) if several else str(value)
