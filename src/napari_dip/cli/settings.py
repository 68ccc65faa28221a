"""Settings from a file: a JSON file, or the record in a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_dip.cli.options import OWN, Verb
from napari_dip.cli.told import UsageError, sentence_of
from napari_dip.engine.components import shown
from napari_dip.images.files import in_full, is_path, read, readable
from napari_dip.restoration import PAST, read_json

__all__ = ["settings_in"]


def settings_in(name: str, verb: Verb, options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a file for a verb, changed by options.

    Raises
    ------
    UsageError
        If it has none, or those of another verb.
    """
    try:
        said = _said(in_full(name))
    except (OSError, ValueError) as error:
        raise UsageError(f"--settings: {sentence_of(error)}") from None
    task, settings = said.get("task", verb.command), said.get("settings", said)
    if task != verb.command:
        what = task if isinstance(task, str) and task in PAST else shown(task)
        raise UsageError(f"--settings: those in {name} are to {what}, and not to {verb.command}")
    if not isinstance(settings, dict):
        raise UsageError(f"--settings: {name} has no settings, which are a JSON object")
    unknown = [key for key in settings if key not in verb.keywords or key in OWN]
    if unknown:
        what = ", ".join(map(shown, unknown[:5]))
        raise UsageError(f"--settings: {name} has what is no setting of {verb.command}: {what}")
    for key, value in settings.items():  # what is read is not for somebody else to say
        if verb.keywords[key].annotation == "Any" and is_path(value):
            said_with = verb.keywords[key].option
            raise UsageError(f"--settings: {name} names a file, {shown(value)}. Say it with {said_with}")
    settings = {key: value for key, value in settings.items() if value is not None}
    if "preset" in options and {"preset", "network"} <= settings.keys():
        raise UsageError(f"--settings and --preset both say all: {name} is complete. Leave one of them out")
    if "psf" in options:  # which is another way to say it
        settings.pop("kernel", None)
    return settings | options


def _said(path: Path) -> dict[str, Any]:
    """Return what a JSON file or the record in a result says."""
    if readable(path):
        record = read(path)[1].record
        if record is None:
            raise ValueError(f"{path} doesn't say how it was made: it is no result of napari-dip")
        return dict(record)
    said = read_json(path)
    if not isinstance(said, dict):
        raise ValueError(f"{path} has no settings, which are a JSON object")
    return said
