"""Fluorescence images made by code, with their truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.filters import gaussian

OFFSET = 100.0
"""Camera counts in the dark."""

GAIN = 4.0
"""Camera counts for each detected photon."""

READ_NOISE = 1.6
"""Standard deviation of the camera's own noise, in photons (detected electrons)."""

PIXEL_SIZE = 0.108
"""Micrometres from pixel to pixel: a 6.5 µm camera behind a 60x objective."""

_PSF_SIGMA = 1.1  # pixels: a high-aperture objective at this pixel size
_HAZE_SIGMA = 14.0  # pixels: light from above and below the focal plane

RESOLUTION = 0.25
"""Full width at half maximum of a bead in the truth of `beads`, in micrometres, along each axis."""

SLICE_FWHM = 1.0
"""Full width at half maximum, in Z steps, of what a slice of `beads` sees in depth."""

Image = NDArray[np.float64]


def fluorescence(
    shape: tuple[int, int] = (512, 512),
    *,
    peak: float = 30.0,
    seed: int = 0,
    stains: tuple[float, float, float] = (0.38, 0.62, 1.7),
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Make a fluorescence image of cells, as a camera would record it, and its noise-free truth.

    The scene holds what makes restoration hard: nuclei with a fine chromatin texture, filaments of the
    cytoskeleton that cross, puncta at the resolution limit, and out-of-focus haze. It is blurred
    by the microscope and recorded with Poisson noise of the photons and Gaussian noise of the camera::

        truth = OFFSET + GAIN * photons
        noisy = round(OFFSET + GAIN * (Poisson(photons) + Normal(0, READ_NOISE)))

    with ``OFFSET = 100`` counts, ``GAIN = 4`` counts per photon and ``READ_NOISE = 1.6`` photons.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns. A pixel is 0.108 µm wide whatever the shape; a larger image shows more cells.
    peak : float
        Photons at the brightest point. It scales the scene's brightness and changes nothing else, so that
        one seed gives the same scene, and the same truth up to scale, at every photon level.
    seed : int
        Chooses the scene and the noise.
    stains : tuple of float
        How bright nuclei, filaments and puncta are. With one seed they are the same, so that two mixtures are
        two channels of the same cells.

    Returns
    -------
    noisy : ndarray of uint16
        What the camera recorded, in counts.
    truth : ndarray of float32
        The expected value of `noisy`, in counts.

    Raises
    ------
    ValueError
        If `shape` is not two positive numbers or `peak` is not positive.

    Examples
    --------
    >>> noisy, truth = fluorescence((64, 96), peak=10)
    >>> noisy.shape, noisy.dtype
    ((64, 96), dtype('uint16'))
    >>> float(truth.max())
    140.0
    """
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(
            f"shape is {shape}, but a fluorescence image has two positive sides: (rows, columns)."
        )
    _check_peak(peak)

    scene_rng, noise_rng = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    scene = _scene(shape, scene_rng, stains)
    photons = peak * scene / scene.max()
    return _recorded(photons, noise_rng), (OFFSET + GAIN * photons).astype(np.float32)


def beads(
    shape: tuple[int, int, int] = (16, 96, 96), factor: int = 4, *, peak: float = 200.0, seed: int = 0
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Make a stack of fluorescent beads and filaments that is coarse in Z, and its isotropic truth.

    Beads are points, some of them pairs one above the other that the stack hardly tells apart. The truth has
    voxels of 0.108 µm, and a bead in it is a Gaussian that is 0.25 µm wide (at half its maximum) along every
    axis: the resolution in the plane of a high-aperture confocal microscope. Each slice of the stack is the
    Gaussian mean of the truth's planes around its centre, one Z step wide (0.43 µm at a factor of 4); in all,
    a bead there is 0.50 µm long::

        mean = downsampled(truth)
        coarse = round(mean + GAIN * noise),  noise = Poisson + Normal(0, READ_NOISE)

    Slice ``i`` covers the planes ``i * factor`` to ``(i + 1) * factor - 1`` and its centre is theirs, in the
    convention of `napari_dip.engine.operators.Downsample`, of which
    ``Downsample((factor, 1, 1), (Gaussian(SLICE_FWHM),))`` is this very downsampling.

    Parameters
    ----------
    shape : tuple of int
        Slices, rows and columns of the stack. A larger one shows more beads.
    factor : int
        Planes of the truth for each slice: the Z step over the pixel size.
    peak : float
        Photons at the brightest point of the truth.
    seed : int
        Chooses the scene and the noise.

    Returns
    -------
    coarse : ndarray of uint16, shape (slices, rows, columns)
        What the camera recorded, in counts.
    truth : ndarray of float32, shape (slices * factor, rows, columns)
        Without noise, in counts.

    Raises
    ------
    ValueError
        If `shape` is not three positive numbers, `factor` is below 2 or `peak` is not positive.

    Examples
    --------
    >>> coarse, truth = beads((6, 32, 40))
    >>> coarse.shape, truth.shape
    ((6, 32, 40), (24, 32, 40))
    """
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"shape is {shape}, but a stack has three positive sides: (slices, rows, columns).")
    if factor < 2:
        raise ValueError(f"factor is {factor}, but a slice of a coarse stack covers two planes or more.")
    _check_peak(peak)

    scene_rng, noise_rng = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    scene = _bead_scene((shape[0] * factor, *shape[1:]), scene_rng)
    photons = peak * scene / scene.max()
    mean = np.tensordot(_slices(shape[0], factor), photons, 1)
    return _recorded(mean, noise_rng), (OFFSET + GAIN * photons).astype(np.float32)


