"""What the runs of a stack leave behind for those that are like them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping

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
        self._others: dict[str, dict[str, Neighbour]] = {}

    def _kin(self, part: Part) -> str:
        stain = None if self._axes.joint_channels else self._axes.channel
        channel = "" if stain is None else f"channel {part.index[stain]} "
        tile = [] if part.tile is None else [where.start for where in part.tile.where]
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
        """Return what the run of a part may start from, if anything."""
        return self._starts.get(self._kin(part))

    def note(self, part: Part, left: Neighbour) -> None:
        """Keep what the run of a part has left behind."""
        if self._wanted:
            self._starts[self._kin(part)] = left

    def others(self, part: Part) -> MutableMapping[str, Neighbour]:
        """Return the same of the further runs of a part, by their number; it may be added to."""
        return self._others.setdefault(self._kin(part), {}) if self._wanted else {}
