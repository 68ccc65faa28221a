"""What a file or layer says of an image besides its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Description"]


@dataclass(frozen=True)
class Description:
    """What a file or layer says of an image besides its numbers.

    Attributes
    ----------
    axes : str
        One letter an axis of T, P, C, Z, Y, X, S and Q, as `napari_dip.images.axes.Axes` has them.
    scale : tuple of float
        The step from pixel to pixel along each axis, in `units`; 1 where it is unknown.
    translate : tuple of float
        Where the centre of the first pixel lies along each axis, in `units`; 0 where it is unknown.
    units : tuple of str
        A word such as ``"micrometer"`` or ``"second"`` for each axis, or ``""``.
    channels : tuple of str
        The names of the channels along C, or none.
    name : str
        The image's name.
    record : mapping or None
        How napari-dip made the image, as plain JSON; None for other images.

    Examples
    --------
    >>> Description.plain("ZYX").scale
    (1.0, 1.0, 1.0)
    """

    axes: str
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...]
    channels: tuple[str, ...] = ()
    name: str = ""
    record: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for what in ("scale", "translate", "units"):
            if len(getattr(self, what)) != len(self.axes):
                raise ValueError(
                    f"{what} has {len(getattr(self, what))} entries, {getattr(self, what)!r}, but there are "
                    f"{len(self.axes)} axes, {self.axes!r}: give one entry for each axis"
                )

    @classmethod
    def plain(cls, axes: str, name: str = "") -> Description:
        """Describe an image of which only the axes are known."""
        count = len(axes)
        return cls(axes, (1.0,) * count, (0.0,) * count, ("",) * count, name=name)

    def turned(self, order: Sequence[int]) -> Description:
        """Describe the same image with its axes in another order: the first is axis ``order[0]``, ..."""
        return replace(
            self,
            axes="".join(self.axes[a] for a in order),
            scale=tuple(self.scale[a] for a in order),
            translate=tuple(self.translate[a] for a in order),
            units=tuple(self.units[a] for a in order),
        )

    def only(self, where: Sequence[slice]) -> Description:
        """Describe a part of the image, from a start to a stop along each axis."""
        places = zip(self.translate, self.scale, where, strict=True)
        named = self.axes.find("C")
        return replace(
            self,
            translate=tuple(at + step * part.start for at, step, part in places),
            channels=self.channels[where[named]] if self.channels else (),
        )

    def colours(self, shape: Sequence[int]) -> int | None:
        """Return the axis of RGB or RGBA colours of an image of this shape, or None if it has none."""
        if "S" in self.axes:
            return self.axes.index("S")
        coloured = self.axes.endswith("C") and shape[-1] in (3, 4) and not self.channels
        return len(self.axes) - 1 if coloured else None

    def check(self, shape: Sequence[int], kind: str, stacks: Sequence[str], advice: str) -> None:
        """Refuse an image of axes that a kind of file has no place for.

        Parameters
        ----------
        shape : sequence of int
            The image's shape.
        kind : str
            The kind of file, for the message.
        stacks : sequence of str
            For each axis that the file can have before Y and X, the letters that may stand for it.
        advice : str
            What else could be done than to name the axes.
        """
        if len(shape) != len(self.axes):
            raise ValueError(
                f"an array of shape {tuple(shape)} was given with {len(self.axes)} axes, {self.axes!r}: "
                "give each axis of the array one letter"
            )
        if 0 in shape:
            raise ValueError(
                f"an array of shape {tuple(shape)} has no pixels to write: give one that has some"
            )
        letters = [*stacks, "Y", "X"]
        there = [sum(self.axes.count(letter) for letter in place) for place in letters]
        if max(there) > 1 or there[-2:] != [1, 1] or sum(there) < len(self.axes):
            places = ", ".join(" or ".join(place) for place in letters)
            raise ValueError(
                f"the axes {self.axes!r} can't be written to {kind}, which has at most {places}, each once. "
                f"Say what each axis is, as in axes='TCZYX', or {advice}"
            )
        channels = shape[self.axes.index("C")] if "C" in self.axes else 0
        if self.channels and len(self.channels) != channels:
            raise ValueError(
                f"{len(self.channels)} channels are named, {', '.join(self.channels)}, but there are "
                f"{channels} along C, axes {self.axes!r}: give each one name, or none"
            )
