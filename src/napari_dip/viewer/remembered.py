"""What the window remembers from one session to the next: a small file in the user's configuration folder."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["file", "recall", "remember"]

VERSION = 1
# What is remembered of each task, and of what type it is.
SCHEMA: dict[str, type] = {"preset": str, "device": str, "advanced": bool}


def file() -> Path:
    """Return the file, which may not be there yet."""
    from platformdirs import user_config_path

    return user_config_path("napari-dip", appauthor=False) / "window.json"


def recall(task: str) -> dict[str, Any]:
    """Return what is remembered of a task: of ``"preset"``, ``"device"`` and ``"advanced"`` what is known.

    A file that can't be read, or says something else, is as good as none: no one should be kept from working
    by it.
    """
    known = _read().get(task)
    if not isinstance(known, dict):
        return {}
    return {name: known[name] for name, kind in SCHEMA.items() if isinstance(known.get(name), kind)}


def remember(task: str, **what: str | bool | None) -> None:
    """Remember something of a task, or, for None, forget it. Where that can't be written, nothing happens."""
    tasks = _read()
    known = recall(task) | what
    tasks[task] = {name: value for name, value in known.items() if value is not None}
    with contextlib.suppress(OSError):
        path = file()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            json.dump({"version": VERSION, "tasks": tasks}, new, indent=2)
        os.replace(temporary, path)


def _read() -> dict[str, Any]:
    try:
        said = json.loads(file().read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    known = isinstance(said, dict) and said.get("version") == VERSION and isinstance(said.get("tasks"), dict)
    return said["tasks"] if known else {}
