"""Some planes of a stack, or a part of each, as a layer of their own."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer
from napari.utils.transforms import Affine

from napari_dip.given import pixels_of
from napari_dip.images.excerpts import Planes as SomePlanes
from napari_dip.images.excerpts import chosen_planes, said_planes
from napari_dip.viewer.layers import axes_of, cuts, unwrap
from napari_dip.viewer.sight import in_sight
from napari_dip.viewer.sliders import position
from napari_dip.viewer.words import place

if TYPE_CHECKING:
    from napari_dip.images.axes import Axes

__all__ = ["Part", "Planes", "Region", "at_once", "kind_of"]

# What can be chosen of a stack: what the slider shows, or a number or slice for each of its axes.
Planes = str | SomePlanes
# ... and of each plane or volume: all of it, what is in sight, or a slice for each of its axes.
Part = str | tuple[slice, ...] | None
VISIBLE = "visible"

# What of a layer's state has no meaning for a part of its finest level.
NOT_KEPT = ("multiscale", "locked_data_level", "auto_contrast")


@dataclass(frozen=True)
class Region:
    """The planes of a layer that are to be restored, or the same part of each.

    Parameters
    ----------
    source
        The layer with the whole stack.
    axes
        What its axes mean to the user.
    shape
        Its array's.
    where
        Where in its array they are.
    """

    source: Image
    axes: Axes
    shape: tuple[int, ...]
    where: tuple[slice, ...]

    @classmethod
    def of(cls, source: Image, axes: Axes, planes: Planes = None, at: Sequence[float] = ()) -> Region:
        """Choose planes of a stack.

        Parameters
        ----------
        source
            The layer with the whole stack.
        axes
            What its axes mean.
        planes
            None for all; ``"current"`` for what lies `at` a place; or for each axis of the stack, in their
            order, a number or a slice, as of an array. What is left out at the end is taken whole.
        at
            A position along each axis of the source, in pixels.

        Raises
        ------
        ValueError, TypeError
            If there are no such planes.
        """
        shape = tuple(pixels_of(source).shape)
        return cls(source, axes, shape, _where(axes, shape, planes, at))

    @classmethod
    def in_viewer(
        cls,
        viewer: Any,
        source: Image,
        letters: str | None,
        planes: Planes,
        part: Part = None,
        mask: Layer | None = None,
        *,
        together: bool = False,
        volumes: bool | None = None,
    ) -> Region:
        """Choose planes of a stack in a viewer; ``"current"`` is what its sliders show.

        Parameters
        ----------
        viewer
            The viewer.
        source
            Its layer with the whole stack.
        letters
            What the axes of `source` are; None for what its labels say.
        planes
            As `of` takes them.
        part
            Of each plane or volume: None for all of it; ``"visible"`` for what is in sight; or a slice along
            each of its axes.
        mask
            A layer whose shapes are not what is in sight.
        together
            Whether one run restores all channels of a plane: ``"current"`` is all of them then.
        volumes
            Whether the last axis before the planes is depth; None to take it as its labels say.
        """
        axes, _ = axes_of(source, volumes, letters)
        if planes == "current":
            axes = at_once(axes, together=together)
        region = cls.of(source, axes, planes, position(unwrap(viewer), source))
        if part is None:
            return region
        if isinstance(part, str) and part == VISIBLE:
            return region.within(in_sight(viewer, source, axes, mask=mask))
        return region.within(_slices(part, axes, region.shape))

    def within(self, part: Mapping[int, slice]) -> Region:
        """Return the same planes, and of each of them this part: a slice for each axis that is cut."""
        return replace(self, where=tuple(part.get(axis, where) for axis, where in enumerate(self.where)))

    @property
    def through(self) -> Region:
        """The same part of each of all planes."""
        looped = self.axes.looped
        where = (slice(0, size) if n in looped else self.where[n] for n, size in enumerate(self.shape))
        return replace(self, where=tuple(where))

    def company(self, neighbours: int | None) -> Region:
        """Return the region with the planes that go along with its own, as `napari_dip.source.Source` has it.

        Parameters
        ----------
        neighbours
            How many on each side of each plane.
        """
        if not neighbours:
            return self
        from napari_dip.source import Source  # which waits for torch

        stack = Source(pixels_of(self.source), self.axes, neighbours)
        along = stack.along
        if along is None:
            return self
        before, after = (0,) * along, (0,) * (len(self.shape) - along - 1)
        ends = self.where[along].start, self.where[along].stop - 1
        there = [place[along] for end in ends for place in stack.beside((*before, end, *after))]
        places = [at for at in there if isinstance(at, int)]
        beside = slice(min(places), max(places) + 1)
        return replace(self, where=(*self.where[:along], beside, *self.where[along + 1 :]))

    def among(self, other: Region) -> dict[str, Any]:
        """Return the keyword by which a verb, given the planes of another region, restores these alone."""
        if self.where == other.where:
            return {}
        pairs = [(self.where[axis], other.where[axis].start) for axis in self.axes.looped]
        return {"planes": tuple(slice(own.start - first, own.stop - first) for own, first in pairs)}

    def now(self) -> Region:
        """Return the same part of the source as that is and lies now.

        Raises
        ------
        ValueError
            If the source has another shape now.
        """
        shape = tuple(pixels_of(self.source).shape)
        if shape != self.shape:
            raise ValueError(
                f"the image {self.source.name!r} has the shape {shape} now, and had {self.shape}: begin a "
                "new run of it."
            )
        return replace(self)

    @property
    def whole(self) -> bool:
        """Whether they are all that the source has."""
        return all(_is_all(part, size) for part, size in zip(self.where, self.shape, strict=True))

    @property
    def cut(self) -> bool:
        """Whether it is a part of each plane or volume."""
        return not all(_is_all(self.where[axis], self.shape[axis]) for axis in self.axes.spatial)

    @functools.cached_property
    def layer(self) -> Image:
        """A layer that holds them: the source, or one in no viewer that lies where they lie in it."""
        return self.source if self.whole else _excerpt(self.source, self.where)

    @property
    def typed(self) -> str:
        """Which planes they are, as the command line takes them; empty for all."""
        return said_planes(self.where, self.axes, self.shape)

    @property
    def said(self) -> str:
        """Which planes they are, as ``"time 3 to 7"`` or ``"time 3, part"``; empty for all."""
        return ", ".join(said for said in (self._planes, "part" if self.cut else "") if said)

    @property
    def record(self) -> dict[str, Any]:
        """Which part of each plane along its axes, as plain JSON; empty for all."""
        part = [[self.where[axis].start, self.where[axis].stop] for axis in self.axes.spatial]
        return {"part": part} if self.cut else {}

    @property
    def _planes(self) -> str:
        chosen = [axis for axis in self.axes.looped if not _is_all(self.where[axis], self.shape[axis])]
        return place([(self.axes.names[axis], self.where[axis]) for axis in chosen], self.kind)

    @property
    def kind(self) -> str:
        """What is restored one by one."""
        return kind_of(self.axes)


def at_once(axes: Axes, *, together: bool) -> Axes:
    """Return the axes as a run takes them: if it is asked, and there are channels, with all of a plane."""
    return axes.together() if together and axes.channel is not None and not axes.joint_channels else axes


def kind_of(axes: Axes) -> str:
    """Return what is restored one by one, ``"plane"`` or ``"volume"``."""
    return "plane" if len(axes.spatial) == 2 else "volume"


def _where(axes: Axes, shape: tuple[int, ...], planes: Planes, at: Sequence[float]) -> tuple[slice, ...]:
    """Return which part of the array `planes` means."""
    if isinstance(planes, str):
        if planes != "current":
            raise ValueError(f'planes must be "current", a number or a slice, but is {planes!r}.')
        planes = tuple(
            min(max(int(np.floor(at[axis] + 0.5)), 0), shape[axis] - 1) if len(at) > axis else 0
            for axis in axes.looped
        )
    return chosen_planes(planes, axes, shape)


def _slices(part: Any, axes: Axes, shape: tuple[int, ...]) -> dict[int, slice]:
    """Return a slice for each spatial axis, as they were given in their order."""
    names = [axes.names[axis] for axis in axes.spatial]
    if not isinstance(part, tuple) or not all(isinstance(one, slice) for one in part):
        raise TypeError(
            f'part must be "{VISIBLE}" or a slice along each of {", ".join(names)}, as in '
            f"({', '.join(['slice(0, 128)'] * len(names))}), but is {part!r}."
        )
    if len(part) != len(names):
        raise ValueError(
            f"part has {len(part)} slices, but {len(names)} are needed, along {', '.join(names)}."
        )
    slices = {}
    for axis, one in zip(axes.spatial, part, strict=True):
        start, stop, step = one.indices(shape[axis])
        if step != 1 or stop <= start:
            raise ValueError(
                f"part takes neighbouring pixels, but {one} has none along {axes.names[axis]}, which has "
                f"{shape[axis]}, or leaves some out."
            )
        slices[axis] = slice(start, stop)
    return slices


def _is_all(part: slice, size: int) -> bool:
    return (part.start or 0) == 0 and part.stop in (None, size)


def _excerpt(source: Image, where: tuple[slice, ...]) -> Image:
    """Return a layer with a part of the array of `source` that lies where that part lies."""
    _, state, _ = source.as_layer_data_tuple()
    kept = {name: value for name, value in dict(state).items() if name not in NOT_KEPT}
    pixels = Affine(scale=source.scale, rotate=source.rotate, shear=source.shear, ndim=source.ndim)
    start = [part.start for part in where[: source.ndim]]
    kept["translate"] = np.asarray(source.translate) + np.asarray(pixels.linear_matrix) @ start
    return Image(pixels_of(source)[where], **kept | cuts(source, start, np.ones(source.ndim)))
