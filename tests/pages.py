"""The examples on the documentation's pages: where they are, and how they are run.

A reader goes down a page; so do its examples, in one namespace and one folder. What a page takes for granted
(an image, a file) and what should have come of an example is said in a comment that no reader sees:

    <!-- python
    image, truth = fluorescence((32, 32))
    -->

(`<!-- python in a window` where that needs one.) A comment in front of an example says that it is not run
like that:

    <!-- in a window -->                             by tests/viewer/test_pages.py, which has a `viewer`
    <!-- run by tests/test_cluster.py -->            in a way of its own
    <!-- not run: needs a GPU -->                    and why
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import Any

from scripts import ROOT

PAGES = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))

_PARTS = re.compile(
    r"^<!-- python(?: (?P<where>[^\n]+))?\n(?P<hidden>.*?)^-->$"
    r"|(?:^<!-- (?P<mark>[^\n]*) -->\n+)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_IN_A_WINDOW = "in a window"


@dataclass(frozen=True)
class Example:
    """A block of code on a page.

    Parameters
    ----------
    page, line
        Where its first line is.
    language, code, mark
        What it is written in, itself, and what the comment before it says.
    shown
        Whether a reader sees it.
    """

    page: str
    line: int
    language: str
    code: str
    mark: str = ""
    shown: bool = True

    @property
    def in_a_window(self) -> bool:
        return self.mark == _IN_A_WINDOW

    @property
    def elsewhere(self) -> str:
        """The test that runs it in a way of its own."""
        return self.mark.removeprefix("run by ") if self.mark.startswith("run by ") else ""

    @property
    def not_run(self) -> str:
        """Why it can't be run."""
        return self.mark.removeprefix("not run: ") if self.mark.startswith("not run: ") else ""

    def run(self, names: dict[str, Any]) -> None:
        """Run it; of commands, those of napari-dip. A failure's traceback points to the page's line."""
        if self.language == "python":
            code = compile("\n" * (self.line - 1) + self.code, str(ROOT / self.page), "exec")
            exec(code, names)
            return
        from napari_dip.cli import main

        for line in self.code.splitlines():
            if line.startswith("napari-dip "):
                words = shlex.split(line, comments=True)[1:]
                assert main(words) == 0, f"{self.page}: {line}"


def examples(page: str) -> list[Example]:
    """Return what is on a page that can be run: Python and commands, the hidden code among them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for part in _PARTS.finditer(text):
        what = "code" if part["hidden"] is None else "hidden"
        language, mark = part["language"], part["mark"]
        if what == "hidden":
            language, mark = "python", part["where"]
        if language in ("python", "sh"):
            line = text.count("\n", 0, part.start(what)) + 1
            found.append(Example(page, line, language, part[what], mark or "", what == "code"))
    return found


def hurry(monkeypatch: Any) -> None:
    """Have every run end after two iterations of a tiny network, on the processor."""
    from napari_dip.engine.networks import SubPixel
    from napari_dip.engine.presets import PRESETS

    quick: dict[str, Any] = {"iterations": 2, "expected": 2, "guess": 0, "finish": 0}
    quick |= {"network": SubPixel((8,)), "device": "cpu", "precision": "float32"}
    for presets in PRESETS.values():
        for name, settings in presets.items():
            monkeypatch.setitem(presets, name, replace(settings, **quick))
