"""What the command line says: to people on the screen, to programs as JSON on stdout."""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import category

__all__ = [
    "DONE",
    "EXPECTED",
    "FAILED",
    "INTERRUPTED",
    "WRONG",
    "Speaker",
    "UsageError",
    "printable",
    "sentence_of",
]

# What a program that has called this one is told: all done, some of it failed, not understood, after Ctrl-C.
DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
# What goes wrong by the images, the options or the computer; all else is a fault of ours.
EXPECTED = (OSError, ValueError, TypeError, MemoryError)


class UsageError(Exception):
    """The command was called in a way that it can't be."""


@dataclass(frozen=True)
class Speaker:
    """Says what was done and what went wrong.

    Parameters
    ----------
    json
        A line of JSON on stdout for each file, and nothing else there.
    quiet
        Nothing but what went wrong.
    debug
        Of what goes wrong, where it comes from.
    """

    json: bool = False
    quiet: bool = False
    debug: bool = False

    @property
    def bar(self) -> bool:
        """Whether there is somebody to look at a progress bar."""
        return not self.quiet and sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Say to people what they might wonder about."""
        if not self.quiet:
            print(printable(f"napari-dip: {text}"), file=sys.stderr, flush=True)

    def say(self, text: str, facts: Mapping[str, Any] | None) -> None:
        """Say what was done: `text` to people, or `facts` to programs."""
        if self.json:
            if facts is not None:
                print(json.dumps(facts), flush=True)
        elif not self.quiet and text:
            print(printable(text), flush=True)

    def warn(self, name: object, text: str) -> None:
        """Say in a sentence what is wrong with a file."""
        print(printable(f"napari-dip: {name}: {sentence_of(text)}"), file=sys.stderr, flush=True)

    def pass_on(self, name: object, warned: Iterable[warnings.WarningMessage]) -> None:
        """Say what was warned of while a file was read or restored, without saying its name twice."""
        for warning in warned:
            if warning.category is UserWarning:
                self.warn(name, str(warning.message).removeprefix(f"{name} "))

    def fail(self, name: object, error: Exception) -> str:
        """Say what went wrong with a file; return the sentence."""
        if self.debug:
            traceback.print_exception(error)
        sentence = sentence_of(error)
        if not isinstance(error, EXPECTED):
            sentence = (
                f"a fault of napari-dip, not of yours ({type(error).__name__}: {sentence}). Please report "
                "it, with what the same command shows with --debug"
            )
        self.warn(name, sentence)
        return sentence


def printable(text: str) -> str:
    """Return a text without what a terminal would take for an order: names come from files as well."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if category(letter)[0] == "C" and letter not in "\n\t" else letter
        for letter in text
    )


def sentence_of(error: object) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
