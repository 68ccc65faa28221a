"""What the window says about a run, in plain words."""

from __future__ import annotations

from napari_dip.restoration import Restoration

__all__ = ["duration", "ending", "time_left"]

ENDINGS = {
    "stopping rule": "Finished: stopped by itself before noise came back",
    "iteration limit": "Finished: reached its limit of iterations",
    "time limit": "Finished: reached its time limit",
    "user": "Stopped: the best result so far is kept",
    "out of memory": "Stopped: out of memory, the best result so far is kept",
    "divergence": "Stopped: the fit failed, the best result so far is kept",
}

# A number and its unit stay in one line.
NARROW = "\N{NO-BREAK SPACE}"


def duration(seconds: float) -> str:
    """Return a time as a person would say it, rounded: nobody can tell 83 s from 85 s beforehand."""
    if seconds < 10:
        return f"{max(1, round(seconds))}{NARROW}s"
    step = 5 if seconds < 60 else 10 if seconds < 600 else 60
    minutes, rest = divmod(step * round(seconds / step), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return NARROW.join(f"{number}{NARROW}{unit}" for number, unit in parts if number)


def time_left(seconds: float | None, at_least: bool) -> str:
    """Return the time left as a person would say it.

    Parameters
    ----------
    seconds
        An estimate; None when it is too early for one.
    at_least
        The run is past its usual length and still improving, so that the estimate is a lower bound.
    """
    if seconds is None:
        return "estimating the time left"
    if at_least:
        return f"still improving, at least {duration(seconds)} left"
    if seconds < 2:
        return "nearly done"
    return f"about {duration(seconds)} left"


def ending(result: Restoration) -> str:
    """Return how a run ended."""
    planes = sorted(set(result.history["run"]))
    seconds = f"{result.seconds:.1f}{NARROW}s" if result.seconds < 10 else duration(result.seconds)
    if len(planes) == 1:
        what = f"iteration {result.history['best_iteration'][-1] or result.iterations}, {seconds}"
    else:
        what = f"{result.iterations} iterations, {seconds}"
    return f"{ENDINGS[result.stopped_by]} ({what})."
