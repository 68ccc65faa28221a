"""What the runs of a stack leave behind for those that are like them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import replace

from napari_dip.engine.neighbours import Neighbour
from napari_dip.images.axes import Axes
from napari_dip.parts import Part

__all__ = ["Warm"]


class Warm:
    """The newest run of each kin: parts of one channel and one place in the plane may start from one another.

    Parameters
    ----------
    axes
        Which axis of the image is which.
    wanted
        Whether runs start from one another at all; if not, nothing is kept.
    """

    def __init__(self, axes: Axes, wanted: bool) -> None:
        self._axes, self._wanted = axes, wanted
        self._starts: dict[str, Neighbour] = {}
        self._newest: dict[str, Part] = {}  # of the slabs at a place in the plane
        self._others: dict[str, dict[str, Neighbour]] = {}

    def _kin(self, part: Part, first: int = 0) -> str:
        """Return what like parts have in common; of a tile its place along the axes from the `first` on."""
        stain = None if self._axes.joint_channels else self._axes.channel
        channel = "" if stain is None else f"channel {part.index[stain]} "
        tile = [] if part.tile is None else [where.start for where in part.tile.where[first:]]
        return f"{channel}tile {tile}"

    def take_up(self, starts: Mapping[str, Neighbour]) -> None:
        """Go on from what was `kept` by another job."""
        if self._wanted:
            self._starts |= starts

    def kept(self, parts: Iterable[Part]) -> dict[str, Neighbour]:
        """Return what is there for the next parts like these."""
        kins = {self._kin(part) for part in parts}
        return {kin: self._starts[kin] for kin in kins if kin in self._starts}

    def before(self, part: Part) -> Neighbour | None:
        """Return what the run of a part may start from, if anything; of a slab, another one of its volume."""
        beside = self._beside(part)
        if beside is None:
            return self._starts.get(self._kin(part))
        left = self._starts[self._kin(beside)]
        return replace(left, planes=_start(part) - _start(beside))

    def note(self, part: Part, left: Neighbour) -> None:
        """Keep what the run of a part has left behind; of a volume's slabs that of the newest one alone."""
        if not self._wanted:
            return
        if (beside := self._beside(part)) is not None:
            del self._starts[self._kin(beside)]
        self._starts[self._kin(part)] = left
        if part.slab:
            self._newest[self._kin(part, 1)] = part

    def _beside(self, part: Part) -> Part | None:
        """Return the newest other slab of the part's volume, at the same place in the plane."""
        newest = self._newest.get(self._kin(part, 1)) if part.slab else None
        if newest is None or newest == part or newest.index != part.index:
            return None
        return newest

    def others(self, part: Part) -> MutableMapping[str, Neighbour]:
        """Return the same of the further runs of a part, by their number; it may be added to."""
        return self._others.setdefault(self._kin(part), {}) if self._wanted else {}


def _start(part: Part) -> int:
    """Return a slab's first plane."""
    assert part.tile is not None
    return int(part.tile.where[0].start)
