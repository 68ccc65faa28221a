"""Images in files are restored one after the other, and what becomes of each is said."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from napari_dip.cli.files import Failure, Work, opened
from napari_dip.cli.told import DONE, FAILED, INTERRUPTED, Speaker, UsageError, printable, sentence_of
from napari_dip.engine.components import shown
from napari_dip.images.files import beside, in_full, is_path, readable, stem_of
from napari_dip.restoration import Restoration, plain

if TYPE_CHECKING:
    from napari_dip.step import Step

__all__ = ["restore"]

# What an image may be restored by, beside its mask.
OTHERS = ("guide", "repeat", "psf")
# By what a run ends that is not as good as it should be.
CUT_SHORT = ("out of memory", "unreadable image", "device failure", "divergence")
EXISTS = (
    "exists already. Take --skip-existing to leave it, --overwrite to make it anew, or another name after -o"
)
AGAIN = "Take --overwrite to make it anew"
# The presets of which a verb's settings are looked at before there is an image.
PRESETS = {
    "denoise": "denoise",
    "inpaint": "holes",
    "super_resolve": "super-resolve",
    "deconvolve": "deconvolve",
    "deblock": "deblock",
}


class CtrlC(AbstractContextManager["CtrlC"]):
    """The first Ctrl-C asks for an end after the iteration under way, the second one is the end.

    Attributes
    ----------
    asked
        Whether there was a first one.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> CtrlC:
        # Where it is ignored, as in the background of a script, it stays so.
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _hear(self, *signal: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # The file's own write may be under way: not through it.
        os.write(2, b"\nnapari-dip: stopping after this iteration (Ctrl-C again: at once)\n")


class Bar(tqdm):  # type: ignore[type-arg]
    """How far a file is, and how long it takes yet."""

    def __init__(self, label: str, shown: bool) -> None:
        self.step: Step | None = None
        super().__init__(
            total=1.0,
            desc=label,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{left}{where}",
            disable=not shown,
            leave=False,
            dynamic_ncols=True,
        )

    @property
    def format_dict(self) -> dict[str, Any]:
        step, facts = self.step, dict(super().format_dict)
        stack = step is not None and step.runs > 1
        left = "?" if step is None else self.format_interval(step.seconds_left)
        where = f", {step.run + 1} of {step.runs}" if step is not None and stack else ""
        return facts | {"left": left, "where": where}

    def follow(self, step: Step) -> None:
        """Show where a job stands."""
        self.step = step
        self.update(step.progress - self.n)


@dataclass
class Tally:
    """What became of the images so far; of those that are not restored it says so."""

    speaker: Speaker
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("restored", "there already", "not interrupted", "failed"), 0)
    )

    def leave(self, work: Work, what: str, why: str) -> None:
        """An image is left out, and counts as `what`."""
        facts = {"input": str(work.image), "output": str(work.out), "skipped": True}
        self.speaker.say(f"{work.image}: {why}", facts)
        self.counts[what] += 1

    def fail(self, name: object, out: Path | None, error: Exception) -> None:
        """Something went wrong with an image."""
        facts = {"input": str(name)} | ({} if out is None else {"output": str(out)})
        self.speaker.say("", facts | {"error": self.speaker.fail(name, error)})
        self.counts["failed"] += 1


