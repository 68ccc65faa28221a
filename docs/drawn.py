"""What the scripts beside the pages share: cells, how near a picture is to them, pictures side by side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from imageio.v3 import imwrite

from napari_dip.images.synthetic import fluorescence

IMAGES = Path(__file__).parent / "images"


def cells(size: int) -> np.ndarray:
    """Return synthetic fluorescence without noise, 0 to 1."""
    truth = fluorescence((size, size), seed=1)[1].astype(float)
    return (truth - truth.min()) / np.ptp(truth)


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, for a peak of 1."""
    return float(-10 * np.log10(np.mean((image.clip(0, 1) - truth) ** 2)))


def save(name: str, pictures: Iterable[np.ndarray], gamma: float = 1.0) -> None:
    """Write pictures of 0 to 1 side by side, each pixel as four."""
    row = np.hstack([np.pad(p.clip(0, 1) ** gamma, ((0, 0), (0, 2)), constant_values=1) for p in pictures])
    imwrite(IMAGES / f"{name}.png", np.kron((255 * row).astype("uint8"), np.ones((2, 2), "uint8")))
