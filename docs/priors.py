"""Make the picture of docs/priors.md, in docs/images, and print its decibels.

python docs/priors.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
from drawn import IMAGES, cells, psnr
from imageio.v3 import imwrite
from skimage import data

import napari_dip as dip

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
    light = cells(SIZE)
    return {
        "photograph": (photo + rng.normal(0, 25 / 255, photo.shape), photo),
        "cells": (rng.poisson(20 * light) / 20, light),
    }


def main() -> None:
    """Restore both pictures in each way."""
    rows = []
    print(f"| | noisy | {' | '.join(WAYS)} |\n|{' --- |' * (len(WAYS) + 2)}", flush=True)
    for name, (noisy, truth) in pictures().items():
        results = [dip.denoise(noisy, **settings).image for settings in WAYS.values()]
        figures = [f"{psnr(image, truth):.2f}" for image in (noisy, *results)]
        print(f"| {name} | {' | '.join(figures)} |", flush=True)
        shown = [np.pad(image.clip(0, 1), 1, constant_values=1) for image in (noisy, *results, truth)]
        rows.append(np.hstack(shown))
    picture = (255 * np.vstack(rows)).round().astype("uint8")
    imwrite(IMAGES / "priors.png", np.kron(picture, np.ones((2, 2), "uint8")))


if __name__ == "__main__":
    main()
