"""What a restoration gives back."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from napari_dip.detail import Detail

__all__ = ["NOT_COMPUTED", "PAST", "RECORDED", "Restoration", "origin", "plain", "read_json"]

LARGEST_JSON = 2**26
NOT_COMPUTED = "not computed"
"""What a lazy restoration is stopped by."""

PAST = {
    "denoise": "denoised",
    "inpaint": "inpainted",
    "super-resolve": "super-resolved",
    "deconvolve": "deconvolved",
    "deblock": "deblocked",
}
"""What an image is called after each task."""

RECORDED = ("iteration", "data_term", "figure", "best_iteration", "seconds", "warm")
"""What the history keeps of each iterate."""


@dataclass(frozen=True)
class Restoration:
    """A restored image and how it came about.

    Of a dask array, the image is a dask array too, and nothing has come about yet: pixels are computed when
    they are asked for, as by ``image.compute()``, ``image.to_zarr(...)`` or ``image[5].compute()``, by
    whichever dask scheduler is current then. There is no history, no residual and no noise.

    Attributes
    ----------
    image
        The restored array, of numpy or dask: the input's shape and axes, its dtype unless told otherwise, its
        intensities.
    iterations
        Iterations in all, over all planes; 0 where nothing is computed yet.
    stopped_by
        What ended the run: ``"stopping rule"``, ``"iteration limit"``, ``"time limit"``, ``"user"``,
        ``"out of memory"``, ``"unreadable image"``, ``"device failure"`` or ``"divergence"``; of a stack, a
        limit that one of its planes reached. ``"not computed"`` of a lazy image.
    history
        Lists of equal length, an entry for each iteration: ``"run"`` (which plane, from 0),
        ``"iteration"``, ``"data_term"``, ``"figure"`` (the stopping rule's, or None where it did not
        look), ``"best_iteration"``, ``"seconds"`` and ``"warm"`` (whether the run started from its
        neighbour's network). Errors are in normalised intensity, squared.
    settings
        Plain JSON. ``denoise(image, **settings)``, or whichever verb it was, makes the same result again on
        the same machine.
    residual
        Root mean square difference between the image's known pixels and what the best estimate says that they
        should have been (for super-resolution: the result downsampled), in the image's units. With the noise
        taken away and nothing else it equals `noise`. None where nothing was restored.
    noise
        Standard deviation of the image's noise as it was measured, in the image's units; None where nothing
        was restored.
    detail
        The pictures that `adjusted` shows, or None where there are none: of a restoration that is no
        denoising, that is lazy or in a file, or that is too large for them to be kept in memory.
    task
        What was done, ``"denoise"``, ``"inpaint"``, ``"super-resolve"``, ``"deconvolve"`` or ``"deblock"``.
    uncertainty
        The standard deviation of each pixel's error, float32, in the image's units, of the result's shape;
        None where it was not asked for (``uncertainty=3``). NaN where it can't be told. A dask array of the
        file ``NAME-uncertainty`` where ``out`` was given.
    planes
        Which planes of the image's stack it is, as the command line takes them, ``"3:8"``; empty for all. The
        `settings` say nothing of that: what suits one plane can be done of all.
    """

    image: Any = field(repr=False)
    iterations: int
    stopped_by: str
    history: dict[str, list[Any]] = field(repr=False)
    settings: dict[str, Any] = field(repr=False)
    residual: float | None = field(default=None, repr=False)
    noise: float | None = field(default=None, repr=False)
    detail: Detail | None = field(default=None, repr=False)
    task: str = field(default="denoise", repr=False)
    uncertainty: Any = field(default=None, repr=False)
    planes: str = field(default="", repr=False)

    # What a notebook shows of it.
    MEASURED: ClassVar[tuple[str, ...]] = ("noise", "residual")

    def adjusted(self, detail: float) -> Restoration:
        """Return the same restoration, smoother or with more detail, without another run.

        Parameters
        ----------
        detail
            From -1 to 1. 0 is the automatic choice. Above it, this part of what was taken away from the image
            is put back, detail and noise alike: 1 is the image as it was. Below it, more is taken away: at -1
            as if the noise had been four times as strong.

        Returns
        -------
        Restoration
            With its ``settings`` saying so: ``denoise(image, **settings)`` makes it again, and of a stack the
            same choice in each plane.

        Raises
        ------
        ValueError
            If the pictures are not there, or `detail` is out of range.

        Examples
        --------
        >>> import numpy as np, napari_dip as dip
        >>> noisy = np.random.default_rng(0).poisson(20, (32, 32)).astype("uint16")
        >>> restored = dip.denoise(noisy, iterations=5)
        >>> bool((restored.adjusted(1).image == noisy).all()), restored.adjusted(-0.5).settings["detail"]
        (True, -0.5)
        """
        if self.detail is None:
            raise ValueError(
                "the detail of this result can't be chosen afterwards: that is for denoised images that are "
                "in memory, of up to some million pixels. Pass detail= to denoise instead."
            )
        image = self.detail.at(detail)
        settings = {name: value for name, value in self.settings.items() if name != "detail"}
        return replace(
            self,
            image=image,
            settings=settings | ({"detail": float(detail)} if detail else {}),
            residual=self.detail.residual_at(detail),
            uncertainty=None if detail else self.uncertainty,
        )

    def as_python(
        self,
        image: str | os.PathLike[str] | None = None,
        mask: str | os.PathLike[str] | None = None,
        *,
        out: str | os.PathLike[str] | None = None,
    ) -> str:
        """Return a script that makes the same result again, for a paper, a colleague or a larger computer.

        It says what was chosen and what was decided on the way; all else is as the preset has it.

        Parameters
        ----------
        image, mask : path
            The files of the image and of the mask; without them, the script has a place to fill in.
        out : path
            The file that the script writes the result to, by default named after the image's.

        Examples
        --------
        >>> import numpy as np, napari_dip as dip
        >>> restored = dip.denoise(np.eye(32), iterations=5, seed=3, device="cpu", precision="float32")
        >>> print(restored.as_python("cell.tif"))
        import napari_dip as dip
        <BLANKLINE>
        restored = dip.denoise(
            "cell.tif",
            iterations=5,
            seed=3,
            device="cpu",
            precision="float32",
            out="cell.denoised.ome.tif",
        )
        <BLANKLINE>
        """
        from napari_dip.images.files import ending_for, stem_of
        from napari_dip.script import Pixels, as_python

        stem = "image" if image is None else stem_of(image)
        ending = ending_for(self.image.shape, self.image.dtype, self.settings["axes"])
        filled = "nonzero where pixels were filled in; None if those were that are NaN or infinite"
        covered = Pixels(filled, None if mask is None else os.fspath(mask))
        return as_python(
            self.task,
            self.settings,
            Pixels("the pixels of the image", None if image is None else os.fspath(image)),
            covered if self.task == "inpaint" else None,
            out=f"{stem}.{PAST[self.task]}{ending}" if out is None else os.fspath(out),
            planes=self.planes,
            stopped_by=self.stopped_by,
        )

    @property
    def removed(self) -> Any:
        """What was taken away: the image less the result, in its units, as floats.

        It should look like noise. Edges or spots in it are detail that went with the noise. None where the
        pictures are not kept (see `detail`).
        """
        return None if self.detail is None else self.detail.removed_at(self.settings.get("detail", 0))

    @property
    def structure(self) -> float | None:
        """How much more alike neighbouring pixels of `removed` are than the noise makes them.

        The mean of their correlations along each axis: about 0 where noise alone was taken away, a little
        below it where some of the noise stayed, and above 0.05 where detail went with it. None as `removed`.
        """
        return None if self.detail is None else self.detail.structure_at(self.settings.get("detail", 0))

    @property
    def seconds(self) -> float:
        """Time spent computing, over all planes."""
        ends = dict(zip(self.history["run"], self.history["seconds"], strict=True))
        return float(sum(ends.values()))

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.image.shape))
        if self.stopped_by == NOT_COMPUTED:
            came_about = f"lazy, {self.image.npartitions} tasks"
        else:
            came_about = f"{self.iterations} iterations in {self.seconds:.1f} s, stopped by {self.stopped_by}"
        return f"<Restoration {shape} {self.image.dtype}, preset {self.settings['preset']!r}, {came_about}>"

    def _repr_html_(self) -> str:
        """Show in a notebook what came out, small, and how."""
        from napari_dip.preview import as_html

        facts = {
            "result": f"{' × '.join(map(str, self.image.shape))}, {self.image.dtype}",
            "done": f"{PAST.get(self.task, self.task)}, preset {self.settings.get('preset', '?')}",
        }
        if self.stopped_by == NOT_COMPUTED:
            facts["computed"] = "when its pixels are asked for"
            return as_html(None, "", facts)
        facts["took"] = f"{self.iterations} iterations, {self.seconds:.1f} s"
        facts["ended by"] = self.stopped_by
        for what in self.MEASURED:
            value = getattr(self, what)
            if value is not None:
                facts[what.replace("_", " ")] = f"{value:.4g}"
        if self.settings.get("detail"):
            facts["detail"] = f"{self.settings['detail']:g}"
        return as_html(self.image, self.settings.get("axes", ""), facts)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the image as plain JSON."""
        return {
            "iterations": self.iterations,
            "stopped_by": self.stopped_by,
            "residual": self.residual,
            "noise": self.noise,
            **({"planes": self.planes} if self.planes else {}),
            "settings": self.settings,
            "history": self.history,
        }


def origin(task: str) -> dict[str, str]:
    """Return by what a result was made, and as what, for its record."""
    return {"version": version("napari-dip"), "task": task}


def read_json(path: Path) -> Any:
    """Return what a file of settings says.

    Raises
    ------
    ValueError
        If it is no JSON, or so large or so deep that it can't be settings.
    OSError
        If it can't be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}. Check the name")
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(f"{path} has more than {LARGEST_JSON / 2**20:g} MiB, and settings have not")
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error})") from None
    except RecursionError:
        raise ValueError(f"{path} is not JSON of settings, which are not nested so deeply") from None


def plain(value: Any) -> float | None:
    """Return a number as JSON has it, which knows no NaN: None stands for what is not a number."""
    return None if value is None or not math.isfinite(value) else float(value)
