"""An image that shows what a network sees, and the run that finds it."""

from __future__ import annotations

import math
import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from statistics import fmean
from typing import Any, ClassVar

from napari_dip.canvas import Canvas
from napari_dip.engine.features import Features
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.engine.solver import iterate, resolve
from napari_dip.history import Past
from napari_dip.restoration import RECORDED, Restoration
from napari_dip.script import as_call, as_code, said_with_preset
from napari_dip.step import Pace, Step

__all__ = ["Look", "Seen"]


@dataclass(frozen=True, repr=False)
class Seen(Restoration):
    """An image that shows what a network sees, and how it came about.

    It has what a `napari_dip.Restoration` has, and one of the following.

    Attributes
    ----------
    feature_error
        How far the features of ``image`` are from those that were looked for: the root of the mean squared
        difference over that of the features themselves. 0: the layer can't tell the two images apart. Both
        are of the image before it is rounded to its dtype.
    activation
        What the unit gives when the network sees ``image``.
    """

    feature_error: float | None = None
    activation: float | None = None

    MEASURED: ClassVar[tuple[str, ...]] = ("feature_error", "activation")

    def as_python(
        self,
        image: str | os.PathLike[str] | None = None,
        mask: str | os.PathLike[str] | None = None,
        *,
        out: str | os.PathLike[str] | None = None,
    ) -> str:
        """Return a script that makes the same again; where the network comes from is for you to fill in.

        Parameters
        ----------
        image : path
            The file of the image; without it, the script has a place to fill in.
        mask, out
            Not for this.
        """
        said = said_with_preset(self.task, self.settings)
        setup = ["model = ...  # the trained network"]
        arguments = ["model", as_code(said.pop("layer", None))]
        if self.task == "invert-features":
            arguments.append("image" if image is None else as_code(os.fspath(image)))
            setup += ["image = ...  # what the network was shown"] if image is None else []
        if isinstance(said.get("normalise"), str):
            setup.append(f"normalise = ...  # the function {said.pop('normalise')}")
            arguments.append("normalise=normalise")
        arguments += [f"{name}={as_code(value)}" for name, value in said.items()]
        line = as_call(f"seen = dip.{self.task.replace('-', '_')}", arguments)
        return "\n".join(["import napari_dip as dip", "", *setup, "", line]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {name: getattr(self, name) for name in self.MEASURED}


class Look:
    """A run that shows what a network sees; iterate over it to do it, as over a `napari_dip.job.Job`.

    Attributes
    ----------
    settings
        Complete, in the words of the verbs.
    last
        The newest step, or None.
    stopped_by
        ``"user"`` if that ended it.
    warning
        A sentence for the user, or None.
    """

    def __init__(
        self,
        task: str,
        features: Features,
        problem: Problem,
        engine: Settings,
        canvas: Canvas,
        said: dict[str, Any],
    ) -> None:
        self.task, self.features, self.problem, self.canvas = task, features, problem, canvas
        self.engine = resolve(engine)
        self.settings = said | self.engine.to_dict()
        self.last: Step | None = None
        self.stopped_by: str | None = None
        self.warning: str | None = None
        self._past = Past()

    def __iter__(self) -> Generator[Step]:
        pace = Pace(self.engine, 1)
        with closing(iterate(self.problem, self.engine)) as run:
            for it in run:
                self.last = pace.step(0, self.canvas.index, it, 0, None)
                self._past.take_down(it)
                yield self.last
                if self.stopped_by:
                    return

    def stop(self) -> None:
        """End the run after the iteration under way; what it has so far is kept."""
        self.stopped_by = "user"

    def result(self) -> Seen:
        """Return what has been found so far."""
        assert self.last is not None
        it = self.last.iterate
        image = it.best()
        error = activation = None
        if self.features.unit is None:
            error = math.sqrt(fmean(it.residuals()))
        else:
            activation = float(self.features(image[None]))
            if activation == 0:
                self.warning = (
                    "The unit gives 0, from where no slope leads on: choose the layer before its ReLU, or "
                    "another seed."
                )
        rows = self._past.read()
        return Seen(
            self.canvas.filled(image),
            len(rows),
            self.stopped_by or it.stopped_by or "user",
            {"run": [0] * len(rows), **{name: [row[name] for row in rows] for name in RECORDED}},
            self.settings,
            task=self.task,
            feature_error=error,
            activation=activation,
        )
