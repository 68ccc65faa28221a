"""Settings from a file: a JSON file, or the record in a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_dip.cli.options import Verb
from napari_dip.cli.told import UsageError, sentence_of
from napari_dip.images.files import read, readable

__all__ = ["settings_in"]


def settings_in(name: str, verb: Verb, options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a file for a verb, changed by options.

    Raises
    ------
    UsageError
        If it has none, or those of another verb.
    """
    try:
        said = _said(Path(name).expanduser())
    except (OSError, ValueError) as error:
        raise UsageError(f"--settings: {sentence_of(error)}") from None
    task, settings = said.get("task", verb.command), said.get("settings", said)
    if task != verb.command:
        raise UsageError(f"--settings: those in {name} are to {task}, and not to {verb.command}")
    unknown = [key for key in settings if key not in verb.keywords] if isinstance(settings, dict) else ["?"]
    if unknown:
        raise UsageError(
            f"--settings: {name} has what is no setting of {verb.command}: {', '.join(map(str, unknown))}"
        )
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
    try:
        said = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error})") from None
    if not isinstance(said, dict):
        raise ValueError(f"{path} has no settings, which are a JSON object")
    return said
