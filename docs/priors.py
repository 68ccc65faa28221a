"""Make the picture of docs/priors.md, in docs/images, and print its decibels.

python docs/priors.py
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from imageio.v3 import imwrite
from skimage import data

import napari_dip as dip
from napari_dip.images.synthetic import fluorescence

IMAGES = Path(__file__).parent / "images"
SIZE = 128

# The network by itself, with nothing of an explicit prior.
DEEP: dict[str, Any] = {
    "tv": 0.0,
    "correction": "none",
    "input": {"name": "noise", "channels": 16, "perturbation": 0.02},
}
WAYS: dict[str, dict[str, Any]] = {
    "Tikhonov": {"preset": "tikhonov"},
    "total variation": {"preset": "tv"},
    "deep": DEEP,
    "deep and total variation": DEEP | {"tv": 8.0},
    "the preset fast": {},
}


def pictures() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return a photograph with Gaussian noise and cells of few photons, each with its truth, 0 to 1."""
    rng = np.random.default_rng(0)
    photo = data.camera()[64 : 64 + SIZE, 192 : 192 + SIZE] / 255
    cells = fluorescence((SIZE, SIZE), seed=1)[1].astype(float)
    cells = (cells - cells.min()) / np.ptp(cells)
    return {
        "photograph": (photo + rng.normal(0, 25 / 255, photo.shape), photo),
        "cells": (rng.poisson(20 * cells) / 20, cells),
    }


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB for a peak of 1."""
    return -10 * math.log10(np.mean((image.clip(0, 1) - truth) ** 2))


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Restore both pictures in each way."""
    rows = []
    tell(f"| | noisy | {' | '.join(WAYS)} |\n|{' --- |' * (len(WAYS) + 2)}")
    for name, (noisy, truth) in pictures().items():
        results = [dip.denoise(noisy, **settings).image for settings in WAYS.values()]
        figures = [f"{psnr(image, truth):.2f}" for image in (noisy, *results)]
        tell(f"| {name} | {' | '.join(figures)} |")
        shown = [np.pad(image.clip(0, 1), 1, constant_values=1) for image in (noisy, *results, truth)]
        rows.append(np.hstack(shown))
    picture = (255 * np.vstack(rows)).round().astype("uint8")
    imwrite(IMAGES / "priors.png", np.kron(picture, np.ones((2, 2), "uint8")))


if __name__ == "__main__":
    main()