def _check_peak(peak: float) -> None:
    if not (peak > 0 and math.isfinite(peak)):
        raise ValueError(f"peak is {peak}, but an image needs a positive number of photons.")


def _recorded(photons: Image, rng: np.random.Generator) -> NDArray[np.uint16]:
    """What the camera makes of so many photons."""
    counted = rng.poisson(photons) + rng.normal(0.0, READ_NOISE, photons.shape)
    return np.clip(np.rint(OFFSET + GAIN * counted), 0, np.iinfo(np.uint16).max).astype(np.uint16)


def _scene(shape: tuple[int, int], rng: np.random.Generator, stains: tuple[float, float, float]) -> Image:
    """The light that reaches the camera, in arbitrary units."""
    # Cells come from a canvas that is wider than the image, so that the edges cut through some.
    margin = 40
    canvas = (shape[0] + 2 * margin, shape[1] + 2 * margin)

    centres = _scattered(canvas, spacing=125.0, rng=rng)
    cells = np.zeros(canvas)
    nuclei = np.zeros(canvas)
    filaments = np.zeros(canvas)
    puncta = np.zeros(canvas)
    texture = _texture(canvas, rng)
    for centre in centres:
        brightness = rng.uniform(0.7, 1.3)
        _add_nucleus(nuclei, cells, centre, brightness, texture, rng)
        _add_filaments(filaments, centre, brightness, rng)
        _add_puncta(puncta, centre, rng)
    filaments *= 1.0 - 0.75 * np.clip(gaussian(nuclei > 0.05, 2.0), 0.0, 1.0)  # few cross a nucleus

    sharp = stains[0] * nuclei + stains[1] * filaments + stains[2] * puncta
    focused = gaussian(sharp, _PSF_SIGMA, mode="reflect")
    haze = gaussian(sharp, _HAZE_SIGMA, mode="reflect")
    light: Image = focused + 0.35 * haze + 0.05 * cells + 0.02
    return light[margin : margin + shape[0], margin : margin + shape[1]]


def _scattered(canvas: tuple[int, int], spacing: float, rng: np.random.Generator) -> Image:
    """Points on a jittered hexagonal lattice: cells that touch but do not sit on each other."""
    row = spacing * math.sqrt(3) / 2
    points = [
        (row * (i + 0.5), spacing * (j + 0.25 + 0.5 * (i % 2)))
        for i in range(math.ceil(canvas[0] / row))
        for j in range(math.ceil(canvas[1] / spacing))
    ]
    return np.array(points) + rng.uniform(-0.24, 0.24, (len(points), 2)) * spacing