def restore(
    verb: str,
    works: Sequence[Work],
    failures: Sequence[Failure],
    settings: Mapping[str, Any],
    speaker: Speaker,
    *,
    overwrite: bool = False,
    skip_existing: bool = False,
    resume: bool = False,
    said: Collection[str] = ("axes", "table"),
) -> int:
    """Restore all images; return the exit code.

    Parameters
    ----------
    verb
        The name of the verb in `napari_dip.api`.
    works
        The images.
    failures
        What is wrong already.
    settings
        The verb's.
    speaker
        Says what is done.
    overwrite, skip_existing
        What becomes of a result that exists: a new one takes its place when it is finished, or it stays,
        which is no failure.
    resume
        Whether what was never begun, or is finished, is left out.
    said
        Which of the settings are said of these images; others may be those of another one, and what belongs
        to that, its axes and its quantisation, counts where it fits.

    Raises
    ------
    UsageError
        If the settings can't be used with any image.
    """
    tally = Tally(speaker)
    for failure in failures:
        tally.fail(failure.name, None, ValueError(failure.sentence))
    todo = []
    for work in works:
        existing = next(filter(os.path.lexists, _files(work.out, settings)), None)
        if resume and existing is not None and _is_begun(_new_name(work.out, settings)):
            again = "a run that was to overwrite it was interrupted. Take --overwrite to go on with it"
            tally.fail(work.image, work.out, FileExistsError(f"{work.out} exists, and {again}"))
        elif resume and not _is_begun(work.out):
            tally.leave(work, "not interrupted", "no run of it was interrupted")
        elif existing is None or overwrite:
            todo.append(work)
        elif skip_existing and existing == work.out:
            tally.leave(work, "there already", f"{work.out} is there already")
        else:
            tally.fail(work.image, work.out, FileExistsError(f"{existing} {EXISTS}"))
    if todo:
        _check(verb, settings)
    with CtrlC() as ctrl_c:
        for number, work in enumerate(todo, 1):
            name = printable(work.image.name)
            name = name if len(name) < 40 else f"{name[:36]}..."
            label = f"{number}/{len(todo)} {name}" if len(todo) > 1 else name
            try:
                fitting = _fitting(settings, said, work.image, speaker)
                with Bar(label, speaker.bar) as bar:
                    result, made = _restore(verb, work, fitting, bar, ctrl_c, speaker)
            except KeyboardInterrupt:
                speaker.warn(work.image, "interrupted. Do the same again to go on")
                return INTERRUPTED
            except Exception as error:
                tally.fail(work.image, work.out, error)
                continue
            speaker.say(_line(work, result) if made else "", _facts(work, result, made))
            if ctrl_c.asked:
                return INTERRUPTED
            tally.counts["failed" if result.stopped_by in CUT_SHORT or not made else "restored"] += 1
    if len(works) + len(failures) > 1:
        speaker.say(", ".join(f"{count} {what}" for what, count in tally.counts.items() if count), None)
    return FAILED if tally.counts["failed"] else DONE


def _files(out: Path, settings: Mapping[str, Any]) -> list[Path]:
    """Return the files that are made of an image: its result, and how sure that is if it is asked."""
    return [out, beside(out, "uncertainty")] if settings.get("uncertainty") else [out]


def _is_begun(path: Path) -> bool:
    from napari_dip.unfinished import is_begun  # takes seconds

    return is_begun(path)


def _check(verb: str, settings: Mapping[str, Any]) -> None:
    """Refuse once what could be used with no image."""
    from napari_dip.engine.devices import choose_device
    from napari_dip.engine.settings import Settings
    from napari_dip.planning import refuse_unusable
    from napari_dip.presets import choose_preset

    engine = {one.name: settings.get(one.name) for one in fields(Settings)}
    try:
        task = verb.replace("_", "-")
        chosen = choose_preset(settings.get("preset", "fast"), task, PRESETS[verb]).engine.changed(**engine)
        choose_device(chosen.device)
        np.dtype(settings.get("dtype"))
        if not isinstance(axes := settings.get("axes"), str | None):
            raise TypeError(f"axes must be a letter for each axis, such as 'TCZYX', but is {shown(axes)}")
        refuse_unusable(settings)
    except (TypeError, ValueError) as error:
        raise UsageError(sentence_of(error)) from error


