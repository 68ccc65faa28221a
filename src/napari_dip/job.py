"""A restoration under way: an array becomes runs of the engine, and their estimates an array again.

Blocking calls, the viewer's worker and the command line all walk through a `Job`; it is the one place that
knows how a picture's numbers and axes meet the engine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from napari_dip.engine.devices import out_of_memory
from napari_dip.engine.likelihoods import PoissonGaussian
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.engine.solver import Iterate, iterate, resolve
from napari_dip.engine.stopping import HeldOut
from napari_dip.images.axes import Axes
from napari_dip.images.intensities import Intensities, cast, check_image
from napari_dip.images.noise import Noise, estimate_noise
from napari_dip.restoration import Restoration

__all__ = ["Job", "Step"]

Index = tuple[int | slice, ...]

# What the history keeps of each iterate.
RECORDED = ("iteration", "data_term", "figure", "best_iteration", "seconds")


@dataclass(frozen=True)
class Step:
    """Where a job stands after one iteration.

    Parameters
    ----------
    run, runs
        Which plane or volume is being restored, from 0, and how many there are.
    index
        Where it lies in the array.
    iterate
        The engine's iterate.
    progress
        Part of the job that is done, 0 to 1: an estimate, since the stopping rule decides.
    seconds_left
        Estimate of the time until the end.
    """

    run: int
    runs: int
    index: Index
    iterate: Iterate
    progress: float
    seconds_left: float


class Job:
    """A planned and checked restoration; iterate over it to do it.

    Parameters
    ----------
    image
        Array, shape as `axes` says.
    axes
        Which axis is which.
    settings
        The engine's.
    noise
        None to estimate it for each run, or the noise in the image's units.
    preset
        The name of the preset that the settings came from.
    dtype
        The result's dtype; None for the image's.

    Attributes
    ----------
    settings
        The complete settings, plain JSON, in the words of `napari_dip.denoise`.
    last
        The newest step, or None.
    stopped_by
        ``"user"`` or ``"out of memory"`` when that ended the job; else None, and the last iterate tells.
    warning
        A sentence for the user, or None.
    """

    def __init__(
        self,
        image: Any,
        axes: Axes,
        settings: Settings,
        *,
        noise: Noise | None = None,
        preset: str = "fast",
        dtype: np.dtype[Any] | None = None,
    ) -> None:
        check_image(image)
        self.image, self.axes, self.engine = image, axes, resolve(settings)
        self.noise = noise
        self.dtype = np.dtype(dtype if dtype is not None else image.dtype).newbyteorder("=")
        if self.dtype.kind not in "biuf":
            raise TypeError(f"dtype must be of real numbers, such as float32 or uint16, but is {self.dtype}.")
        self.indices = axes.runs(image.shape)
        self.settings: dict[str, Any] = {
            "preset": preset,
            **self.engine.to_dict(),
            "noise": "auto" if noise is None else noise.to_dict(),
            "axes": axes.names,
            "dtype": None if dtype is None else self.dtype.name,
        }
        self.last: Step | None = None
        self._history: list[dict[str, Any]] = []
        self._begun = 0.0  # seconds at the end of the run's first iteration
        self._lengths: list[int] = []  # of the runs that are done, in iterations
        self._done: np.ndarray | None = None
        self.stopped_by: str | None = None
        self.warning: str | None = None

    # ------------------------------------------------------------------------------------------ doing it

    def stop(self) -> None:
        """End the job after the iteration under way; what it has so far is kept."""
        self.stopped_by = "user"

    def __iter__(self) -> Iterator[Step]:
        for run, index in enumerate(self.indices):
            prepared = self._prepare(index)
            if prepared is None:
                continue
            problem, settings, self._intensities = prepared
            for it in self._iterate(problem, settings):
                self.last = self._step(run, index, it)
                self._record(self.last)
                yield self.last
                if self.stopped_by:
                    break
            self._write()
            self._lengths.append(it.iteration)
            if self.stopped_by:
                return

    def _iterate(self, problem: Problem, settings: Settings) -> Iterator[Iterate]:
        started = False
        try:
            for it in iterate(problem, settings):
                started = True
                yield it
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            message = (
                f"{settings.device} ran out of memory. Close other programs that use it, crop the image, or "
                f"choose the preset 'fast' or the device 'cpu'."
            )
            if not started:
                raise MemoryError(message) from error
            self.warning = message + " The best estimate so far was kept."
            self.stopped_by = "out of memory"

    def _prepare(self, index: Index) -> tuple[Problem, Settings, Intensities] | None:
        """Return the engine's view of one run, or None where there is nothing to restore."""
        block = self.axes.to_engine(np.asarray(self.image[index]))
        known = np.isfinite(block)
        if known.any() and np.ptp(block[known].astype(np.float64)) == 0:
            self._result()[index] = cast(block[known][0], self.dtype)
            return None
        if not known.any():
            return None
        intensities = Intensities.of(block)
        normal = intensities.normalise(block)
        settings = self._fit_to_noise(block, intensities)
        return (
            Problem(
                torch.from_numpy(np.where(known, normal, 0).astype(np.float32)),
                None if known.all() else torch.from_numpy(known),
            ),
            settings,
            intensities,
        )

    def _fit_to_noise(self, block: np.ndarray, intensities: Intensities) -> Settings:
        """Return the engine's settings with what they leave to the noise filled in."""
        settings = self.engine
        stopping, likelihood = settings.stopping, settings.likelihood
        open_guard = isinstance(stopping, HeldOut) and None in (stopping.guard, stopping.variance)
        open_noise = isinstance(likelihood, PoissonGaussian) and likelihood.gain is None
        if not (open_guard or open_noise):
            return settings
        # One channel stands for the three of a colour image: the middle one is green.
        noise = self.noise or estimate_noise(block[len(block) // 2])
        unit = intensities.unit
        if isinstance(stopping, HeldOut) and open_guard:
            guard = noise.guard if stopping.guard is None else stopping.guard
            variance = stopping.variance
            if variance is None:
                variance = float(noise.variance(block[np.isfinite(block)].mean(dtype=np.float64))) / unit**2
            settings = replace(settings, stopping=replace(stopping, guard=guard, variance=variance))
        if isinstance(likelihood, PoissonGaussian) and open_noise:
            offset = float(intensities.normalise(np.array(noise.offset)))
            known = replace(
                likelihood, gain=noise.gain / unit, offset=offset, read_noise=noise.read_noise / unit
            )
            settings = replace(settings, likelihood=known)
        return settings

    def _step(self, run: int, index: Index, it: Iterate) -> Step:
        usual = float(np.mean(self._lengths)) if self._lengths else self.engine.expected
        expected = min(max(it.last_iteration, usual), self.engine.iterations + self.engine.finish)
        expected = max(expected, it.iteration)
        if it.stopped_by is not None:
            expected = it.iteration
        part = it.iteration / expected
        runs = len(self.indices)
        # The first iteration also waits for the weights, the memory and the threads to be there.
        if it.iteration == 1:
            self._begun = it.seconds
        per_iteration = (it.seconds - self._begun) / max(1, it.iteration - 1) or it.seconds
        left = per_iteration * ((expected - it.iteration) + (runs - run - 1) * float(usual))
        if self.engine.seconds is not None:
            left = min(left, self.engine.seconds - it.seconds + (runs - run - 1) * self.engine.seconds)
            part = max(part, min(1.0, it.seconds / self.engine.seconds))
        return Step(run, runs, index, it, (run + part) / runs, max(0.0, left))

    def _record(self, step: Step) -> None:
        # The numbers alone: an iterate would keep its run's whole state in memory.
        row = {"run": step.run} | {name: getattr(step.iterate, name) for name in RECORDED}
        self._history.append(row)

    # -------------------------------------------------------------------------------------- what there is

    def _result(self) -> np.ndarray:
        """The result so far: a copy of the input, in which restored runs replace the original."""
        if self._done is None:
            self._done = cast(np.array(self.image, copy=True), self.dtype)
        return self._done

    def _restored(self, estimate: torch.Tensor) -> np.ndarray:
        planes = self.axes.from_engine(estimate.numpy())
        return self._intensities.restore(planes, self.dtype)

    def _write(self) -> None:
        if self.last is not None:
            self._result()[self.last.index] = self._restored(self.last.iterate.best())

    def preview(self) -> tuple[Index, np.ndarray]:
        """Return where the newest estimate lies in the array, and the estimate itself."""
        if self.last is None:
            raise RuntimeError("There is no estimate before the first iteration: iterate over the job first.")
        return self.last.index, self._restored(self.last.iterate.estimate())

    def picture(self) -> np.ndarray:
        """Return the whole array so far, the newest estimate in its place.

        It is one array that this fills in again and again, and in the end the result's.
        """
        index, estimate = self.preview()
        self._result()[index] = estimate
        return self._result()

    def result(self) -> Restoration:
        """Return what has been restored so far; parts that were not reached are the original's."""
        ended = "stopping rule"  # nothing had to be done
        if self.last is not None:
            ended = self.last.iterate.stopped_by or "user"
            if self.last.iterate.stopped_by is None:
                self._write()
        history: dict[str, list[Any]] = {
            name: [row[name] for row in self._history] for name in ("run", *RECORDED)
        }
        for name in ("data_term", "figure"):
            history[name] = [_plain(value) for value in history[name]]
        return Restoration(
            self._result(), len(self._history), self.stopped_by or ended, history, self.settings
        )


def _plain(value: torch.Tensor | float | None) -> float | None:
    """Return a number as JSON has it, which knows no NaN: None stands for what is not a number."""
    return None if value is None or not math.isfinite(value) else float(value)
