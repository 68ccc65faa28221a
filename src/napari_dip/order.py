"""In which order the parts of an image are restored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari_dip.parts import Index, Part

__all__ = ["Order"]


class Order:
    """Which parts wait and which are done: what is looked at comes first, and what is begun is finished.

    Parameters
    ----------
    parts
        What the runs restore, in the order in which they wait.

    Attributes
    ----------
    waiting, finished
        Which of them wait, and which are done, the last one last.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.waiting = list(range(len(parts)))
        self.finished: list[int] = []
        self._place: tuple[float, ...] = ()

    def look_at(self, place: Sequence[float]) -> None:
        """Let those come first that lie nearest to a place of the image, in pixels along each axis."""
        self._place = tuple(place)

    def take_next(self) -> int:
        """Take the part that is to be restored next from those that wait."""
        place = self._place

        def distance(run: int) -> float:
            pairs = zip(self.parts[run].index, place, strict=False)
            return sum(abs(at - looked_at) for at, looked_at in pairs if isinstance(at, int))

        # What has been begun comes first; then the first of those that are as near.
        last = self.parts[self.finished[-1]].index if self.finished else None
        begun = [run for run in self.waiting if self.parts[run].index == last]
        run = min(begun or self.waiting, key=distance)
        self.waiting.remove(run)
        return run

    def begin(self, done: Callable[[Part], bool]) -> None:
        """Let all parts wait, but those that are done from before."""
        self.finished, self.waiting = [], []
        for run, part in enumerate(self.parts):
            (self.finished if done(part) else self.waiting).append(run)

    def again(self, other: Callable[[Part], bool]) -> None:
        """Let those that are done and have become others wait once more, at the end."""
        before, self.finished = self.finished, []
        for run in before:
            (self.waiting if other(self.parts[run]) else self.finished).append(run)

    def of(self, index: Index) -> list[int]:
        """Return which runs restore the plane or volume at `index`."""
        return [run for run, part in enumerate(self.parts) if part.index == index]

    def is_done(self, index: Index) -> bool:
        """Whether no part of the plane or volume at `index` waits."""
        return not any(self.parts[run].index == index for run in self.waiting)
