"""What a user says of a stack: what its axes are, planes or volumes, which of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from napari.layers import Image

from napari_dip.images.axes import Axes
from napari_dip.parts import AT_ONCE, DEEPEST
from napari_dip.viewer.layers import axes_of, with_depth
from napari_dip.viewer.regions import Planes, at_once, kind_of

__all__ = ["ALL", "BESIDE", "CURRENT", "Stacking"]

# What an axis is called of which there can be one alone.
ONLY = {"T": "time", "Z": "depth", "C": "channels", "P": "positions"}
# Which planes are wanted, where it is no range along an axis.
ALL, CURRENT = "all", "current"
# Letters of axes that are not the user's to name.
FIXED = "YXS"

BESIDE = 2
"""Planes on each side that say nearly as much of a plane as a volume does, by ``benchmarks/volumes.py``."""


# Voxels of a volume that is restored as such unless the user chooses otherwise.
MOST = 1 << 25


@dataclass
class Stacking:
    """What is said of an image; it begins as the layer's labels say.

    Parameters
    ----------
    shape, rgb
        The image's shape, and whether its last axis holds colours.
    named
        A letter for each axis, Q where it has no name, S for colours.
    neighbours
        How many planes on each side are restored along with each plane; None to restore volumes.
    usual
        The same, where an axis is depth and nothing else is said: if with neighbours, then volumes of large
        slices alone, and others as such.
    corrected
        Whether the user has named an axis.
    planes
        Which ones: all, the one that is looked at, or those along this axis
    first, last
        from this to that.
    deep
        Whether it has to be volumes.
    together
        Whether all channels of a plane are restored by one run.
    """

    shape: tuple[int, ...]
    rgb: bool
    named: str
    neighbours: int | None = 0
    usual: int | None = None
    corrected: bool = False
    planes: str | int = ALL
    first: int = 0
    last: int = 0
    deep: bool = False
    together: bool = False

    @classmethod
    def of(cls, layer: Image, usual: int | None = None) -> Stacking:
        """Return what the labels of a layer say: where one is depth, it is restored as is `usual`.

        Raises
        ------
        ValueError
            If it can't be restored whatever is said.
        """
        own, shape = axes_of(layer)
        named = own.names[:-1] + "S" if own.joint_channels else own.names
        rgb = bool(layer.rgb)
        said = cls(shape, rgb, named, usual=None if rgb else usual)
        said.neighbours = said._by_depth
        return said

    @property
    def _by_depth(self) -> int | None:
        """How it is restored where nothing else is said."""
        if "Z" not in self.named:
            return 0
        sizes = dict(zip(self.named, self.shape, strict=True))
        # Of a deep one a slab at a time is restored, but all of it is in memory.
        slice_ = sizes["Y"] * sizes["X"]
        large = min(sizes["Z"], DEEPEST) * slice_ > AT_ONCE or sizes["Z"] * slice_ > MOST
        return None if self.usual and not large else self.usual

    @property
    def letters(self) -> str:
        """A letter for each axis, as the form shows it: for volumes, an axis without a name is depth."""
        return with_depth(self.named, self.shape) if self.in_volumes else self.named

    @property
    def in_volumes(self) -> bool:
        """Whether volumes are restored."""
        return self.neighbours is None or self.deep

    @property
    def problem(self) -> str:
        """What is wrong with the axes, in a sentence, or nothing."""
        for letter, name in ONLY.items():
            if self.letters.count(letter) > 1:
                return f"Two axes are {name}. Say what the other one is."
        if self.in_volumes and self.free and "Z" not in self.letters:
            return "No axis is depth, as volumes need. Say which one is, or choose plane by plane."
        return ""

    @property
    def free(self) -> list[int]:
        """The axes that the user may name: those of more than one entry that are not rows or columns."""
        return [
            axis for axis, letter in enumerate(self.letters) if letter not in FIXED and self.shape[axis] > 1
        ]

    @property
    def axes(self) -> Axes:
        """What a run takes the axes to be."""
        axes = Axes.of(self.shape, self.letters, self.rgb, self.in_volumes)
        return at_once(axes, together=self.together)

    @property
    def named_axes(self) -> Axes:
        """The same, by the names that the user gave them."""
        return replace(self.axes, names=self.letters)

    @property
    def along(self) -> list[int]:
        """The axes along which planes or volumes are restored one by one."""
        return [axis for axis in self.axes.looped if self.shape[axis] > 1]

    @property
    def runs(self) -> int:
        """How many planes or volumes there are."""
        return math.prod(self.shape[axis] for axis in self.along)

    @property
    def kind(self) -> str:
        """What is restored one by one, ``"plane"`` or ``"volume"``."""
        return kind_of(self.axes)

    @property
    def wanted(self) -> Planes:
        """Which planes, as `napari_dip.viewer.regions.Region.of` takes them."""
        if isinstance(self.planes, str) or self.planes not in self.along:
            return CURRENT if self.planes == CURRENT else None
        some = slice(self.first, self.last + 1)
        return tuple(some if axis == self.planes else slice(None) for axis in self.axes.looped)

    def name(self, axis: int, letter: str) -> None:
        """Say what an axis is."""
        before, letters = self.letters, list(self.letters)
        letters[axis] = letter
        for other, size in enumerate(self.shape):
            # An axis of one entry gives way: what it is makes no difference.
            if size == 1 and letters[other] == letter and letter not in FIXED:
                letters[other] = "Q"
        self.named, self.corrected = "".join(letters), True
        if ("Z" in self.named) != ("Z" in before):  # as in a layer whose labels say so
            self.neighbours = self._by_depth

    def want(self, planes: str | int) -> None:
        """Say which planes; along an axis, at first all of them."""
        self.planes = planes
        if isinstance(planes, int):
            self.first, self.last = 0, self.shape[planes] - 1
