"""Named, printable parts: how a setting written as plain JSON becomes an object, and back.

Every part of the engine that can be chosen (a network, an input, an optimiser, a likelihood, a stopping
rule) is a small frozen dataclass with a ``name``. It *is* its own setting: ``to_dict`` gives plain JSON,
and `choose` makes the same object again from it.

Settings come from files too, which anybody may have written. The types of the fields are their schema: a
number says with a `Range` which ones it may be, and `check` refuses all others.
"""

from __future__ import annotations

import difflib
import functools
import math
import reprlib
import types
import typing
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import numpy as np

__all__ = [
    "Component",
    "Entries",
    "Range",
    "check",
    "choose",
    "either",
    "plain_values",
    "refuse_unknown",
    "shown",
]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def shown(value: object) -> str:
    """Return what a message says that was given: its `repr`, but no more of it than can be read."""
    return _SHORT.repr(value)


def either(words: Iterable[str]) -> str:
    """Return words with commas and an *or* between them."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


@dataclass(frozen=True)
class Range:
    """Which numbers a field may be, as in ``Annotated[int, Range(1, 10)]``.

    Parameters
    ----------
    low, high
        The smallest and the largest.
    but
        One of the two that is left out itself.
    """

    low: float
    high: float = math.inf
    but: float | None = None

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high and number != self.but

    def __str__(self) -> str:
        if self.but is None and not math.isinf(self.high):
            return f"from {self.low:g} to {self.high:g}"
        ends = [f"above {self.low:g}" if self.but == self.low else f"of at least {self.low:g}"]
        if not math.isinf(self.high):
            ends.append(f"below {self.high:g}" if self.but == self.high else f"at most {self.high:g}")
        return " and ".join(ends)


@dataclass(frozen=True)
class Entries:
    """How many entries a list may have, as in ``Annotated[tuple[int, ...], Entries(1, 16)]``."""

    least: int
    most: int

    def __contains__(self, several: tuple[Any, ...]) -> bool:
        return self.least <= len(several) <= self.most

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"


def check(part: Any, of: str = "") -> None:
    """Refuse a dataclass one of whose fields is not what its type says.

    Parameters
    ----------
    part
        The dataclass.
    of
        Of what it is, for the message: ``" of 'adam'"``.

    Raises
    ------
    ValueError
        If a field has another type, or is a number out of its `Range`, or none, such as NaN.
    """
    whole: Any = type(part)
    for name, kind in _kinds(whole).items():
        value = getattr(part, name)
        if not _is(value, kind):
            raise ValueError(f"{name}{of} must be {_said(kind)}, but is {shown(value)}.")


@functools.cache
def _kinds(part: Hashable) -> dict[str, Any]:
    """Return the types of a dataclass's fields."""
    kind: Any = part
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def _is(value: object, kind: Any) -> bool:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _is(value, inner[0]) and all(value in limit for limit in inner[1:])
    if origin in (types.UnionType, typing.Union):
        return any(_is(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is tuple:
        return isinstance(value, tuple) and all(_is(one, inner[0]) for one in value)
    if kind in (int, float):
        # Not Python's endless numbers: the engine has 64 bits for one.
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
        return whole or (kind is float and isinstance(value, float) and math.isfinite(value))
    return isinstance(value, kind)


def _said(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated and typing.get_origin(inner[0]) is tuple:
        return f"a list of {inner[1]}, each {_said(typing.get_args(inner[0])[0])}"
    if origin is Annotated:
        return f"{_said(inner[0])} {inner[1]}"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_said(one) for one in inner)
    if origin is Literal:
        return either(map(repr, inner))
    words = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}
    return "None" if kind is types.NoneType else words.get(kind) or f"a {kind.__name__}"


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with tuples in place of lists, and Python's numbers in place of numpy's."""
    return {
        str(key): tuple(value)
        if isinstance(value, list)
        else value.item()
        if isinstance(value, np.generic)
        else value
        for key, value in values.items()
    }


@dataclass(frozen=True)
class Component:
    """A part that can be chosen by name; its fields are its settings."""

    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse what a field can't be."""
        check(self, f" of {self.name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain JSON, with its name first."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"name": self.name} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


C = TypeVar("C", bound=Component)


def refuse_unknown(given: Mapping[str, Any], known: list[str], what: str) -> None:
    """Raise a ``TypeError`` that names the keywords of `given` that are not `known`."""
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        meant = f" Is {near[0]!r} meant?" if near else ""
        raise TypeError(
            f"{what}: {', '.join(map(shown, unknown[:5]))} is not known. Known are {', '.join(known)}.{meant}"
        )


def choose(kinds: Mapping[str, type[C]], spec: object, default: C, what: str) -> C:
    """Return the part that `spec` describes.

    Parameters
    ----------
    kinds
        The parts to choose from, by name.
    spec
        ``None`` (the default), a name, a part, or a mapping of fields. A mapping without a name, or with
        the default's name, changes the default's fields; another name starts from that part's own.
    default
        The part of the preset at hand.
    what
        What is chosen, for the message.

    Raises
    ------
    ValueError, TypeError
        If there is no such part, or a field is unknown or unusable.
    """
    if spec is None:
        return default
    if isinstance(spec, Component):
        for kind in kinds.values():
            if isinstance(spec, kind):
                return spec
    if isinstance(spec, str):
        spec = {"name": spec}
    if not isinstance(spec, Mapping):
        raise TypeError(
            f"{what} must be a name ({', '.join(kinds)}) or a dict of its settings, "
            f"but is of type {type(spec).__name__}."
        )
    values = plain_values(spec)
    name = values.pop("name", default.name)
    if not isinstance(name, str) or name not in kinds:
        raise ValueError(f"{what} {shown(name)} does not exist. Choose one of: {', '.join(kinds)}.")
    kind = kinds[name]
    refuse_unknown(values, [field.name for field in fields(kind)], f"{what} {name!r}")
    if isinstance(default, kind):
        return replace(default, **values)
    missing = [one.name for one in fields(kind) if one.default is MISSING and one.name not in values]
    if missing:
        raise TypeError(f"{what} {name!r} needs {' and '.join(missing)} too.")
    return kind(**values)
