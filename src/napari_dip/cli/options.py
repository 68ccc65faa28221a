"""The keywords of the verbs as options: their signatures and docstrings are the one place that says them.

They are read from the source of `napari_dip.api` and not by importing it, because that loads torch, which
takes seconds, and ``--help`` should take none.
"""

from __future__ import annotations

import argparse
import ast
import functools
import inspect
import json
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from napari_dip.restoration import PAST

__all__ = ["Keyword", "Verb", "add_options", "as_typed", "read_verbs"]

# What the command line has its own ways for.
OWN = ("image", "mask", "out", "progress", "callback")
# What the source calls by a name of its own.
ALIASES = {
    "Part": {"str", "Mapping"},
    "DTypeLike": {"str"},
    "Planes": {"int", "slice", "Sequence"},
    "Any": {"str", "float", "Sequence", "Mapping"},  # a file, numbers, or what has settings of its own
}
# What is in sentences that say nothing to those who write no Python.
ONLY_PYTHON = r"dask array|A napari layer|Two layers|`Restoration\."


@dataclass(frozen=True)
class Keyword:
    """A parameter of a verb.

    Parameters
    ----------
    name
        Its name in Python.
    annotation
        Its type in the signature.
    kind
        Its type in the docstring, such as ``"int or sequence of int"``.
    text
        What the docstring says of it.
    required
        Whether it has no default.
    """

    name: str
    annotation: str
    kind: str
    text: str
    required: bool

    @property
    def option(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def types(self) -> set[str]:
        """The names of the types that it takes."""
        names = set(re.findall(r"\w+", self.annotation))
        return names.union(*(ALIASES[name] for name in names & ALIASES.keys()))

    @property
    def words(self) -> list[str]:
        """The words that it takes, or none where it has none of its own."""
        return re.findall(r"'([^']+)'", self.kind)

    @property
    def open(self) -> bool:
        """Whether it takes any words."""
        return "str" in self.types and (not self.words or self.kind.endswith("or str"))

    @property
    def metavar(self) -> str:
        """What stands for its value in a list of options."""
        if self.annotation == "Any":
            return self.name.upper()
        types, words = self.types, "|".join(self.words)
        if "slice" in types:
            return "N|N:N[,...]"
        if "Sequence" in types and not words:
            return "N[,N...]"
        number = "N" if types & {"int", "float"} else ""
        free = ("NAME" if words else self.name.upper()) if self.open and not number else ""
        return "|".join(filter(None, (words, number, free, "JSON" if "Mapping" in types else "")))

    def value(self, text: str) -> Any:
        """Return the value that is written as `text`: a word, a number, JSON, or several with commas.

        Raises
        ------
        argparse.ArgumentTypeError
            If it is none that the keyword takes.
        """
        several = "Sequence" in self.types
        if self.annotation == "Any" and text and os.path.exists(os.path.expanduser(text)):
            return text  # a file may be called by a number, or with commas
        if text[:1] == "{" or (several and text[:1] == "["):
            try:
                return json.loads(text)
            except (ValueError, RecursionError) as error:
                raise argparse.ArgumentTypeError(f"{text[:80]!r} is not JSON: {error}") from None
        if several and "," in text:
            return [self._one(part.strip()) for part in text.split(",")]
        return self._one(text)

    def _one(self, text: str) -> Any:
        types, words = self.types, self.words
        if text in words:
            return text
        if "slice" in types and re.fullmatch(r"-?\d*:-?\d*", text):
            return slice(*(int(end) if end.strip("-") else None for end in text.split(":")))
        for number in (int, float):
            if number.__name__ in types:
                try:
                    return number(text)
                except ValueError:
                    pass
        if self.open:
            return text
        figure = "a number" if "float" in types else "a whole number" if "int" in types else ""
        figure += " or a range such as 3:8" if "slice" in types else ""
        needed = [*words, figure, "JSON" if "Mapping" in types else ""]
        some = ", or several with commas between them," if "Sequence" in types else ""
        raise argparse.ArgumentTypeError(
            f"{' or '.join(filter(None, needed))}{some} is needed, but {text!r} was given"
        )


@dataclass(frozen=True)
class Verb:
    """A verb of `napari_dip.api`.

    Parameters
    ----------
    name
        Its name in Python.
    summary
        What it does, in a line.
    keywords
        What it takes, by name.
    """

    name: str
    summary: str
    keywords: dict[str, Keyword]

    @property
    def command(self) -> str:
        """Its name on the command line."""
        return self.name.replace("_", "-")

    @property
    def needed(self) -> list[Keyword]:
        """The options without which it can't be called."""
        return [keyword for keyword in self.keywords.values() if keyword.required and keyword.name not in OWN]

    @property
    def past(self) -> str:
        """What an image is called afterwards."""
        return PAST[self.command]


@functools.cache
def read_verbs(source: str | None = None) -> dict[str, Verb]:
    """Return the verbs by their commands.

    Parameters
    ----------
    source
        Where they are defined; None for the source of `napari_dip.api`.
    """
    if source is None:
        source = (files("napari_dip") / "api.py").read_text("utf-8")
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    common = _keywords(functions["denoise"])
    verbs = {}
    for name in ("denoise", "inpaint", "super_resolve", "deconvolve", "deblock"):
        function = functions[name]
        own = _keywords(function)
        # What a verb hands on as ``**settings`` is what all have in common.
        handed_on = common if function.args.kwarg is not None else {}
        summary = (ast.get_docstring(function) or "").partition("\n")[0]
        verb = Verb(name, summary, own | {k: v for k, v in handed_on.items() if k not in own})
        verbs[verb.command] = verb
    return verbs


def _keywords(function: ast.FunctionDef) -> dict[str, Keyword]:
    said = {name: (kind, text) for name, kind, text in _parameters(ast.get_docstring(function) or "")}
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(positional) - len(args.defaults)) + [*args.defaults, *args.kw_defaults]
    return {
        arg.arg: Keyword(
            arg.arg,
            "" if arg.annotation is None else ast.unparse(arg.annotation),
            *said.get(arg.arg, ("", "")),
            required=default is None,
        )
        for arg, default in zip([*positional, *args.kwonlyargs], defaults, strict=True)
    }


