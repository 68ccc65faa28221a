"""What the window says about a run, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dip.restoration import Restoration
    from napari_dip.viewer.runs import Run

__all__ = [
    "MOST_FINER",
    "becomes",
    "capital",
    "duration",
    "ending",
    "how_detailed",
    "how_far",
    "how_sure",
    "looks_like_noise",
    "need",
    "number",
    "place",
    "sentence",
    "sharpened",
    "status",
    "steps",
    "time_left",
    "unfinished",
    "whereabouts",
]

ENDINGS = {
    "stopping rule": "Finished: stopped by itself before noise came back",
    "iteration limit": "Finished: reached its limit of iterations",
    "time limit": "Finished: reached its time limit",
    "user": "Stopped: the best result so far is kept",
    "out of memory": "Stopped: out of memory, the best result so far is kept",
    "device failure": "Stopped: the device has failed, what was done before is kept",
    "unreadable image": "Stopped: the image can't be read further, what was done before is kept",
    "divergence": "Stopped: the fit failed, the best result so far is kept",
}

# What comes back of a picture that was compressed are blocks.
UNBLOCKED = "Finished: stopped by itself before the blocks came back"

# Where pixels are filled in alone, there is no noise to come back.
FILLED = "Finished: stopped by itself when no more was to be gained"

# What the entries of a stack's axis are called beside their number; without a name, planes or volumes.
PLACES = {"T": "time", "P": "position", "C": "channel", "Z": "slice"}

# A number and its unit stay in one line.
NARROW = "\N{NO-BREAK SPACE}"

# Planes that are more times finer than this hold more invention than image.
MOST_FINER = 8

# From here on what was removed has structure in it: where no more than noise is, it stays below 0.
STRUCTURE = 0.05


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def sentence(error: Exception) -> str:
    """Return an error's words as a sentence that stands by itself."""
    words = capital(str(error))
    return words if words.endswith(".") else f"{words}."


