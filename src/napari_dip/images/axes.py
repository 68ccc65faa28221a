"""Which axes of an array are space, channel or stack, and how the array becomes runs of the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_dip.engine.components import shown

__all__ = ["Axes"]

# What a stack axis counts. Q is an axis without a label.
COUNTED = {
    "T": ("time point", "time points"),
    "P": ("position", "positions"),
    "C": ("channel", "channels"),
    "Z": ("slice", "slices"),
    "Q": ("image", "images"),
}
LETTERS = "T (time), P (position), C (channel), Z, Y, X, S (RGB samples) and Q (any other)"


@dataclass(frozen=True)
class Axes:
    """The meaning of an array's axes.

    One run of the engine restores one plane or volume: the spatial axes, together with the channel axis of a
    colour picture. All other axes are a stack, restored entry by entry; so are channels that aren't colours,
    unless they are taken `together`.

    Attributes
    ----------
    names : str
        One letter an axis: T time, P position, C channel, Z, Y, X, and Q for any other.
    spatial : tuple of int
        The axes of a plane, (Y, X), or of a volume, (Z, Y, X).
    channel : int or None
        The channel axis.
    joint_channels : bool
        Whether one run restores the channels together, as RGB colours. The fourth channel of RGBA is opacity:
        no run touches it, so a result has to start as a copy of the image.
    stains : bool
        Whether the channels that one run restores are no colours: each has a brightness and a noise of its
        own.
    """

    names: str
    spatial: tuple[int, ...]
    channel: int | None
    joint_channels: bool
    stains: bool = False

    @classmethod
    def of(
        cls,
        shape: Sequence[int],
        axes: str | None = None,
        rgb: bool | None = None,
        volumes: bool = True,
    ) -> Axes:
        """Work out the axes of an array.

        Parameters
        ----------
        shape : sequence of int
            The array's shape.
        axes : str, optional
            One letter an axis, such as ``"TCZYX"``. Without it the last two axes are Y and X (before a colour
            axis), and all axes before them are a stack: only a named Z is restored in three dimensions.
        rgb : bool, optional
            Whether the last axis holds RGB or RGBA colours. By default it does if it is named S, or C or not
            at all, and has 3 or 4 entries (without a name, fewer than the two axes before it).
        volumes : bool
            Whether a named Z makes volumes; otherwise it counts planes.

        Raises
        ------
        ValueError
            If the letters don't fit the shape or one another, or a run would have fewer than two pixels.

        Examples
        --------
        >>> Axes.of((12, 2, 512, 512), "tcyx").describe((12, 2, 512, 512))
        '12 time points x 2 channels, each a plane of 512 x 512 pixels'
        >>> Axes.of((480, 640, 3)).names
        'YXC'
        """
        shape = tuple(shape)
        names = _guess(shape, rgb) if axes is None else _read(axes, shape)
        coloured = "S" in names or names.endswith("C")
        if rgb and not (coloured and shape[-1] in (3, 4)):
            raise ValueError(
                f"shape {shape} with axes {names!r} has no RGB colours: they need a last axis, C or S, of 3 "
                "or 4 entries. Leave rgb out, or move the colours to the last axis"
            )
        joint = coloured and shape[-1] in (3, 4) and rgb is not False
        if "S" in names:
            # Files may have both stains (C) and colour samples (S); there can be one channel axis.
            names = names.replace("C", "Q").replace("S", "C")
        # A volume of one slice is a plane: there is nothing to see along Z.
        deep = volumes and "Z" in names and shape[names.index("Z")] > 1
        spatial = tuple(names.index(n) for n in ("ZYX" if deep else "YX"))
        pixels = math.prod(shape[a] for a in spatial)
        if pixels < 2:
            has = "one pixel" if pixels else "no pixels"
            raise ValueError(
                f"shape {shape} with axes {names!r} has {has} a plane, but at least two are needed. "
                "Check that Y and X name the image's rows and columns"
            )
        return cls(names, spatial, names.find("C") if "C" in names else None, joint)

    def together(self) -> Axes:
        """Return the same axes, all channels of a plane or volume for one run.

        Raises
        ------
        ValueError
            If there is no channel axis, or it holds colours.

        Examples
        --------
        >>> axes = Axes.of((12, 2, 512, 512), "tcyx").together()
        >>> axes.describe((12, 2, 512, 512))
        '12 time points, each a plane of 512 x 512 pixels in 2 channels'
        """
        if self.channel is None or (self.joint_channels and not self.stains):
            raise ValueError(
                f"the axes {self.names!r} have no channels, or colours, which are together as they are. Call "
                "the axis of the channels C, as in axes='CYX'"
            )
        return replace(self, joint_channels=True, stains=True)

    @property
    def stack(self) -> tuple[int, ...]:
        """Every axis that is neither spatial nor the channel axis."""
        return tuple(a for a in range(len(self.names)) if a not in self.spatial and a != self.channel)

    @property
    def looped(self) -> tuple[int, ...]:
        """The axes along which planes or volumes are restored one by one."""
        joint = self.channel if self.joint_channels else None
        return tuple(a for a in range(len(self.names)) if a not in (*self.spatial, joint))

    def runs(self, shape: Sequence[int]) -> list[tuple[int | slice, ...]]:
        """One index into the array for each run of the engine, in C order."""
        self._check(shape)
        whole: dict[int, slice] = {axis: slice(None) for axis in self.spatial}
        if self.channel is not None and self.joint_channels:
            whole[self.channel] = slice(0, shape[self.channel] if self.stains else 3)
        counts = [1 if axis in whole else n for axis, n in enumerate(shape)]
        return [tuple(whole.get(axis, i) for axis, i in enumerate(index)) for index in np.ndindex(*counts)]

    def to_engine(self, block: NDArray[Any]) -> NDArray[Any]:
        """A run's part of the array, ``array[index]``, as (channels, Y, X) or (channels, Z, Y, X)."""
        order = self._order()
        planes = block.transpose(order)
        return planes if self.joint_channels else planes[np.newaxis]

    def from_engine(self, planes: NDArray[Any]) -> NDArray[Any]:
        """The inverse of `to_engine`: what to write to ``array[index]``."""
        block = planes if self.joint_channels else planes[0]
        return block.transpose(np.argsort(self._order()))

    def describe(self, shape: Sequence[int]) -> str:
        """What will be restored, for people."""
        self._check(shape)
        counted = [
            f"{shape[a]} {COUNTED[name][shape[a] != 1]}"
            for a, name in enumerate(self.names)
            if a not in self.spatial and not (a == self.channel and self.joint_channels)
        ]
        kind, unit = ("plane", "pixels") if len(self.spatial) == 2 else ("volume", "voxels")
        size = " x ".join(str(shape[a]) for a in self.spatial)
        colours = self.joint_channels and not self.stains
        one = f"{'an RGB' if colours else 'a'} {kind} of {size} {unit}"
        if self.stains and self.channel is not None:
            channels = shape[self.channel]
            one += f" in {channels} {COUNTED['C'][channels != 1]}"
        return f"{' x '.join(counted)}, each {one}" if counted else one

    def _order(self) -> list[int]:
        """Where (channel, Z, Y, X) are among the axes that a run's block keeps."""
        wanted = [
            *([self.channel] if self.channel is not None and self.joint_channels else []),
            *self.spatial,
        ]
        return [sorted(wanted).index(axis) for axis in wanted]

    def _check(self, shape: Sequence[int]) -> None:
        if len(shape) != len(self.names):
            raise ValueError(
                f"shape {tuple(shape)} has {len(shape)} axes, but these are the axes {self.names!r}. "
                "Pass the shape of the array that they were made for"
            )


