"""Pictures with a known truth, for the benchmarks.

Everything is in 0 to 1 of the truth's own range, so that PSNR means the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

GAUSSIAN = (15, 25, 50)
PEAKS = (4, 10, 30)


@dataclass(frozen=True)
class Picture:
    """A noisy picture and its truth."""

    name: str
    noisy: np.ndarray
    truth: np.ndarray


def psnr(image: np.ndarray, truth: np.ndarray, where: Any = ...) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 1, over some pixels or all.

    What lies outside 0 to 1 is clipped.
    """
    return -10 * math.log10(np.mean((np.clip(image, 0, 1) - truth)[where] ** 2))


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


def captures(folder: Path, *, all_of_them: bool = False) -> Iterator[Picture]:
    """Single captures of a folder with ``raw/NAME.png`` and ``gt/NAME.png``, one of each field or all."""
    from skimage.io import imread

    seen: set[str] = set()
    for raw in sorted((folder / "raw").glob("*.png"), reverse=True):
        field = raw.stem.rsplit("_", 1)[0]
        if all_of_them or field not in seen:
            seen.add(field)
            yield Picture(raw.stem, imread(raw) / 255, imread(folder / "gt" / raw.name) / 255)


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

    from napari_dip.images.synthetic import fluorescence

    cells = fluorescence((256, 256), seed=1)[1].astype(np.float64)
    return {
        "camera": data.camera()[64:320, 128:384] / 255,
        "coins": data.coins()[:256, 64:320] / 255,
        "fluorescence": (cells - cells.min()) / np.ptp(cells),
    }


def _noisy(name: str, truth: np.ndarray, kind: str, level: float) -> Picture:
    rng = np.random.default_rng(0)
    if kind == "gaussian":
        noisy = truth + rng.normal(0, level / 255, truth.shape)
    else:
        noisy = rng.poisson(truth * level) / level
    return Picture(f"{name}, {kind} {level:g}", noisy, truth)