def _texture(canvas: tuple[int, int], rng: np.random.Generator) -> Image:
    """Smooth noise at two scales, of mean 0 and standard deviation 1: chromatin."""
    coarse = gaussian(rng.standard_normal(canvas), 4.5, mode="wrap") * 4.5
    fine = gaussian(rng.standard_normal(canvas), 1.8, mode="wrap") * 1.8
    both: Image = coarse + 0.8 * fine
    both -= both.mean()
    both /= both.std()
    return both


def _add_nucleus(
    nuclei: Image,
    cells: Image,
    centre: Image,
    brightness: float,
    texture: Image,
    rng: np.random.Generator,
) -> None:
    """A nucleus with chromatin and dark nucleoli, and the faint body of its cell."""
    window, y, x = _window(nuclei.shape, centre, reach=75)
    tilt, ratio, size = rng.uniform(0, math.pi), rng.uniform(1.05, 1.5), rng.uniform(31, 43)
    u = (y * math.cos(tilt) + x * math.sin(tilt)) * math.sqrt(ratio)
    v = (x * math.cos(tilt) - y * math.sin(tilt)) / math.sqrt(ratio)
    angle = np.arctan2(v, u)
    wobble = sum(rng.normal(0, 0.025) * np.cos(k * angle + rng.uniform(0, 2 * math.pi)) for k in (2, 3, 4, 5))
    depth = 1.0 - np.hypot(u, v) / (size * (1.0 + wobble))  # 1 at the centre, 0 on the envelope
    inside = np.clip(depth * size / 1.5, 0.0, 1.0)  # an edge 1.5 pixels wide
    body = 0.75 + 0.25 * np.sqrt(np.clip(depth, 0.0, 1.0))  # thicker in the middle
    body *= np.clip(1.0 + 0.30 * texture[window], 0.3, None)
    for _ in range(rng.integers(1, 4)):
        at, width = rng.uniform(-0.45, 0.45, 2) * size, rng.uniform(3.5, 6.5)
        body *= 1.0 - 0.7 * np.exp(-((((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * width**2)) ** 2))
    np.maximum(nuclei[window], brightness * inside * body, out=nuclei[window])
    cells[window] += brightness * np.exp(-(np.hypot(u, v) ** 2) / (2 * (1.1 * size) ** 2))


def _add_filaments(filaments: Image, centre: Image, brightness: float, rng: np.random.Generator) -> None:
    """Persistent random walks that start beside the nucleus and run outwards."""
    count, steps, step = 34, 300, 0.5
    start = rng.uniform(0, 2 * math.pi, count)
    heading = start + rng.normal(0, 0.7, count)
    bends = rng.normal(0, 0.035, (steps, count)) + rng.normal(0, 0.004, count)
    headings = heading + np.cumsum(bends, axis=0)
    radius = rng.uniform(22, 46, count)
    y = centre[0] + radius * np.sin(start) + step * np.cumsum(np.sin(headings), axis=0)
    x = centre[1] + radius * np.cos(start) + step * np.cumsum(np.cos(headings), axis=0)
    length = rng.uniform(0.3, 1.0, count) * steps
    alive = np.arange(steps)[:, None] < length
    weight = brightness * rng.uniform(0.5, 1.3, count) * alive * step
    _splat(filaments, (y.ravel(), x.ravel()), weight.ravel())


def _add_puncta(puncta: Image, centre: Image, rng: np.random.Generator) -> None:
    """Vesicles around a nucleus: points, a few of them pairs closer than they can be resolved."""
    count = int(rng.integers(14, 34))
    angle, radius = rng.uniform(0, 2 * math.pi, count), 38 + rng.gamma(2.0, 11.0, count)
    weight = rng.uniform(1.0, 4.0, count)
    y, x = centre[0] + radius * np.sin(angle), centre[1] + radius * np.cos(angle)
    pairs = slice(0, count // 5)
    y, x = np.r_[y, y[pairs] + rng.normal(0, 2.5, y[pairs].size)], np.r_[x, x[pairs] + 2.0]
    _splat(puncta, (y, x), np.r_[weight, weight[pairs]])


def _bead_scene(shape: tuple[int, int, int], rng: np.random.Generator) -> Image:
    """Beads and filaments in the resolution of the truth, in arbitrary units."""
    # They come from a larger canvas, so that the borders cut through some.
    margin = 10
    canvas = np.array(shape) + 2 * margin
    light = np.zeros(canvas)

    count = max(2, round(canvas.prod() / 24_000))
    centres, weight = rng.uniform(0, canvas, (count, 3)).T, rng.uniform(0.5, 1.2, count)
    pairs = slice(0, count // 4)
    above = centres[:, pairs] + [[7.0], [0.0], [0.0]]
    _splat(light, np.c_[centres, above], np.r_[weight, weight[pairs]])

    # Persistent random walks, in all directions but steeply upwards.
    filaments, steps, step = max(1, round(canvas.prod() / 90_000)), 240, 0.5
    heading = rng.normal(0, 1, (3, filaments)) * [[0.5], [1.0], [1.0]]
    path = np.zeros((steps, 3, filaments))
    for i in range(1, steps):
        heading = heading / np.linalg.norm(heading, axis=0) + rng.normal(0, 0.06, heading.shape)
        path[i] = path[i - 1] + step * heading
    path += rng.uniform(0.1, 0.9, (3, filaments)) * canvas[:, None] - path[steps // 2]
    dense = np.broadcast_to(0.2 * rng.uniform(0.6, 1.2, filaments) * step, (steps, filaments))
    _splat(light, path.transpose(1, 0, 2).reshape(3, -1), dense.ravel())

    sigma = RESOLUTION / PIXEL_SIZE / math.sqrt(8 * math.log(2))
    blurred: Image = gaussian(light, sigma, mode="constant")
    inside = tuple(slice(margin, margin + side) for side in shape)
    scene: Image = blurred[inside] + 0.02 * blurred.max()
    return scene


def _slices(count: int, factor: int) -> Image:
    """The matrix (slices, planes) of what the slices of `beads` see."""
    sigma = SLICE_FWHM * factor / math.sqrt(8 * math.log(2))
    centres = (np.arange(count) + 0.5) * factor - 0.5
    distance = np.arange(count * factor) - centres[:, None]
    weights = np.exp(-0.5 * (distance / sigma) ** 2) * (np.abs(distance) < max(4 * sigma, 1.0))
    weights /= weights.sum(1, keepdims=True)
    means: Image = weights
    return means


def _splat(image: Image, points: Any, weight: Image) -> None:
    """Add points, given axis by axis, to an image, each shared between the pixels around it."""
    floor = [np.floor(along).astype(int) for along in points]
    part = [along - low for along, low in zip(points, floor, strict=True)]
    for corner in np.ndindex((2,) * image.ndim):
        share = np.ones_like(weight)
        inside = np.ones(weight.shape, bool)
        for side, low, upper, size in zip(corner, floor, part, image.shape, strict=True):
            share = share * (upper if side else 1 - upper)
            inside &= (low + side >= 0) & (low + side < size)
        at = tuple((low + side)[inside] for low, side in zip(floor, corner, strict=True))
        np.add.at(image, at, (weight * share)[inside])


def _window(canvas: tuple[Any, ...], centre: Image, reach: int) -> tuple[tuple[slice, slice], Image, Image]:
    """The part of a canvas around a point, and its pixels' coordinates from that point."""
    lo = [max(0, int(c) - reach) for c in centre]
    hi = [max(low, min(n, int(c) + reach)) for low, n, c in zip(lo, canvas, centre, strict=True)]
    y, x = np.mgrid[lo[0] : hi[0], lo[1] : hi[1]].astype(float)
    return (slice(lo[0], hi[0]), slice(lo[1], hi[1])), y - centre[0], x - centre[1]
