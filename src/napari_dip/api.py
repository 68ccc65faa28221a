"""The verbs: arrays or layers in, a `Restoration` out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from tqdm import tqdm

from napari_dip.engine.presets import preset as preset_named
from napari_dip.images.axes import Axes
from napari_dip.images.noise import Noise
from napari_dip.job import Job, Step
from napari_dip.restoration import Restoration

__all__ = ["Job", "Restoration", "Step", "denoise", "plan_denoise"]

Part = str | Mapping[str, Any] | None


def denoise(
    image: Any,
    *,
    preset: str = "fast",
    iterations: int | None = None,
    seconds: float | None = None,
    stopping: Part = None,
    noise: str | float | Mapping[str, Any] | None = None,
    axes: str | None = None,
    device: str | None = None,
    seed: int | None = None,
    network: Part = None,
    input: Part = None,
    optimiser: Part = None,
    likelihood: Part = None,
    averaging: float | None = None,
    tv: float | None = None,
    finish: int | None = None,
    expected: int | None = None,
    precision: str | None = None,
    dtype: DTypeLike | None = None,
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
) -> Restoration:
    """Remove the noise of an image with a deep image prior.

    A randomly initialised generator ``f`` with a fixed input ``z`` is fitted to the image ``y`` alone,
    ``min E(f(z), y)``; it takes up structure before noise, and the run stops in between [1]_. Nothing is
    learned from any other image.

    Parameters
    ----------
    image : array_like or napari layer, shape ([T, C,] [Z,] Y, X) or (Y, X, RGB)
        Any real dtype, in any intensity unit, of any range. NaN and infinity mark missing pixels, which are
        filled in. Dask arrays are read plane by plane.
    preset : {'fast', 'best', 'ulyanov2018'}
        The complete settings that the other keywords change. ``'ulyanov2018'`` is the paper's.
    iterations : int
        Limit on the iterations for each plane or volume.
    seconds : float
        Limit on the time for each plane or volume, in seconds.
    stopping : {'held-out', 'running-variance', 'whiteness', 'fixed'} or dict
        When to stop; a dict sets the rule's own settings, ``{"name": "held-out", "fraction": 0.1}``.
    noise : 'auto', float or dict
        The noise: estimated from the image, its standard deviation in the image's units, or a dict of
        ``gain``, ``offset``, ``read_noise`` and ``correlation`` (`napari_dip.images.noise.Noise`).
    axes : str
        A letter for each axis, such as ``"TCZYX"`` or ``"YXC"``. With Z, volumes are restored in 3-D.
        Without `axes`, the last two are Y and X, a last one of 3 or 4 is colour, and leading ones are a
        stack that is restored plane by plane. A napari layer brings its own.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    seed : int
        The same seed gives the same result on the same machine.
    network : {'hourglass', 'subpixel'} or dict
        The generator.
    input : {'noise', 'coordinates', 'image'} or dict
        The generator's input.
    optimiser : {'adam', 'muon'} or dict
        The step rule.
    likelihood : {'gaussian', 'l1', 'huber', 'poisson-gaussian'} or dict
        The data term.
    averaging : float
        Decay of the average over iterates, 0 to below 1.
    tv : float
        Weight of total variation beside the logarithm of the data term.
    finish : int
        Iterations with all pixels after the stopping rule has found the best.
    expected : int
        Iterations that a run usually takes; for the time left only.
    precision : {'auto', 'float32', 'bfloat16'}
        Of the network's arithmetic.
    dtype : dtype
        The result's; by default the image's. Integers are rounded and clipped.
    progress : bool
        Draw a progress bar.
    callback : callable
        Called with a `Step` after each iteration. When it returns True the run stops, and its best estimate
        is kept.

    Returns
    -------
    Restoration
        With the restored ``image``, of the input's shape, dtype and intensities.

    Raises
    ------
    ValueError, TypeError
        If an argument can't be used; one sentence says what was given and what is needed.
    MemoryError
        If the run would not fit in memory.

    Notes
    -----
    Ctrl-C ends the run and returns the best estimate so far, as ``callback`` returning True does.

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020.

    Examples
    --------
    >>> import numpy as np, napari_dip as dip
    >>> noisy = np.random.default_rng(0).poisson(20, (32, 32)).astype("uint16")
    >>> restored = dip.denoise(noisy, iterations=5)
    >>> restored.image.shape, restored.image.dtype, restored.stopped_by
    ((32, 32), dtype('uint16'), 'iteration limit')
    """
    given = {k: v for k, v in locals().items() if k not in ("image", "progress", "callback")}
    return finish_job(plan_denoise(image, **given), progress=progress, callback=callback)


def plan_denoise(
    image: Any,
    *,
    preset: str = "fast",
    noise: str | float | Mapping[str, Any] | None = None,
    axes: str | None = None,
    dtype: DTypeLike | None = None,
    **settings: Any,
) -> Job:
    """Check the arguments of `denoise` and return the job that it would do."""
    array, axes, rgb = _array_and_axes(image, axes)
    engine = preset_named(preset).changed(**settings)
    return Job(
        array,
        Axes.of(array.shape, axes, rgb),
        engine,
        noise=_noise(noise),
        preset=preset,
        dtype=None if dtype is None else np.dtype(dtype),
    )


def finish_job(
    job: Job, *, progress: bool = False, callback: Callable[[Step], object] | None = None
) -> Restoration:
    """Do all of `job`, or as much as can be done, and return what came of it."""
    bar = tqdm(total=1.0, bar_format=_BAR, disable=not progress)
    try:
        for step in job:
            bar.update(step.progress - bar.n)
            if callback is not None and callback(step) is True:
                job.stop()
    except KeyboardInterrupt:
        if job.last is None:
            raise
        job.stop()
    finally:
        bar.close()
    if job.warning:
        warnings.warn(job.warning, stacklevel=3)
    return job.result()


_BAR = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def _array_and_axes(image: Any, axes: str | None) -> tuple[Any, str | None, bool | None]:
    """Return the array of an array or layer, its axes where they are known, and whether it is RGB."""
    rgb = None
    if hasattr(image, "as_layer_data_tuple"):  # a napari layer, known by what it does: no import needed
        rgb = bool(getattr(image, "rgb", False))
        axes = axes or layer_axes(image)
        image = image.data[0] if getattr(image, "multiscale", False) else image.data
    if not (hasattr(image, "shape") and hasattr(image, "dtype")):
        image = np.asarray(image)
    return image, axes, rgb


def layer_axes(layer: Any) -> str | None:
    """Return the axes that a napari layer's labels name, or None where they name none.

    Labels count when they are the usual letters or words (``"z"``, ``"time"``); napari's own default labels
    do not.
    """
    words = {"time": "T", "channel": "C", "depth": "Z", "plane": "Z"}
    labels = [
        words.get(str(label).lower(), str(label).upper()) for label in getattr(layer, "axis_labels", ())
    ]
    letters = "".join(labels) + ("C" if getattr(layer, "rgb", False) else "")
    usual = all(len(label) == 1 and label in "TCZYXPQ" for label in labels)
    return letters if labels and usual and letters.count("Y") == letters.count("X") == 1 else None


def _noise(noise: str | float | Mapping[str, Any] | None) -> Noise | None:
    if noise is None or noise == "auto":
        return None
    if isinstance(noise, Mapping):
        return Noise.from_dict(noise)
    if isinstance(noise, int | float) and not isinstance(noise, bool) and noise >= 0:
        return Noise(gain=0.0, offset=0.0, read_noise=float(noise), correlation=())
    raise ValueError(
        f"noise must be 'auto', a standard deviation of 0 or more in the image's units, or a dict of gain, "
        f"offset, read_noise and correlation, but is {noise!r}."
    )
