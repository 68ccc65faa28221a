"""Make the pictures of docs/settings.md, in docs/images: what wrong settings look like, by real runs.

    python docs/wrong.py [stopped | noise | correlated | blur | finer | mask ...]

Each row has its figures printed: PSNR in dB against the truth, and what the result says of itself.
"""

from __future__ import annotations

import sys

import numpy as np
from drawn import cells, psnr, save
from scipy.ndimage import gaussian_filter

import napari_dip as dip

SIZE = 112


def show(name: str, pictures: dict[str, np.ndarray], truth: np.ndarray) -> None:
    """Write pictures of 0 to 1 side by side, as large as the largest, and print their PSNR."""
    for what, picture in pictures.items():
        if picture.shape == truth.shape and not np.array_equal(picture, truth):
            print(f"{name}: {what}: {psnr(picture, truth):.2f} dB", flush=True)
    side = max(picture.shape[0] for picture in pictures.values())
    alike = [np.kron(p, np.ones((side // p.shape[0],) * 2)) for p in pictures.values()]
    save(f"wrong-{name}", alike, gamma=0.7)


def said(what: str, result: dip.Restoration) -> np.ndarray:
    """Print what a result says of itself, and return its image."""
    structure = "" if result.structure is None else f", structure {result.structure:+.2f}"
    print(
        f"  {what}: {result.iterations} iterations, residual {result.residual:.3f}, noise {result.noise:.3f}"
        + structure,
        flush=True,
    )
    return np.asarray(result.image, float)


def stopped() -> None:
    """A plain generator at 30 photons, stopped too early, by the rule, and too late."""
    truth = cells(SIZE)
    noisy = np.random.default_rng(0).poisson(30 * truth) / 30
    plain = {"correction": "none", "tv": 0, "input": "noise"}
    runs = {
        "too early": {"stopping": "fixed", "iterations": 15},
        "stopping rule": {},
        "too late": {"stopping": "fixed", "iterations": 2500},
    }
    shown = {what: said(what, dip.denoise(noisy, **plain, **how)) for what, how in runs.items()}
    show("stopped", {"noisy": noisy, **shown, "truth": truth}, truth)


def noise() -> None:
    """The noise said to be a third and three times of what it is, and measured."""
    truth = cells(SIZE)
    sigma = 0.1
    noisy = truth + np.random.default_rng(0).normal(0, sigma, truth.shape)
    runs = {"a third": sigma / 3, "measured": None, "three times": 3 * sigma}
    shown = {what: said(what, dip.denoise(noisy, noise=value)) for what, value in runs.items()}
    show("noise", {"noisy": noisy, **shown, "truth": truth}, truth)


def correlated() -> None:
    """Noise that neighbours share, taken for white, and as it was measured; the middle of a larger field."""
    truth = cells(208)
    shared = gaussian_filter(np.random.default_rng(0).normal(size=truth.shape), 0.8, mode="wrap")
    noisy = truth + 0.1 * shared / shared.std()
    runs = {"taken for white": 0.1, "measured": None}
    shown = {what: said(what, dip.denoise(noisy, noise=value)) for what, value in runs.items()}
    for what, picture in ({"noisy": noisy} | shown).items():
        print(f"correlated, the whole field: {what}: {psnr(picture, truth):.2f} dB", flush=True)
    middle = (slice(48, 48 + SIZE),) * 2
    pictures = {"noisy": noisy, **shown, "truth": truth}
    show("correlated", {what: picture[middle] for what, picture in pictures.items()}, truth[middle])


def blur() -> None:
    """A blur of 3 pixels, said to be half as wide, right, and twice as wide."""
    truth = cells(SIZE)
    width, photons = 3.0, 100
    blurred = gaussian_filter(truth, width / np.sqrt(8 * np.log(2)))
    noisy = np.random.default_rng(0).poisson(photons * blurred) / photons
    runs = {"half": width / 2, "right": width, "twice": 2 * width}
    shown = {what: said(what, dip.deconvolve(noisy, value)) for what, value in runs.items()}
    show("blur", {"blurred": noisy, **shown, "truth": truth}, truth)


def finer() -> None:
    """A noisy image made finer by 2 and by 8."""
    truth = cells(96)
    shown = {}
    for factor in (8, 2):
        coarse = truth.reshape(96 // factor, factor, 96 // factor, factor).mean((1, 3))
        noisy = np.random.default_rng(0).poisson(40 * coarse) / 40
        shown[f"coarse by {factor}"] = noisy
        shown[f"{factor} times finer"] = said(f"{factor} times finer", dip.super_resolve(noisy, factor))
    show("finer", {**shown, "truth": truth}, truth)


def mask() -> None:
    """A scratch with soft edges under a mask that is too narrow, and under one that covers them."""
    truth = cells(SIZE)
    y, x = np.indices(truth.shape)
    distance = np.abs(y - 0.6 * x - 14 + 6 * np.sin(x / 14))
    scratched = truth + 0.9 * np.exp(-((distance / 2.2) ** 2))
    shown = {"scratched": scratched}
    for what, reach in (("too narrow", 2), ("wide enough", 4)):
        shown[what] = said(what, dip.inpaint(scratched, distance <= reach))
    show("mask", {**shown, "truth": truth}, truth)


PICTURES = {f.__name__: f for f in (stopped, noise, correlated, blur, finer, mask)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
