"""Named, printable parts: how a setting written as plain JSON becomes an object, and back.

Every part of the engine that can be chosen (a network, an input, an optimiser, a likelihood, a stopping
rule) is a small frozen dataclass with a ``name``. It *is* its own setting: ``to_dict`` gives plain JSON,
and `choose` makes the same object again from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

__all__ = ["Component", "choose", "refuse_unknown"]


@dataclass(frozen=True)
class Component:
    """A part that can be chosen by name; its fields are its settings."""

    name: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain JSON, with its name first."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"name": self.name} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


C = TypeVar("C", bound=Component)


def refuse_unknown(given: Mapping[str, Any], known: list[str], what: str) -> None:
    """Raise a ``TypeError`` that names the keywords of `given` that are not `known`."""
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        raise TypeError(
            f"{what}: {', '.join(map(repr, unknown))} is not known. Known are {', '.join(known)}."
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
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.items()}
    name = str(values.pop("name", default.name))
    if name not in kinds:
        raise ValueError(f"{what} {name!r} does not exist. Choose one of: {', '.join(kinds)}.")
    kind = kinds[name]
    refuse_unknown(values, [field.name for field in fields(kind)], f"{what} {name!r}")
    if isinstance(default, kind):
        return replace(default, **values)
    return kind(**values)