def _restore(
    verb: str, work: Work, settings: Mapping[str, Any], bar: Bar, ctrl_c: CtrlC, speaker: Speaker
) -> tuple[Restoration, bool]:
    """Restore an image into its file; return what became of it, and whether the file is there."""
    from napari_dip import api  # takes seconds

    if ctrl_c.asked:
        raise KeyboardInterrupt
    first = True

    def follow(step: Step) -> bool:
        nonlocal first
        if ctrl_c.asked and first:  # nobody wants the first of hundreds of iterations
            raise KeyboardInterrupt
        first = False
        bar.follow(step)
        return ctrl_c.asked

    files = {file.resolve() for file in _files(work.out, settings)}
    for name in OTHERS:
        other = settings.get(name)
        if is_path(other) and in_full(other).resolve() in files:
            raise ValueError(f"the result can't be {other}, its {name}. Choose another name with -o")
    new = _new_name(work.out, settings)
    given = {} if work.mask is None else {"mask": work.mask}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        result: Restoration = getattr(api, verb)(work.image, out=new, callback=follow, **given, **settings)
    bar.close()
    speaker.pass_on(work.image, warned)
    made = new.exists()
    ended_early = made and result.stopped_by in ("user", *CUT_SHORT)
    if ended_early:
        what = f"{new} is the best until then. {AGAIN}" if new == work.out else f"the old {work.out} stays"
        speaker.warn(work.image, f"ended by {result.stopped_by}; {what}")
    if made and new != work.out:
        for told, place in zip(_files(new, settings), _files(work.out, settings), strict=True):
            if ended_early or os.path.lexists(place):
                _remove(told if ended_early else place)
            if not ended_early:
                told.rename(place)
        if ended_early:
            return result, False
        old = beside(work.out, "uncertainty")
        if old not in _files(work.out, settings) and os.path.lexists(old):
            speaker.warn(work.image, f"{old} stays, and is of the result that was overwritten")
    return result, made


def _fitting(
    settings: Mapping[str, Any], said: Collection[str], image: Path, speaker: Speaker
) -> Mapping[str, Any]:
    """Return the settings without what is not said of this image, and belongs to another one."""
    fitting = dict(settings)
    if "axes" in settings and "axes" not in said:
        axes, own = str(settings["axes"]).upper(), opened(image)[1].axes
        alike = len(axes) == len(own) and all(
            theirs in (mine, "Q") or mine == "Q" or {mine, theirs} == {"C", "S"}
            for mine, theirs in zip(own, axes, strict=True)
        )
        if not alike:
            del fitting["axes"]
            speaker.note(f"{image}: its axes are {own}, and not {axes} as those of the settings")
    if "table" in settings and "table" not in said:
        from napari_dip.images.jpeg import quantisation_of

        if quantisation_of(image) is not None:
            del fitting["table"]
    return fitting


def _new_name(out: Path, settings: Mapping[str, Any]) -> Path:
    """Return where a result is written to: if something has its name, to another one first."""
    if not any(map(os.path.lexists, _files(out, settings))):
        return out
    if out.is_dir() and not readable(out):
        raise FileExistsError(f"{out} is a folder, and no image: it is not overwritten. Choose another name")
    stem = stem_of(out)
    return out.with_name(f"{stem}.new{out.name[len(stem) :]}")


def _remove(image: Path) -> None:
    if image.is_dir() and not image.is_symlink():
        shutil.rmtree(image)
    else:
        image.unlink()


def _facts(work: Work, result: Restoration, made: bool) -> dict[str, Any]:
    failed = {} if made else {"error": f"not made: ended by {result.stopped_by}"}
    return {
        "input": str(work.image),
        "output": str(work.out) if made else None,
        **failed,
        "iterations": result.iterations,
        "stopped_by": result.stopped_by,
        "residual": plain(result.residual),
        "noise": plain(result.noise),
        "seconds": round(result.seconds, 3),
        **({"planes": result.planes} if result.planes else {}),
        "settings": result.settings,
    }


def _line(work: Work, result: Restoration) -> str:
    noise = f", noise {result.noise:.3g}" if result.noise is not None else ""
    how = f"{result.iterations} iterations in {result.seconds:.1f} s{noise}, {result.stopped_by}"
    return f"{work.image} -> {work.out} ({how})"