def duration(seconds: float) -> str:
    """Return a time as a person would say it, rounded: nobody can tell 83 s from 85 s beforehand."""
    if seconds < 10:
        return f"{max(1, round(seconds))}{NARROW}s"
    step = 5 if seconds < 60 else 10 if seconds < 600 else 60
    minutes, rest = divmod(step * round(seconds / step), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return NARROW.join(f"{number}{NARROW}{unit}" for number, unit in parts if number)


def time_left(seconds: float | None, at_least: bool, at_most: bool = False) -> str:
    """Return the time left as a person would say it.

    Parameters
    ----------
    seconds
        An estimate; None when it is too early for one.
    at_least
        The run is past its usual length and still improving, so that the estimate is a lower bound.
    at_most
        What is to come will probably be quicker than what was, so that the estimate is an upper bound.
    """
    if seconds is None:
        return "estimating the time left"
    if at_least:
        return f"still improving, at least {duration(seconds)} left"
    if seconds < 2:
        return "nearly done"
    if at_most:
        return f"at most {duration(seconds)} left"
    return f"about {duration(seconds)} left"


def place(named: Sequence[tuple[str, int | slice]], kind: str) -> str:
    """Return where in a stack something lies, as ``"time 5, channel 1"``, or ``"time 3 to 7"``.

    Parameters
    ----------
    named
        Letters of the stack's axes, each with a number, as the slider shows it, or some numbers.
    kind
        What an axis without a name counts, ``"plane"`` or ``"volume"``.
    """
    parts: list[str] = []
    before = ""
    for letter, at in named:
        word, figures = PLACES.get(letter, kind), str(at)
        if isinstance(at, slice):
            figures = f"{at.start} to {at.stop - 1}" if at.stop - at.start > 1 else str(at.start)
        parts.append(figures if word == before else f"{word} {figures}")
        before = word
    return ", ".join(parts)


def whereabouts(where: str, done: int, of: int, iteration: int) -> str:
    """Return how far the run of a stack is: at which plane, how many of how many are done."""
    return f"{capital(where)} · {done} of {of} done · iteration{NARROW}{iteration}"


def unfinished(done: int, of: int, kind: str, under_way: str) -> str:
    """Return, in a sentence, what became of a stack whose run has ended early, or nothing if it has not.

    Parameters
    ----------
    done, of
        How many planes are done, of how many.
    kind
        ``"plane"`` or ``"volume"``.
    under_way
        Which one was under way, as `place` says it, or nothing.
    """
    if done == of or of == 1:
        return ""
    partly = f"{under_way} as far as it got" if under_way else ""
    others = "the others are" if of - done - bool(under_way) > 1 else "the other one is"
    rest = f"; {others} the original's" if of - done > bool(under_way) else ""
    if not done and partly:
        return f"{capital(under_way)} is restored as far as it got{rest}."
    are = "is" if done == 1 else "are"
    return f"{done} of {of} {kind}s {are} restored{', ' + partly if partly else ''}{rest}."


def number(value: float) -> str:
    """Return a positive measured number to two digits: more are rarely known."""
    if not value > 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = 1 - math.floor(math.log10(value))
    return f"{round(value, digits):.{max(0, digits)}f}" if value >= 1e-4 else f"{value:.1e}"


def becomes(description: str, fine: Sequence[int]) -> str:
    """Return what a plane or volume becomes.

    Parameters
    ----------
    description
        What is restored, as `napari_dip.images.axes.Axes.describe` says it.
    fine
        The spatial shape of the result.
    """
    becomes = " that becomes " if ", each " in description else " becomes "
    return description + becomes + " x ".join(map(str, fine))


def sharpened(spread: Sequence[int]) -> str:
    """Return what is done to an image whose points are spread over so many pixels."""
    unit = "pixels" if len(spread) == 2 else "voxels"
    return f"sharpened by a point spread of {' x '.join(map(str, spread))} {unit}"


def need(memory: int, tiles: int) -> str:
    """Return how much memory, in bytes, a run will take, and in how many tiles a plane is restored."""
    gigabytes = memory / 2**30
    size = f"{gigabytes:.1f}{NARROW}GiB" if gigabytes >= 0.95 else f"{number(memory / 2**20)}{NARROW}MiB"
    parts = f", in {tiles} overlapping tiles" if tiles > 1 else ""
    return f"about {size} of memory{parts}"


def steps(ratio: float) -> str:
    """Return how the Z step compares with the pixel size."""
    if math.isclose(ratio, 1, rel_tol=1e-3):
        return "No larger Z step in the layer's scale."
    said = f"Z step is {ratio:.3g}{NARROW}×{NARROW}the pixel size."
    return said if ratio < MOST_FINER + 0.5 else f"{said} Beyond {MOST_FINER} times finer most is invention."


def how_detailed(detail: float) -> str:
    """Return what is chosen of a result's detail, as `napari_dip.detail.Detail.at` takes it."""
    if detail in (0, 1):
        return "the image as it was" if detail else "automatic"
    return f"{100 * abs(detail):.0f}{NARROW}% {'put back' if detail > 0 else 'smoother'}"


def looks_like_noise(structure: float | None) -> str:
    """Return what is to be said of the structure in what was removed (`Restoration.structure`)."""
    if structure is None:
        return ""
    if structure > STRUCTURE:
        return (
            "Detail went with the noise: neighbouring pixels of what was removed correlate by "
            f"{structure:.2f}, those of noise by 0. Move Detail to the right, or look for edges in the layer."
        )
    return "What was removed looks like noise."


def how_sure(typical: float, largest: float) -> str:
    """Return what a map of standard deviations says.

    Parameters
    ----------
    typical, largest
        The median and about the largest of them, in the image's units.
    """
    return (
        "About two thirds of the pixels should lie within their value in the layer [uncertainty] of the "
        f"truth, 95% within twice that. Half of the values are below {number(typical)}, nearly all below "
        f"{number(largest)}."
    )


def how_far(run: Run) -> str:
    """Return where a run stands, in a line for a console."""
    if run.error is not None:
        return f"failed: {run.error}"
    if run.done and run.result is not None:
        result, best = run.result, run.result.history["best_iteration"]
        at = f", best at iteration {best[-1]}" if len(set(result.history["run"])) == 1 and best[-1] else ""
        return f"done: {result.iterations} iterations in {duration(result.seconds)}{at}, {result.stopped_by}"
    state = "paused" if run.paused else "stopping" if run.stopping else "live"
    if run.step is None:
        return f"{state}, {'waiting for another run' if run.waiting else 'preparing'}"
    iterate, planes = run.step.iterate, run.planes
    parts = [state, f"{run.progress:.0%}"]
    if len(planes) > 1:
        parts.append(f"{sum(planes.done)} of {len(planes)} {planes.kind}s done")
        parts += [planes.say(planes.under_way)] if planes.under_way is not None else []
    parts.append(f"iteration {iterate.iteration}")
    parts += [f"best at {iterate.best_iteration}"] if iterate.best_iteration else []
    bounds = run.past_its_usual_length, run.will_be_quicker
    parts += [] if run.paused else [time_left(run.seconds_left, *bounds)]
    parts += [run.spares] if run.spares else []
    return ", ".join(parts)


def status(run: Run) -> str:
    """Return where a run stands, in a line below its controls."""
    if run.error is not None:
        return f"Not finished: {run.error}"
    if run.result is not None and run.done:
        unfinished = run.planes.unfinished() if run.restored else ""
        return " ".join(part for part in (ending(run.result), unfinished) if part)
    if run.stopping:
        return "Stopping after the iteration under way…"
    if run.step is None:
        return "Waiting for another run to end…" if run.waiting else "Preparing…"
    iteration, planes = run.step.iterate.iteration, run.planes
    if len(planes) > 1 and planes.under_way is not None:
        where = whereabouts(planes.say(planes.under_way), sum(planes.done), len(planes), iteration)
    else:
        where = f"Iteration {iteration}"
    bounds = run.past_its_usual_length, run.will_be_quicker
    left = "paused" if run.paused else time_left(run.seconds_left, *bounds)
    again = "" if run.of is None else "Once more, to see how sure it is"
    spares = "" if run.paused else run.spares
    return " · ".join(part for part in (again, where, left, spares) if part)


def ending(result: Restoration) -> str:
    """Return how a run ended."""
    planes = sorted(set(result.history["run"]))
    seconds = f"{result.seconds:.1f}{NARROW}s" if result.seconds < 10 else duration(result.seconds)
    if len(planes) == 1:
        what = f"best at iteration {result.history['best_iteration'][-1] or result.iterations}, {seconds}"
    else:
        what = f"{result.iterations} iterations, {seconds}"
    how = ENDINGS[result.stopped_by]
    if not result.iterations and result.stopped_by == "user":
        return "Stopped before it began: nothing was restored."
    if not result.iterations and result.stopped_by == "stopping rule":
        return (
            "Finished: nothing was to be restored. The image is the same everywhere, or nothing is missing."
        )
    if result.stopped_by == "stopping rule" and result.settings.get("denoise") is False:
        how = FILLED
    if result.stopped_by == "stopping rule" and result.task == "deblock":
        how = UNBLOCKED
    return f"{how} ({what}).{_fidelity(result)}"


def _fidelity(result: Restoration) -> str:
    """Return how well a finer or sharper result, made coarse or blurred again, is what it was made from."""
    again = {"factor": "Downsampled", "psf": "Blurred again"}
    how = next((again[name] for name in again if name in result.settings), "")
    if not how or result.residual is None:
        return ""
    noise = "" if result.noise is None else f" (its noise: {number(result.noise)})"
    return f" {how}, the result differs from the image by {number(result.residual)}{noise}."