def _guess(shape: tuple[int, ...], rgb: bool | None) -> str:
    """Name the axes as napari takes them: a stack of planes, perhaps in colour."""
    if rgb is None:
        rgb = len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > shape[-1]
    named = "YXC" if rgb else "YX"
    if len(shape) < len(named):
        raise ValueError(
            f"shape {shape} has {len(shape)} axes, but {'a colour image' if rgb else 'an image'} has "
            f"{len(named)} or more. Pass an array of rows and columns"
        )
    return named.rjust(len(shape), "Q")


def _read(axes: str, shape: tuple[int, ...]) -> str:
    """Check the letters that were given."""
    if not isinstance(axes, str):
        raise TypeError(f"axes must be a letter for each axis, such as 'TCZYX', but is {shown(axes)}.")
    names = axes.upper()
    problem = ""
    if unknown := sorted(set(names) - set("TPCZYXSQ")):
        problem = f"{', '.join(map(repr, unknown))} is not a known axis"
    elif repeated := sorted({n for n in names if n != "Q" and names.count(n) > 1}):
        problem = f"{', '.join(map(repr, repeated))} is there more than once"
    elif missing := [n for n in "YX" if n not in names]:
        problem = f"{' and '.join(missing)} missing"
    elif len(names) != len(shape):
        problem = f"{len(names)} letters for an array of {len(shape)} axes, shape {shape}"
    elif "S" in names[:-1]:
        problem = "S (RGB samples) is not the last axis"
    if problem:
        raise ValueError(f"axes={axes!r}: {problem}. Give each axis of the array one letter of {LETTERS}")
    return names