def _parameters(docstring: str) -> Iterator[tuple[str, str, str]]:
    """Yield the names, types and texts of the section *Parameters* of a numpydoc page."""
    found = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", docstring, re.DOTALL | re.MULTILINE)
    entries = re.split(r"^(?=\S)", found[1] if found else "", flags=re.MULTILINE)
    for entry in filter(str.strip, entries):
        head, _, text = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        for name in names.split(","):
            yield name.strip(), kind.strip(), inspect.cleandoc(text).replace("\n", " ")


def add_options(parser: argparse._ActionsContainer, verb: Verb) -> None:
    """Add a verb's keywords to a parser, each None where it is not given."""
    for keyword in verb.keywords.values():
        if keyword.name in OWN:
            continue
        text = as_typed(keyword.text, verb.keywords).replace("%", "%%")
        if keyword.types <= {"bool", "None"}:
            parser.add_argument(
                keyword.option, action=argparse.BooleanOptionalAction, default=None, help=text
            )
        else:
            parser.add_argument(keyword.option, type=keyword.value, metavar=keyword.metavar, help=text)


def as_typed(text: str, names: Collection[str]) -> str:
    """Return a text of a docstring in the words of the command line; `names` are those of options."""

    def option(found: re.Match[str]) -> str:
        return found[1] if found[1] not in names else "--" + found[1].replace("_", "-")

    # What is for those alone who write Python.
    text = re.sub(r" \(`(?:napari_dip|Restoration)\.[\w.]+`\)", "", text)
    sentences = re.split(r"(?<=\.) (?=[A-Z])", text)
    text = " ".join(one for one in sentences if not re.search(ONLY_PYTHON, one))
    text = re.sub(r"\b(the|a) layer or file", r"\1 file", text)
    text = re.sub(r"``?(\w+)``?", option, re.sub(r" ?\[\d+\]_", "", text)).replace("`", "")
    text = re.sub(r"slice\((\d+), (\d+)\)", r"\1:\2", text)
    text = re.sub(r"\(([\d:]+(?:, \d+)+)\)", lambda found: found[1].replace(", ", ","), text)
    return re.sub(r"\b[Aa] dict\b", "JSON", text).replace("keywords", "options")
