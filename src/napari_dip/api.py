"""The verbs: arrays or layers in, a `Restoration` out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, Protocol, TypeVar

import torch
from numpy.typing import DTypeLike
from tqdm import tqdm

from napari_dip.images.excerpts import Planes
from napari_dip.job import Job
from napari_dip.lazy import restore_lazily
from napari_dip.plan import Plan
from napari_dip.planning import (
    Part,
    asked_to_deblock,
    asked_to_deconvolve,
    asked_to_denoise,
    asked_to_inpaint,
    asked_to_super_resolve,
    plan_deblock,
    plan_deconvolve,
    plan_denoise,
    plan_inpaint,
    plan_super_resolve,
)
from napari_dip.restoration import Restoration
from napari_dip.step import BAR, Step

__all__ = [
    "Job",
    "Restoration",
    "Step",
    "deblock",
    "deconvolve",
    "denoise",
    "inpaint",
    "plan_deblock",
    "plan_deconvolve",
    "plan_denoise",
    "plan_inpaint",
    "plan_super_resolve",
    "super_resolve",
]

R = TypeVar("R", bound=Restoration, covariant=True)


def denoise(
    image: Any,
    *,
    preset: str = "fast",
    iterations: int | None = None,
    seconds: float | None = None,
    stopping: Part = None,
    noise: str | float | Mapping[str, Any] | None = None,
    axes: str | None = None,
    planes: Planes = None,
    device: str | None = None,
    seed: int | None = None,
    network: Part = None,
    input: Part = None,
    optimiser: Part = None,
    likelihood: Part = None,
    averaging: float | None = None,
    tv: float | None = None,
    penalty: Part = None,
    correction: str | None = None,
    guess: int | None = None,
    finish: int | None = None,
    expected: int | None = None,
    precision: str | None = None,
    dtype: DTypeLike | None = None,
    tile: int | None = None,
    warm: bool | None = None,
    neighbours: int | None = None,
    channels: str | None = None,
    detail: float | None = None,
    uncertainty: int | None = None,
    guide: Any = None,
    guided_by: str | None = None,
    repeat: Any = None,
    repeated: str | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
) -> Restoration:
    """Remove the noise of an image with a deep image prior.

    A randomly initialised generator ``f`` with a fixed input ``z`` is fitted to the image ``y`` alone,
    ``min E(f(z), y)``; it takes up structure before noise, and the run stops in between [1]_. Nothing is
    learned from any other image.

    ``denoise(image)`` suits most images: nothing has to be known of the noise, and the run finds its own end.
    Of a stack, say the `axes`; to wait longer for finer detail, ``preset="best"``; for a result that is
    smoother or has more detail, see `detail`. Each other keyword changes one setting of the preset, and None
    leaves it as the preset has it.

    Parameters
    ----------
    image : array_like, napari layer or path, shape ([T, C,] [Z,] Y, X) or (Y, X, RGB)
        Any real dtype, in any intensity unit, of any range. NaN and infinity mark missing pixels, which are
        filled in. The files of paths (OME-Zarr, OME-TIFF, TIFF, PNG, JPEG) and lazy arrays are read plane by
        plane; a dask array is restored when the result is computed, see Notes.
    preset : {'fast', 'best', 'ulyanov2018', 'tv', 'tikhonov'} or str
        The complete settings that the other keywords change. ``'fast'`` has a small network, ``'best'`` a
        larger one that works several times longer; ``'ulyanov2018'`` is the paper's method to the
        letter, and slow; ``'tv'`` (total variation) and ``'tikhonov'`` (smoothness) are no deep image prior,
        and there to compare with. Your own have the names under which you saved them (`napari_dip.presets`).
    iterations : int
        Limit on the iterations for each plane or volume.
    seconds : float
        Limit on the time for each plane or volume, in seconds.
    stopping : {'held-out', 'running-variance', 'whiteness', 'fixed'} or dict
        How the run knows its end: when it gets worse at guessing pixels that it does not see, when the
        picture begins to flicker, when what was removed is most like white noise, or at a limit only. A dict
        sets the rule's own settings, ``{"name": "held-out", "fraction": 0.1}``
        (`napari_dip.engine.stopping`).
    noise : 'auto', float or dict
        The noise: estimated from the image, its standard deviation in the image's units, or a dict of
        ``gain``, ``offset``, ``read_noise`` and ``correlation`` (`napari_dip.images.noise.Noise`).
    axes : str
        A letter for each axis, such as ``"TCZYX"`` or ``"YXC"``. With Z, volumes are restored in 3-D, unless
        `neighbours` says otherwise.
        Without `axes`, the last two are Y and X, a last one of 3 or 4 is colour, and leading ones are a
        stack that is restored plane by plane. A napari layer or file brings its own.
    planes : int, slice or tuple of these
        Which planes (or volumes) of a stack: a number or a slice along its first axis, or one of these for
        each axis of the stack, ``(slice(0, 4), 1)``. The result has these alone, and all its axes. They are
        restored as in the whole stack, along with their `neighbours`; a mask, guide or repeat is that of all.
        Settings don't say which they were, so that what suits a plane can be done of all.
    device : str
        Where to compute: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or ``"auto"``, a graphics processor
        where there is one.
    seed : int
        The same seed gives the same result on the same machine, with the same number of threads.
    network : {'hourglass', 'subpixel', 'picture'} or dict
        The generator, at full or at half the resolution, or none but the pixels, as the presets ``'tv'`` and
        ``'tikhonov'`` have it (`napari_dip.engine.networks`).
    input : {'noise', 'coordinates', 'image'} or dict
        The generator's input ``z`` (`napari_dip.engine.inputs`).
    optimiser : {'adam', 'muon'} or dict
        The step rule (`napari_dip.engine.optimisers`).
    likelihood : {'gaussian', 'l1', 'huber', 'laplacian-l1', 'poisson-gaussian'} or dict
        The data term ``E``: for even noise, for outliers (``'l1'``, ``'huber'``, and ``'laplacian-l1'``,
        which looks at coarser scales too), or for noise that grows with the light
        (`napari_dip.engine.likelihoods`).
    averaging : float
        Decay of the average over iterates, 0 to below 1.
    tv : float
        Weight of total variation beside the logarithm of the data term: more makes flat places flatter. Where
        the network is shown a noisier copy in each step, it needs none: the presets have none then, and 2 is
        some.
    penalty : {'none', 'tv', 'tikhonov'} or dict
        An explicit prior ``R`` as a term of what is minimised, ``E / 2 + weight * R``
        (`napari_dip.engine.penalties`). ``{"name": "tv", "weight": 0.05}`` gives its weight; without one it
        begins strong and falls until the stopping rule ends the run.
    correction : {'none', 'interpolation', 'patches'}
        The quick, classical prior that corrects the generator, as far as held-out pixels speak for it.
    guess : int
        Iterations at the beginning in which missing pixels are fitted to a smooth fill.
    finish : int
        Iterations with all pixels after the stopping rule has found the best.
    expected : int
        Iterations that a run usually takes; for the time left only.
    precision : {'auto', 'float32', 'bfloat16'}
        Of the network's arithmetic; ``'auto'`` is the quicker one, measured once in a session.
    dtype : dtype
        The result's; by default the image's. Integers are rounded and clipped.
    tile : int
        Restore planes and volumes in overlapping tiles of at most this many pixels along each axis. By
        default they are restored whole, or in the largest tiles that fit in memory where that is too small.
        Whatever it is, volumes of more than 16 planes and 2**20 voxels are denoised in slabs of at most 16
        planes.
    warm : bool
        Whether a plane, volume or slab of a stack starts from the network of the one before, where the two
        show much the same. It does by default, and takes a small part of the time then.
    neighbours : int
        Restore a stack plane by plane, also along Z, each with this many planes on each side by one
        generator, of which the plane itself is kept. 2 make a plane of a finely stepped focus nearly as good
        as in 3-D; with 0 each plane is by itself.
    channels : {'apart', 'together'}
        Restore each channel (a named C that is no colour) by itself, or all of a plane or volume by one run,
        each by its own brightness and noise: it takes a part of the time, and they gain by one another where
        they show some of the same structures.
    detail : float
        From -1, smoothest, to 1, the image as it was; 0 is the automatic choice. What suits an image is seen
        best afterwards, without another run, by `Restoration.adjusted`.
    uncertainty : int
        How sure is the result? With 3, each plane or volume is restored 3 times: once for the result, once
        with another seed, and once the result itself with noise made anew. That tells the standard deviation
        of each pixel's error (`Restoration.uncertainty`), its size by pixels that the first two did not see.
        2 or more, to denoise and inpaint. With `out`, it goes to ``NAME-uncertainty`` beside that file.
    guide : array_like, napari image layer or path
        Another image of the same scene, such as a channel that is less noisy: the generator sees it, and
        takes from it what helps to explain the image. Of the image's shape, of one plane or volume for all,
        or finer or coarser by a simple factor; perhaps with channels (or colours) before or after these axes.
        Two layers may differ in scale, translation and shape: they are reconciled in world coordinates. Not
        for dask arrays.
    guided_by : str
        A fingerprint of the guide, as complete settings have it; the guide itself must be given too.
    repeat : array_like, napari image layer or path
        Another capture of the same field, of the image's shape. The mean of both is restored, and what they
        differ by is their noise, exactly: nothing has to be guessed of it. They must lie on one another; you
        are warned where they don't. The result has the brightness of the mean. Not for dask arrays.
    repeated : str
        A fingerprint of the repeat, as complete settings have it; the repeat itself must be given too.
    out : path
        Write the result to this file (``.ome.zarr`` or ``.ome.tif``), plane by plane, with axes, pixel sizes
        and settings: memory holds one plane or volume. A plane may go to a ``.png``. A file that exists is
        never overwritten. Until all is done, the result lies in the folder ``NAME.unfinished`` beside it; the
        same call again, after whatever ended the first one, goes on from there and comes to the same result.
    progress : bool
        Draw a progress bar. Not for dask arrays.
    callback : callable
        Called with a `Step` after each iteration. When it returns True the run stops, and its best estimate
        is kept. Not for dask arrays.

    Returns
    -------
    Restoration
        With the restored ``image``, of the input's shape, dtype and intensities; a dask array of the file
        where `out` was given. Its ``settings`` are complete: ``denoise(image, **settings)`` makes the same
        again, and ``as_python()`` says so as a script.

    Raises
    ------
    ValueError, TypeError
        If an argument can't be used; one sentence says what was given and what is needed.
    MemoryError
        If the run would not fit in memory.
    OSError
        If the image can't be read, or `out` can't be written or exists.

    See Also
    --------
    inpaint : Fill in missing pixels.
    super_resolve : Make an image finer.
    deconvolve : Take a microscope's blur away.
    deblock : Take away what JPEG's compression has put in.
    napari_dip.viewer.denoise : The same in a napari window, live.
    napari_dip.presets : Settings with a name.

    Notes
    -----
    Ctrl-C ends the run and returns the best estimate so far, as ``callback`` returning True does: planes that
    were not reached are the image's, and the file of `out` is not there yet; a warning says so. Of a single
    plane that ``callback`` has stopped, the best estimate is in the file.

    The restoration of a dask array is lazy: its ``image`` is a dask array too, computed by whichever dask
    scheduler is current when it is asked for, on this machine or on many. Each chunk along the stack's axes
    is a task; its planes or volumes are restored one after the other, each from the one before, and chunks
    know nothing of one another. ``docs/cluster.md`` says more.

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

    What it took, how far it is from the original, and the same with a quarter of what was removed put back:

    >>> restored.iterations, len(restored.history["data_term"]), bool(restored.residual > 0)
    (5, 5, True)
    >>> grainier = restored.adjusted(0.25).image

    A file plane by plane into another one, with its axes and pixel sizes:

    >>> dip.denoise("movie.ome.tif", out="movie-denoised.ome.zarr")  # doctest: +SKIP

    >>> import dask.array as da
    >>> stack = da.from_array(np.stack([noisy] * 4), chunks=(2, 32, 32))
    >>> lazy = dip.denoise(stack, iterations=5)
    >>> lazy
    <Restoration 4 x 32 x 32 uint16, preset 'fast', lazy, 2 tasks>
    >>> lazy.image[0].compute().shape
    (32, 32)
    """
    given = {k: v for k, v in locals().items() if k not in ("image", "progress", "callback")}
    return _restore(asked_to_denoise(image, **given), progress, callback)


def inpaint(
    image: Any,
    mask: Any = None,
    *,
    labels: int | Sequence[int] | None = None,
    damage: str | None = None,
    denoise: bool = False,
    preset: str = "fast",
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
    **settings: Any,
) -> Restoration:
    """Fill in missing pixels of an image with a deep image prior.

    The generator is fitted to the known pixels ``m`` alone, ``min || (f(z) - y) * m ||**2``, and tells what
    lies between them [1]_. What lies under the mask is never read.

    Parameters
    ----------
    image : array_like, napari layer or path, shape ([T, C,] [Z,] Y, X) or (Y, X, RGB)
        Any real dtype, in any intensity unit. NaN and infinite pixels are filled in too. A dask array is
        restored when the result is computed, as by `denoise`.
    mask : array_like of bool or int, path, or napari Labels, Shapes or Image layer
        Nonzero where pixels are to be filled in. Of the image's shape without its colours; or of one plane or
        volume, for all of a stack; or without the channels, for all of them. Two layers may differ in scale,
        translation and shape: they are reconciled in world coordinates. A dask array is computed at once: all
        of it tells the kind of damage. Without a mask, or where it is empty, the image is looked through for
        NaN and infinite pixels, and these alone are filled in.
    labels : int or sequence of int
        The labels that count; by default every nonzero one.
    damage : {'scattered', 'scratches', 'holes'}
        Single pixels, narrow lines and text, or large areas; by default told by the mask's shape. Presets
        and the stopping rule differ.
    denoise : bool
        Restore the known pixels too. Otherwise they come back bit for bit.
    preset : {'fast', 'best', 'ulyanov2018', 'tv', 'tikhonov'} or str
        The complete settings for this kind of damage that the other keywords change, or your own.
    progress, callback, **settings
        As `napari_dip.denoise` takes them: ``iterations``, ``seconds``, ``stopping``, ``noise``, ``axes``,
        ``device``, ``seed``, ``dtype``, ``tile``, ``warm``, ``out``, ...; its page explains each.

    Returns
    -------
    Restoration
        With the filled ``image``, of the input's shape, dtype and intensities.

    Raises
    ------
    ValueError, TypeError
        If an argument can't be used, as when there is nothing to fill in, or the mask covers the image or is
        of another shape; one sentence says what was given and what is needed.
    MemoryError
        If the run would not fit in memory.

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020, section 4.3.

    Examples
    --------
    >>> import numpy as np, napari_dip as dip
    >>> image = np.add.outer(np.arange(32), np.arange(32)).astype("uint8")
    >>> scratch = np.zeros((32, 32), bool)
    >>> scratch[14:17, 4:28] = True
    >>> filled = dip.inpaint(image, scratch, iterations=5)
    >>> bool((filled.image == image)[~scratch].all()), filled.settings["damage"]
    (True, 'scratches')
    """
    plan = asked_to_inpaint(
        image, mask, labels=labels, damage=damage, denoise=denoise, preset=preset, **settings
    )
    return _restore(plan, progress, callback)


def super_resolve(
    image: Any,
    factor: int | Sequence[int],
    *,
    kernel: Part | Sequence[Part] = None,
    psf: float | Sequence[float] | None = None,
    preset: str = "fast",
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
    **settings: Any,
) -> Restoration:
    """Increase an image's resolution with a deep image prior.

    The restored image is the generator's output ``x`` whose downsampled version ``A x`` reproduces the image,
    ``min || A f(z) - y ||**2`` [1]_.

    Parameters
    ----------
    image : array_like, napari layer or path, shape ([T, C,] [Z,] Y, X) or (Y, X, RGB)
        Any real dtype, in any intensity unit. NaN marks missing pixels. A dask array is restored when the
        result is computed, as by `denoise`.
    factor : int or sequence of int
        Enlargement of each spatial axis, in pixels per pixel; 1 leaves an axis as it is. ``(4, 1, 1)`` makes
        a volume finer in Z alone, and says that an array of three axes is a volume.
    kernel : {'lanczos', 'box', 'gaussian'} or dict, or one for each spatial axis
        What a pixel of the image saw of the finer ones: a Lanczos window of 2 lobes, as image programs
        resample (the paper's, and the default), their mean, as a camera bins, or a Gaussian point spread
        function, ``{"name": "gaussian", "fwhm": 1.5}`` pixels of the image wide.
    psf : float or sequence of float
        Full width at half maximum of a Gaussian point spread function, in the units of the layer or file (in
        pixels of an array), for all or for each spatial axis: another way to say ``kernel``.
    preset : {'fast', 'best', 'ulyanov2018', 'tv', 'tikhonov'} or str
        The complete settings that the other keywords change, or your own.
    progress, callback, **settings
        As `napari_dip.denoise` takes them: ``iterations``, ``seconds``, ``stopping``, ``noise``, ``axes``,
        ``device``, ``seed``, ``dtype``, ``tile``, ``warm``, ``out``, ...; its page explains each.

    Returns
    -------
    Restoration
        Its ``image`` has ``factor`` times the pixels along each spatial axis. Pixel ``i`` of the original
        covers the pixels ``i * factor`` to ``(i + 1) * factor - 1``. ``residual`` is how far the result,
        downsampled, is from the original, to be compared with ``noise``.

    Raises
    ------
    ValueError, TypeError
        If an argument can't be used, such as a factor below 1; one sentence says what was given and what is
        needed.
    MemoryError
        If the result would not fit in memory; what the fit itself needs is kept in bounds by tiles.

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020, section 4.2.

    Examples
    --------
    >>> import numpy as np, napari_dip as dip
    >>> image = np.add.outer(np.arange(16), np.arange(16)).astype("uint8")
    >>> dip.super_resolve(image, 2, iterations=5).image.shape
    (32, 32)
    >>> dip.super_resolve(np.stack([image] * 4), (4, 1, 1), iterations=2).image.shape
    (16, 16, 16)
    """
    plan = asked_to_super_resolve(image, factor, kernel=kernel, psf=psf, preset=preset, **settings)
    return _restore(plan, progress, callback)


def deconvolve(
    image: Any,
    psf: Any,
    *,
    preset: str = "fast",
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
    **settings: Any,
) -> Restoration:
    """Take a microscope's blur, and the noise, away with a deep image prior.

    The restored image is the generator's output ``x`` that, convolved with the point spread function ``h``
    and seen with the noise, is the image: ``min E(h * f(z), y)``, each pixel weighed by its photon and read
    noise [1]_. The generator's output reaches beyond the frame by half the point spread function: light that
    comes in from outside is explained, and nothing is assumed of the borders.

    Parameters
    ----------
    image : array_like, napari layer or path, shape ([T, C,] [Z,] Y, X) or (Y, X, RGB)
        Any real dtype, in any intensity unit. NaN marks missing pixels. A dask array is restored when the
        result is computed, as by `denoise`.
    psf : array_like, napari layer, path, float, sequence of float or dict
        What the microscope makes of a point, ([Z,] Y, X) in the image's pixels. An array of three axes, or
        three widths, say that an image array of three axes is a volume.

        - Measured: an array of any sizes and scale. The point lies at ``size // 2`` along each axis (as for
          `numpy.fft.fftshift`); faint ends are cut off.
        - A Gaussian: its full width at half maximum, in the units of the layer or file (in pixels of an
          array), for all or for each spatial axis.
        - Computed from the optics (`napari_dip.images.psf.Optics`): ``{"numerical_aperture": 1.4,
          "wavelength": 0.52, "refractive_index": 1.515}``, micrometres, with ``"pixel_size"`` where the layer
          or file doesn't say it, and ``"microscope": "confocal"`` if it is one.
    preset : {'fast', 'best', 'tv', 'tikhonov'} or str
        The complete settings that the other keywords change, or your own.
    progress, callback, **settings
        As `napari_dip.denoise` takes them: ``iterations``, ``seconds``, ``stopping``, ``noise``, ``axes``,
        ``device``, ``seed``, ``dtype``, ``tile``, ``out``, ...

    Returns
    -------
    Restoration
        With the sharp ``image``, of the input's shape, dtype and intensities. ``residual`` is how far the
        result, blurred again, is from the original, to be compared with ``noise``.

    Raises
    ------
    ValueError, TypeError
        If an argument can't be used, such as a point spread function of other axes; one sentence says what
        was given and what is needed.
    MemoryError
        If the run would not fit in memory.

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020, eq. 2, with the blur as what the
       image went through.

    Examples
    --------
    >>> import numpy as np, napari_dip as dip
    >>> blurred = np.random.default_rng(0).poisson(20, (32, 32)).astype("uint16")
    >>> dip.deconvolve(blurred, 2.5, iterations=5).image.shape
    (32, 32)
    >>> optics = {"numerical_aperture": 0.8, "wavelength": 0.52, "refractive_index": 1.0, "pixel_size": 0.2}
    >>> dip.deconvolve(blurred, optics, iterations=5).settings["psf"]["name"]
    'optics'
    """
    return _restore(asked_to_deconvolve(image, psf, preset=preset, **settings), progress, callback)


def deblock(
    image: Any,
    *,
    table: Any = None,
    preset: str = "fast",
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
    **settings: Any,
) -> Restoration:
    """Take the blocks and rings of JPEG's compression away with a deep image prior.

    The generator is fitted to the picture, ``min ||f(z) - y||**2``; it takes up structure before blocks, and
    the run stops in between [1]_. A block's pixels share their error, so that none could be held out to judge
    by; but the file says by how much each block's cosines may be off, and the run ends when what it leaves of
    the picture is as large. Where that isn't known, as of colours, 350 iterations are taken for the best.

    Parameters
    ----------
    image : array_like, napari layer or path, shape ([T, C,] [Z,] Y, X) or (Y, X, RGB)
        As the JPEG file shows it, neither scaled nor turned. The result of a grey picture is kept to what
        would have been stored as the same.
    table : array_like of int, shape (8, 8)
        The file's quantisation table, where a grey picture of 8 bits isn't given as a path: of a file it is
        read.
    preset : {'fast', 'ulyanov2018'} or str
        The complete settings that the other keywords change, or your own.
    progress, callback, **settings
        As `napari_dip.denoise` takes them: ``iterations``, ``seconds``, ``stopping``, ``axes``, ``device``,
        ``seed``, ``dtype``, ``tile``, ``guide``, ``out``, ...

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

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020, section 4.1.

    Examples
    --------
    >>> import numpy as np, napari_dip as dip
    >>> picture = np.add.outer(np.arange(24), np.arange(32)).astype("uint8")
    >>> dip.deblock(picture, iterations=5).image.shape
    (24, 32)
    """
    return _restore(asked_to_deblock(image, table=table, preset=preset, **settings), progress, callback)


def _restore(plan: Plan, progress: bool, callback: Callable[[Step], object] | None) -> Restoration:
    """Do what is planned: at once, or, of a dask array, when its pixels are asked for."""
    if not plan.lazy:
        return finish_job(Job(plan), progress=progress, callback=callback)
    if progress or callback is not None:
        raise ValueError(
            "progress and callback follow a run that is done at once, but a dask array is restored when it "
            "is computed: leave them out and use dask.diagnostics.ProgressBar or the cluster's dashboard, or "
            "pass image.compute()."
        )
    return restore_lazily(plan)


class Work(Protocol[R]):
    """What can be done step by step, as a `Job`."""

    last: Step | None
    warning: str | None

    def __iter__(self) -> Generator[Step]:
        """Do it."""

    def stop(self) -> None:
        """End it after the iteration under way."""

    def result(self) -> R:
        """Return what came of it so far."""


def finish_job(
    job: Work[R], *, progress: bool = False, callback: Callable[[Step], object] | None = None
) -> R:
    """Do all of `job`, or as much as can be done, and return what came of it."""
    bar = tqdm(total=1.0, bar_format=BAR, disable=not progress)
    try:
        # Notebooks that use networks often have gradients switched off for good.
        with torch.inference_mode(False), torch.enable_grad(), closing(iter(job)) as steps:
            for step in steps:
                bar.update(step.progress - bar.n)
                if callback is not None and callback(step) is True:
                    job.stop()
    except KeyboardInterrupt:
        if job.last is None:
            raise
        job.stop()
    finally:
        bar.close()
    result = job.result()
    if job.warning:
        warnings.warn(job.warning, stacklevel=4)
    return result
