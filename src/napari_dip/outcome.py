"""Where all goes that comes of a job: its result, and how sure that is, in memory or in files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from napari_dip.doubt import Doubt
from napari_dip.engine.devices import available_memory
from napari_dip.engine.settings import Settings
from napari_dip.images.files import Description, beside
from napari_dip.parts import Index, Place
from napari_dip.plan import Plan
from napari_dip.results import OnDisk, Original, Pasts, Result, Starts, Unknown
from napari_dip.source import Source
from napari_dip.unfinished import Unfinished

__all__ = ["Outcome"]


class Outcome:
    """A job's result, and what finds out how sure it is if that is asked; of a plane or volume at a time.

    Parameters
    ----------
    plan
        What is to be done.
    source
        The image.
    settings
        The engine's, as they are asked for.
    made_from
        As `napari_dip.results.OnDisk` takes it.

    Attributes
    ----------
    shape
        The result's.
    result
        Where the estimates go.
    doubt
        What finds out how sure they are; None if that is not asked.
    """

    def __init__(
        self, plan: Plan, source: Source, settings: Settings, made_from: Callable[[Index], tuple[str, str]]
    ) -> None:
        self._files: list[Unfinished] = []
        if plan.out is not None:
            description = plan.description or Description.plain(plan.axes.names)
            paths = [plan.out, *([beside(plan.out, "uncertainty")] if plan.uncertainty else [])]
            asked = plan.in_full(settings, plan.tile) | ({"planes": plan.planes} if plan.planes else {})
            self._files = [Unfinished(path, asked, description) for path in paths]

        def stored(what: Original | Unknown, number: int) -> Result:
            if not self._files:
                return Result(what)
            return OnDisk(what, plan.axes, self._files[number], made_from)

        original = Original(source, plan.factors, plan.result_dtype)
        self.shape, self._dtype = original.shape, original.dtype
        self.result = stored(original, 0)
        self.doubt: Doubt | None = None
        if plan.uncertainty:
            self.doubt = Doubt(plan.uncertainty, stored(Unknown(self.shape, plan.factors), 1))

    @property
    def _all(self) -> list[Result]:
        return [self.result] if self.doubt is None else [self.result, self.doubt.result]

    @property
    def begun(self) -> dict[str, Any] | None:
        """The complete settings of a run that began the same files; None if there is none."""
        return self._files[0].settings if self._files else None

    @property
    def memory(self) -> int:
        """How many bytes of memory it takes."""
        return sum(result.memory for result in self._all)

    @property
    def uncertainty(self) -> Any:
        """The standard deviations, if they are told of some part; else None."""
        return self.doubt.result.final if self.doubt is not None and self.doubt.told else None

    def refuse_too_large(self) -> None:
        """Refuse a result that memory has no room for."""
        needed, free = math.prod(self.shape) * self._dtype.itemsize, available_memory(torch.device("cpu"))
        if not self._files and needed > free:
            size = " x ".join(map(str, self.shape))
            raise MemoryError(
                f"the result of {size} pixels ({self._dtype}) needs {needed / 2**30:.1f} GiB, but "
                f"{free / 2**30:.1f} GiB are free. Crop the image, or enlarge it less."
            )

    def take_up(self, indices: Sequence[Index], settings: Mapping[str, Any]) -> dict[Place, Pasts]:
        """Make ready; return which planes or volumes are done already, and the past of their runs."""
        done, *others = [result.take_up(indices, settings) for result in self._all]
        return {at: past for at, past in done.items() if all(at in other for other in others)}

    def begin(self, index: Index) -> None:
        """From here on the job works on the plane or volume at `index`, and reads and writes only there."""
        for result in self._all:
            result.begin(index)

    def keep(self) -> None:
        """What there is of the plane or volume under way is to last."""
        for result in self._all:
            result.keep()

    def complete(self, index: Index, past: Pasts, starts: Starts) -> None:
        """The plane or volume at `index` is done; its runs' past, and what the next runs may start from."""
        if self.doubt is not None:  # the result's own journal has what is wanted of both
            self.doubt.result.complete(index, {}, {})
        self.result.complete(index, past, starts)

    def finish(self, record: Mapping[str, Any]) -> None:
        """All is done, and `record` says how it came about."""
        self.result.make_ready(record)
        if self.doubt is not None:
            self.doubt.result.make_ready({**record, "shows": "uncertainty"})
        for result in self._all:
            result.finish()

    def close(self) -> None:
        """The job has ended, wherever it was."""
        for result in self._all:
            result.close()

    def missing(self, kind: str, count: int) -> str:
        """Return a sentence on the file that was not finished; none without one.

        Parameters
        ----------
        kind, count
            What the stack consists of, as ``"planes"``, and of how many.
        """
        if not self._files:
            return ""
        path, folder, done = self._files[0].path, self._files[0].folder, len(self._files[0].done)
        if not done:
            return f"{path} was not made: nothing of it was done yet."
        return (
            f"{path} is not finished: {done} of {count} {kind} are done and kept in {folder.name} beside it. "
            "Do the same again to go on."
        )
