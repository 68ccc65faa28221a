"""What is in a file, how it was made, and which presets there are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_dip.cli.files import find
from napari_dip.cli.told import Speaker
from napari_dip.images.files import read

__all__ = ["show_files", "show_presets"]


def show_files(names: Sequence[str], speaker: Speaker) -> int:
    """Say what is in files, and how those of ours were made; return the exit code."""
    found = find(names)
    failed = bool(found.failures)
    for failure in found.failures:
        speaker.warn(failure.name, failure.sentence)
    for image in found.images:
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always", UserWarning)
                facts = _facts(image)
            speaker.pass_on(image, warned)
        except Exception as error:
            speaker.fail(image, error)
            failed = True
            continue
        speaker.say(_text(facts), facts)
    return int(failed)


def _facts(image: Path) -> dict[str, Any]:
    array, said = read(image)
    return {
        "file": str(image),
        "axes": said.axes,
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "scale": list(said.scale),
        "translate": list(said.translate),
        "units": list(said.units),
        "channels": list(said.channels),
        "name": said.name,
        "record": None if said.record is None else dict(said.record),
    }


def _text(facts: dict[str, Any]) -> str:
    size = [
        f"{letter} {step:g} {unit}".rstrip()
        for letter, step, unit in zip(facts["axes"], facts["scale"], facts["units"], strict=True)
        if unit or step != 1
    ]
    lines = {
        "axes": facts["axes"],
        "shape": " x ".join(map(str, facts["shape"])),
        "type": facts["dtype"],
        "pixel size": ", ".join(size) or "not known",
        "channels": ", ".join(facts["channels"]),
        "planes": str((facts["record"] or {}).get("planes", "")),
        "shows": str((facts["record"] or {}).get("shows", "")),
        "made by": _origin(facts["record"]),
    }
    return "\n".join(
        [facts["file"], *(f"  {name + ':':<12}{value}" for name, value in lines.items() if value)]
    )


def _origin(record: dict[str, Any] | None) -> str:
    if record is None:
        return ""
    known = {"version": "?", "task": "?", "iterations": "?", "stopped_by": "?"} | record
    said = (
        f"napari-dip {known['version']}, {known['task']}, preset {_preset(record)}, "
        f"{known['iterations']} iterations, stopped by {known['stopped_by']}"
    )
    figures = [
        f"{what} {value:.4g}"
        for what in ("residual", "noise")
        if isinstance(value := record.get(what), int | float)
    ]
    return ", ".join([said, *figures]) + " (its settings: --json)"


def _preset(record: dict[str, Any]) -> str:
    """Return which preset of the package a result was made with, and what was changed of it."""
    from napari_dip.script import changed

    settings = record.get("settings")
    if not isinstance(settings, dict):
        return "?"
    name = str(settings.get("preset", "?"))
    try:
        few = changed(str(record.get("task")), settings)
    except (KeyError, ValueError, TypeError, AttributeError):  # a record of another version, or of nobody's
        return name
    return f"{name} ({few} changed)" if few else name


def show_presets(command: str | None, speaker: Speaker) -> int:
    """Say which presets there are, for one verb or all; return the exit code."""
    from napari_dip.engine.presets import EXPLICIT, PRESETS
    from napari_dip.presets import KINDS

    for verb, kinds in KINDS.items():
        if command not in (None, verb):
            continue
        for kind in kinds:
            title = verb if kind == verb else f"{verb}, {kind.removeprefix(verb).strip()}"
            lines = [title]
            for name, settings in PRESETS[kind].items():
                made = f"{settings.network.name}, {settings.optimiser.name}"
                if name in EXPLICIT:
                    made = "no deep image prior, to compare with"
                lines.append(
                    f"  {name:<14}{made}, usually about "
                    f"{settings.expected} iterations, {settings.iterations} at most"
                )
            presets = {name: settings.to_dict() for name, settings in PRESETS[kind].items()}
            speaker.say("\n".join(lines), {"verb": verb, "for": kind, "presets": presets})
        _show_own_presets(verb, speaker)
    return 0


def _show_own_presets(verb: str, speaker: Speaker) -> None:
    from napari_dip.presets import load, names

    lines, presets, own = [f"{verb}, your own"], {}, names(verb)
    for name in own:
        try:
            settings = presets[name] = load(name, verb)
            lines.append(f"  {name:<14}based on {settings.get('preset', 'fast')}")
        except ValueError as error:
            speaker.warn(name, str(error))
    if own:
        speaker.say("\n".join(lines), {"verb": verb, "for": "your own", "presets": presets})
