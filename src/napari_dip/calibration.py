"""Settings for a microscope, found on a few images of which more is known than one capture each tells.

The authors of the method fixed their settings on images that they held out, once for all. Here the user's own
take their place: of each the truth is known, or it was captured twice. A second capture, whose noise is its
own, tells an estimate's error as the truth does, but for its noise's variance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from napari_dip import presets
from napari_dip.engine.components import shown
from napari_dip.engine.presets import PRESETS
from napari_dip.fields import Field
from napari_dip.images.noise import Noise, noise_of
from napari_dip.job import Job
from napari_dip.planning import plan_denoise
from napari_dip.step import BAR

__all__ = ["Calibration", "Tried", "calibrate"]

# Numbers of iterations are tried from the first on, each so many times the last, up to so many times as many
# as a run usually takes.
FIRST, STEP, BEYOND = 20, 1.35, 1.5
DETAIL, NOISE, NUMBER = "detail", "noise of the microscope", "that, and a number of iterations"
DETAILS = (-0.4, -0.2, -0.1, 0.05, 0.1)
# A gain below this, in dB, or below its own uncertainty, or whose uncertainty can't be told, is none.
WORTH = 0.05

# Of each way to find settings, what could be chosen, and the error then.
Errors = dict[str, dict[float, float]]


@dataclass(frozen=True)
class Tried:
    """A way to find settings, and what it gained on images that it was not shown.

    Parameters
    ----------
    what
        What was tried.
    settings
        What it comes to with all images, as keywords of `napari_dip.denoise` beside the preset.
    gain, uncertainty
        By how many dB the mean squared error falls, and the standard error of that over the images.
    gains
        Of each image by itself. Where the error is small beside the noise, NaN: it is not known well enough.
    """

    what: str
    settings: dict[str, Any] = field(repr=False)
    gain: float
    uncertainty: float
    gains: tuple[float, ...] = field(repr=False)


@dataclass
class Calibration:
    """What a calibration came to.

    Attributes
    ----------
    preset
        What to pass as ``preset=`` to `napari_dip.denoise`: the name under which the settings were saved, or
        the preset that they are based on, where they were not, or nothing was better than it.
    base
        The preset that was to be beaten.
    settings
        Keywords of `napari_dip.denoise`: ``denoise(image, **settings)`` uses them without a name.
    gain, uncertainty
        By how many dB the mean squared error is below the preset's, on images that had no part in the choice
        of the settings, and its standard error; 0 where nothing was better.
    tried
        Everything that was tried.
    """

    preset: str
    base: str
    settings: dict[str, Any]
    gain: float
    uncertainty: float
    tried: tuple[Tried, ...]

    def save(self, name: str, *, overwrite: bool = False) -> Path:
        """Save the settings as a preset of the user's, as `napari_dip.presets.save` does.

        Raises
        ------
        ValueError
            If nothing was better than the preset that was to be beaten, or the name can't be used.
        """
        if not self.gain:
            raise ValueError(
                f"nothing was better than the preset {self.base!r}, so there is nothing to save: use that."
            )
        path = presets.save(name, self.settings, noise=self.settings.get("noise"), overwrite=overwrite)
        self.preset = name
        return path

    @property
    def table(self) -> str:
        """What was tried, and what each gained."""
        wide = max(len(one.what) for one in self.tried)
        lines = [f"{'on images that were left out':{wide}}   dB better than {self.base!r}   of each image"]
        for one in self.tried:
            each = " ".join("?" if math.isnan(gain) else f"{gain:+.2f}" for gain in one.gains)
            lines.append(f"{one.what:{wide}}   {one.gain:+.2f} +- {one.uncertainty:.2f}   {each}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        if not self.gain:
            last = f"Nothing is better than the preset {self.base!r}: keep it."
        elif self.preset == self.base:
            last = "Keep the best with .save(name), or use .settings."
        else:
            last = f"The best is your preset {self.preset!r}."
        return f"<Calibration on {len(self.tried[0].gains)} images>\n{self.table}\n{last}"


def calibrate(
    images: Iterable[Any],
    *,
    truths: Iterable[Any] | None = None,
    repeats: Iterable[Any] | None = None,
    name: str | None = None,
    overwrite: bool = False,
    preset: str = "fast",
    axes: str | None = None,
    device: str | None = None,
    seed: int | None = None,
    precision: str | None = None,
    progress: bool = False,
) -> Calibration:
    """Find the settings that suit a microscope, from a few images of which the truth or a repeat is known.

    Three things are tried beside the preset: another *detail*; the microscope's *noise*, measured in all
    images and used in place of each image's own estimate; and with it a *number of iterations* in place of
    the stopping rule, so that no pixel is held out. The gain of each is measured on every image in turn, with
    what was found in the others: it is what the next image of the kind may gain.

    It takes three runs an image. Every number of iterations is judged on the way of one of them.

    Parameters
    ----------
    images : iterable of array_like, napari layer or path
        At least two, better four or more: planes, or volumes with ``axes="ZYX"``, from the same microscope
        with the same settings, in the same units. Of one large field, parts that don't overlap.
    truths : iterable, as `images`
        Of each image what it should look like, as the mean of many captures.
    repeats : iterable, as `images`
        In place of truths: of each image another capture of the same field.
    name : str
        Save what is found as this preset, if it is better than `preset`.
    overwrite : bool
        Whether a preset of that name may be replaced.
    preset : str
        What is to be beaten, and what the settings are based on.
    axes, device, seed, precision
        As `napari_dip.denoise` takes them.
    progress : bool
        Draw a progress bar.

    Returns
    -------
    Calibration
        With the `settings`, and their `gain` in dB. Shown, it is a table of what was tried.

    Raises
    ------
    ValueError, TypeError
        If the images can't be used; one sentence says why.

    Notes
    -----
    With a repeat ``y'`` of noise variance ``v``, the error of an estimate ``x`` made of the image is
    ``mean((x - y')**2) - v``, without bias, as the noise of ``y'`` had no part in ``x``. The brightness of
    the two is matched first.

    Examples
    --------
    >>> import numpy as np, napari_dip as dip
    >>> rng = np.random.default_rng(0)
    >>> y, x = np.mgrid[:32, :32]
    >>> light = np.stack([20 + 10 * np.sin(x / 4) * np.sin(y / 5), 20 + 10 * np.cos(x / 3) * np.sin(y / 4)])
    >>> first, second = rng.poisson(light), rng.poisson(light)
    >>> found = dip.calibrate(first, repeats=second)  # doctest: +SKIP
    >>> dip.denoise(another, **found.settings)  # doctest: +SKIP
    """
    if (truths is None) == (repeats is None):
        raise TypeError("give truths or repeats, one of them: what is known of each image besides itself.")
    clean = truths is not None
    others: Any = truths if clean else repeats
    for several in (images, others):
        if not isinstance(several, Iterable) or isinstance(several, str):
            raise TypeError(
                f"images, truths and repeats are several each, but {shown(several)} was given: put it into "
                "a list."
            )
    pairs = list(itertools.zip_longest(images, others))
    if any(one is None for pair in pairs for one in pair):
        counts = [sum(pair[n] is not None for pair in pairs) for n in (0, 1)]
        what = "truths" if clean else "repeats"
        raise ValueError(f"there are {counts[0]} images and {counts[1]} {what}: give one for each image.")
    if len(pairs) < 2:
        raise ValueError(
            f"a calibration takes at least two images, each to be left out once, but {len(pairs)} was given. "
            "Of one large field, give parts that don't overlap."
        )
    if name is not None:
        presets.check_name(name, overwrite=overwrite)
    known = [Field.of(*pair, axes, clean, number) for number, pair in enumerate(pairs, 1)]
    common = {"preset": preset, "device": device, "seed": seed, "precision": precision, "dtype": "float64"}
    bar = tqdm(total=3 * len(known), bar_format=BAR, disable=not progress)
    with bar:
        errors = [
            _errors(each, noise_of([other.sample for other in known if other is not each]), common, bar)
            for each in known
        ]
    found = _chosen(errors, noise_of([each.sample for each in known]), preset)
    if name is not None and found.gain:
        found.save(name, overwrite=overwrite)
    return found


def _errors(each: Field, noise: Noise, common: Mapping[str, Any], bar: Any) -> Errors:
    """Return how well everything that is tried does on an image, given the noise of the others."""

    def run(**settings: Any) -> Job:
        given = {key: value for key, value in (*common.items(), *settings.items()) if value is not None}
        return plan_denoise(each.image, axes=each.axes, **given)

    def follow(job: Job, look: Callable[[Job, int], None] | None = None) -> Job:
        before = bar.n
        for step in job:
            if look is not None:
                look(job, step.iterate.iteration)
            bar.update(before + step.progress - bar.n)
        bar.update(before + 1 - bar.n)
        return job

    plain = follow(run()).result()
    details = {0.0: each.error(plain.image)}
    if plain.detail is not None:
        details |= {detail: each.error(plain.adjusted(detail).image) for detail in DETAILS}
    measured = {1.0: each.error(follow(run(noise=noise.to_dict())).result().image)}
    stops: dict[float, float] = {}
    looks = _looks(min(BEYOND * plain.settings["expected"], plain.settings["iterations"]))

    def look(job: Job, iteration: int) -> None:
        if iteration in looks:
            stops[float(iteration)] = each.error(job.settled())

    follow(run(noise=noise.to_dict(), stopping="fixed", iterations=looks[-1]), look)
    return {DETAIL: details, NOISE: measured, NUMBER: stops}


def _looks(most: float) -> list[int]:
    """Return the numbers of iterations that are tried."""
    count = math.floor(math.log(max(most, FIRST) / FIRST, STEP)) + 1
    return [min(round(FIRST * STEP**n), math.floor(most)) for n in range(count)]


def _settings(what: str, choice: float, noise: Noise) -> dict[str, Any]:
    """Return what a choice means for `denoise`."""
    if what == DETAIL:
        return {"detail": choice} if choice else {}
    said: dict[str, Any] = {"noise": noise.to_dict()}
    if what == NUMBER:
        said |= {"stopping": {"name": "fixed", "at": int(choice)}, "finish": 0}
    return said


def _best(errors: Sequence[Errors], what: str) -> float:
    """Return the choice with the least error over some images, among those that all of them know."""
    common = set.intersection(*(set(one[what]) for one in errors))
    return min(sorted(common, key=abs), key=lambda choice: sum(one[what][choice] for one in errors))


def _tried(errors: Sequence[Errors], what: str, noise: Noise) -> Tried:
    """Return what is gained on each image by what was chosen with the others."""
    before = np.array([one[DETAIL][0.0] for one in errors])
    after = np.array(
        [one[what][_best([*errors[:n], *errors[n + 1 :]], what)] for n, one in enumerate(errors)]
    )
    each = [_decibel(*pair) for pair in zip(before, after, strict=True)]
    without = np.array(
        [_decibel(before.sum() - b, after.sum() - a) for b, a in zip(before, after, strict=True)]
    )
    jackknife = math.sqrt((len(errors) - 1) * float(np.mean((without - without.mean()) ** 2)))
    return Tried(
        what,
        _settings(what, _best(errors, what), noise),
        _decibel(before.sum(), after.sum()),
        jackknife,
        tuple(each),
    )


def _decibel(before: float, after: float) -> float:
    """Return by how many dB an error has fallen; NaN where one of them is lost in the noise."""
    return 10 * math.log10(before / after) if before > 0 and after > 0 else math.nan


def _chosen(errors: Sequence[Errors], noise: Noise, preset: str) -> Calibration:
    base = {"preset": preset} if preset in PRESETS["denoise"] else presets.load(preset)
    tried = tuple(_tried(errors, what, noise) for what in (DETAIL, NOISE, NUMBER))
    sure = [one for one in tried if one.settings and one.gain > WORTH and one.gain > one.uncertainty]
    if not sure:
        return Calibration(preset, preset, base, 0.0, 0.0, tried)
    best = max(sure, key=lambda one: one.gain)
    if best.what == NUMBER:  # of what a run comes to as it is
        base = {key: value for key, value in base.items() if key != "detail"}
    return Calibration(preset, preset, base | best.settings, best.gain, best.uncertainty, tried)
