"""Pictures with a known truth, for the benchmarks.

Everything is in 0 to 1 of the truth's own range, so that PSNR means the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_dip.engine.noise import Noise

GAUSSIAN = (15, 25, 50)
PEAKS = (4, 10, 30)
PHOTONS = (10, 30, 100)


@dataclass(frozen=True)
class Picture:
    """A noisy picture and its truth; its noise where that is known."""

    name: str
    noisy: np.ndarray
    truth: np.ndarray
    noise: Noise | None = None

    def middle(self, size: int | None) -> Picture:
        """Return its middle of `size` x `size` pixels; all of it for None."""
        if size is None:
            return self
        start = [max(0, (length - size) // 2) for length in self.truth.shape]
        where = tuple(slice(first, first + size) for first in start)
        return replace(self, noisy=self.noisy[where], truth=self.truth[where])


def psnr(image: np.ndarray, truth: np.ndarray, where: Any = ...) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1, over some pixels or all.

    What lies outside 0 to 1 is clipped.
    """
    return -10 * math.log10(np.mean((np.clip(image, 0, 1) - truth)[where] ** 2))


def ssim(image: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity as Wang et al. (2004) define it, for a range of 0 to 1."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            np.clip(image, 0, 1), truth, data_range=1, gaussian_weights=True, use_sample_covariance=False
        )
    )


def camera(sigma: float = 25) -> Picture:
    """The camera picture's middle, 256 x 256, with Gaussian noise of `sigma` / 255."""
    return _noisy("camera", _truths()["camera"], "gaussian", sigma)


def synthetic() -> Iterator[Picture]:
    """Three pictures, each with Gaussian noise of three strengths and photon noise of three peaks."""
    for name, truth in _truths().items():
        for sigma in GAUSSIAN:
            yield _noisy(name, truth, "gaussian", sigma)
        for peak in PEAKS:
            yield _noisy(name, truth, "poisson", peak)


def photographs() -> Iterator[Picture]:
    """Camera and coins of `synthetic`."""
    return (picture for picture in synthetic() if not picture.name.startswith("fluorescence"))


def micrographs() -> Iterator[Picture]:
    """Synthetic fluorescence as a camera records it, with three numbers of photons at the brightest point."""
    from napari_dip.images.synthetic import GAIN, OFFSET, READ_NOISE, fluorescence

    for photons in PHOTONS:
        noisy, truth = (image.astype(np.float64) for image in fluorescence((256, 256), peak=photons, seed=1))
        dark, span = float(truth.min()), float(np.ptp(truth))
        # Rounding to whole counts adds a twelfth to the variance.
        sigma = math.sqrt((GAIN * READ_NOISE) ** 2 + 1 / 12) / span
        noise = Noise(GAIN / span, (OFFSET - dark) / span, sigma)
        yield Picture(f"micrograph, {photons} photons", (noisy - dark) / span, (truth - dark) / span, noise)


def captures(folder: Path, *, all_of_them: bool = False) -> Iterator[Picture]:
    """Single captures of a folder with ``raw/NAME.png`` and ``gt/NAME.png``, one of each field or all."""
    from skimage.io import imread

    seen: set[str] = set()
    for raw in sorted((folder / "raw").glob("*.png"), reverse=True):
        field = raw.stem.rsplit("_", 1)[0]
        if all_of_them or field not in seen:
            seen.add(field)
            noisy, truth = imread(raw) / 255, imread(folder / "gt" / raw.name) / 255
            yield Picture(raw.stem, noisy, truth, fit_noise(noisy, truth))


def fit_noise(noisy: np.ndarray, truth: np.ndarray) -> Noise:
    """Fit the variance as a straight line over the truth, by least squares of ``(noisy - truth)**2``."""
    # In bright places the detector saturates, and there is less noise than the line says.
    inside = truth < 0.5
    x, squares = truth[inside], (noisy - truth)[inside] ** 2
    expected = np.full(x.shape, squares.mean())
    for _ in range(5):
        # A square scatters by as much as its expected value.
        gain, constant = (float(part) for part in np.polyfit(x, squares, 1, w=1 / expected))
        expected = np.maximum(gain * x + constant, squares.mean() / 100)
    if gain <= 0:
        return Noise(0.0, 0.0, math.sqrt(squares.mean()))
    if constant < 0:
        return Noise(gain, -constant / gain, 0.0)
    return Noise(gain, 0.0, math.sqrt(constant))


def middle(name: str, size: int = 256) -> np.ndarray:
    """Return the middle of a grey picture of scikit-image's, or synthetic fluorescence, in 0 to 1."""
    from skimage import data

    from napari_dip.images.synthetic import fluorescence

    if name == "fluorescence":
        cells = fluorescence((size, size), seed=1)[1].astype(np.float64)
        return (cells - cells.min()) / np.ptp(cells)
    picture = getattr(data, name)()
    grey = picture @ (0.299, 0.587, 0.114) if picture.ndim == 3 else picture
    start = [(length - size) // 2 for length in grey.shape]
    return grey[start[0] : start[0] + size, start[1] : start[1] + size] / 255


def _truths() -> dict[str, np.ndarray]:
    from skimage import data

    return {
        "camera": data.camera()[64:320, 128:384] / 255,
        "coins": data.coins()[:256, 64:320] / 255,
        "fluorescence": middle("fluorescence"),
    }


def _noisy(name: str, truth: np.ndarray, kind: str, level: float) -> Picture:
    rng = np.random.default_rng(0)
    if kind == "gaussian":
        noisy, noise = truth + rng.normal(0, level / 255, truth.shape), Noise(0.0, 0.0, level / 255)
    else:
        noisy, noise = rng.poisson(truth * level) / level, Noise(1 / level, 0.0, 0.0)
    return Picture(f"{name}, {kind} {level:g}", noisy, truth, noise)
