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

Image = NDArray[np.float64]


def fluorescence(
    shape: tuple[int, int] = (512, 512), *, peak: float = 30.0, seed: int = 0
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
    if not (peak > 0 and math.isfinite(peak)):
        raise ValueError(f"peak is {peak}, but an image needs a positive number of photons.")

    scene_rng, noise_rng = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    scene = _scene(shape, scene_rng)
    photons = peak * scene / scene.max()

    counted = noise_rng.poisson(photons) + noise_rng.normal(0.0, READ_NOISE, shape)
    noisy = np.clip(np.rint(OFFSET + GAIN * counted), 0, np.iinfo(np.uint16).max)
    return noisy.astype(np.uint16), (OFFSET + GAIN * photons).astype(np.float32)


def _scene(shape: tuple[int, int], rng: np.random.Generator) -> Image:
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

    sharp = 0.38 * nuclei + 0.62 * filaments + 1.7 * puncta
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
    _splat(filaments, y.ravel(), x.ravel(), weight.ravel())


def _add_puncta(puncta: Image, centre: Image, rng: np.random.Generator) -> None:
    """Vesicles around a nucleus: points, a few of them pairs closer than they can be resolved."""
    count = int(rng.integers(14, 34))
    angle, radius = rng.uniform(0, 2 * math.pi, count), 38 + rng.gamma(2.0, 11.0, count)
    weight = rng.uniform(1.0, 4.0, count)
    y, x = centre[0] + radius * np.sin(angle), centre[1] + radius * np.cos(angle)
    pairs = slice(0, count // 5)
    y, x = np.r_[y, y[pairs] + rng.normal(0, 2.5, y[pairs].size)], np.r_[x, x[pairs] + 2.0]
    _splat(puncta, y, x, np.r_[weight, weight[pairs]])


def _splat(image: Image, y: Image, x: Image, weight: Image) -> None:
    """Add points to an image, each shared between the four pixels around it."""
    iy, ix = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = y - iy, x - ix
    for dy, dx, share in (
        (0, 0, (1 - fy) * (1 - fx)),
        (0, 1, (1 - fy) * fx),
        (1, 0, fy * (1 - fx)),
        (1, 1, fy * fx),
    ):
        inside = (iy + dy >= 0) & (iy + dy < image.shape[0]) & (ix + dx >= 0) & (ix + dx < image.shape[1])
        np.add.at(image, (iy[inside] + dy, ix[inside] + dx), (weight * share)[inside])


def _window(canvas: tuple[Any, ...], centre: Image, reach: int) -> tuple[tuple[slice, slice], Image, Image]:
    """The part of a canvas around a point, and its pixels' coordinates from that point."""
    lo = [max(0, int(c) - reach) for c in centre]
    hi = [max(low, min(n, int(c) + reach)) for low, n, c in zip(lo, canvas, centre, strict=True)]
    y, x = np.mgrid[lo[0] : hi[0], lo[1] : hi[1]].astype(float)
    return (slice(lo[0], hi[0]), slice(lo[1], hi[1])), y - centre[0], x - centre[1]
