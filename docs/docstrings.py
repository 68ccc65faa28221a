"""How numpydoc's notation in this project's docstrings becomes Markdown; mkdocs.yml names this for griffe."""

from __future__ import annotations

import re
from typing import Any

import griffe

# Where the default is None, the first of a set of choices is no default.
_CHOICES = re.compile(r"^(\s*[\w, ]+ : .*?)\{(.*?)\}", re.MULTILINE)
_CITED = re.compile(r"\[(\d+)\]_")
_REFERENCE = re.compile(r"^\s*\.\. \[(\d+)\] ", re.MULTILINE)
_ROLE = re.compile(r":(?:func|class|mod):(`+)~?")
_LITERAL = re.compile(r"::$", re.MULTILINE)
_SEE_ALSO = re.compile(r"(?<=^See Also\n--------\n)(?:.+\n?)+", re.MULTILINE)
# Parameters that share a description, of which griffe would give all the type of the first.
_TOGETHER = re.compile(r"^(\w+(?:, \w+)+)((?: :.*)?\n(?: +\S.*\n?)+)", re.MULTILINE)


def markdown(text: str) -> str:
    """Return a docstring in which what griffe does not know of numpydoc is Markdown."""
    text = _CHOICES.sub(r"\1\2", text)
    text = _SEE_ALSO.sub(
        lambda listed: re.sub(r"^(\S+) : ", r"- `\1`: ", listed[0], flags=re.MULTILINE), text
    )
    text = _TOGETHER.sub(_apart, text)
    text = _REFERENCE.sub(r"[\1] ", text)
    text = _CITED.sub(r"[\1]", text)
    text = _ROLE.sub(r"\1", text)
    return _LITERAL.sub(":", text)


def _apart(found: re.Match[str]) -> str:
    return "\n".join(name + found[2].rstrip("\n") for name in found[1].split(", ")) + "\n"


class Docstrings(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
