"""How well is a blur taken away, against Richardson and Lucy's iteration stopped at its best?

    python benchmarks/deconvolution.py
    python benchmarks/deconvolution.py --volume               # beads and filaments in 3-D
    python benchmarks/deconvolution.py --picture camera --psf gaussian --set tv=2 likelihood=gaussian
    options: --preset NAME  --size N  --save FOLDER

A picture is blurred, its surroundings with it, and recorded in photons, so many at its brightest point. The
fit is given that and the point spread function. Richardson and Lucy's is scikit-image's, on the picture
mirrored at its borders; of its iterates the best by the truth counts. Pixels (px) are the period down to
which a result agrees with the truth (Fourier ring correlation above 1/2).
"""

from __future__ import annotations

import argparse
import ast
import time
from pathlib import Path

import numpy as np
from frc import resolution
from pictures import middle, psnr
from reporting import machine, parser_of, save
from scipy.signal import fftconvolve
from skimage.restoration import richardson_lucy

import napari_dip as dip
from napari_dip.images.psf import GaussianPSF, Optics
from napari_dip.images.synthetic import OFFSET, beads

PSFS = {"gaussian": GaussianPSF(3.5), "airy": Optics(0.8, 0.52, 1.0, 0.1)}
COUNTS = [1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 45, 70, 100, 150]


def recorded(name: str, psf: np.ndarray, photons: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what was counted, in photons, and the truth, 0 to 1."""
    around = psf.shape[0] - 1
    whole = middle(name, size + around)
    clean = fftconvolve(whole, psf, mode="valid").clip(0)
    half = around // 2
    counted = np.random.default_rng(0).poisson(photons * clean)
    return counted, whole[half : half + size, half : half + size]


def lucy(counted: np.ndarray, psf: np.ndarray, truth: np.ndarray, photons: float) -> tuple[np.ndarray, int]:
    """Return the iterate with the highest PSNR, and its number."""
    around = [side // 2 for side in psf.shape]
    padded = np.pad(counted / photons, [(side, side) for side in around], mode="reflect")
    inside = tuple(slice(side, -side) for side in around)
    found = {n: richardson_lucy(padded, psf, n, clip=False)[inside] for n in COUNTS}
    best = max(found, key=lambda n: psnr(found[n], truth))
    return found[best], best


def line(name: str, kind: str, photons: float, options: argparse.Namespace) -> None:
    """Print a line about one picture."""
    spread = PSFS[kind]
    psf = spread.array(2)
    counted, truth = recorded(name, psf, photons, options.size)
    rivals, number = lucy(counted, psf, truth, photons)
    results = {"blurred": counted / photons, f"Richardson-Lucy ({number})": rivals}
    words = [f"{name}, {kind}, {photons:g} photons"]
    for preset in options.preset:
        start = time.perf_counter()
        r = dip.deconvolve(counted.astype("float32"), spread, preset=preset, **options.set)
        results[f"{preset} ({r.iterations}, {time.perf_counter() - start:.0f} s)"] = r.image / photons
    words += [
        f"{what} {psnr(image, truth):.2f} dB, {resolution(image, truth):.2f} px"
        for what, image in results.items()
    ]
    print("; ".join(words), flush=True)
    if options.save:
        save(options.save / f"{name}-{kind}-{photons:g}.png", *results.values(), truth)


def volume(options: argparse.Namespace) -> None:
    """Print a line about a volume of beads, 100 photons at the brightest point."""
    widths = (4.5, 2.5, 2.5)
    psf = GaussianPSF(widths).array(3)
    whole = beads((8, 64, 64))[1].astype(float)
    whole = (whole - OFFSET) / (whole.max() - OFFSET)
    counted = np.random.default_rng(0).poisson(100 * fftconvolve(whole, psf, mode="valid").clip(0))
    truth = whole[tuple(slice(side // 2, -(side // 2)) for side in psf.shape)]
    rivals, number = lucy(counted, psf, truth, 100)
    words = [f"{counted.shape}: blurred {psnr(counted / 100, truth):.2f} dB"]
    words.append(f"Richardson-Lucy ({number}) {psnr(rivals, truth):.2f} dB")
    for preset in options.preset:
        r = dip.deconvolve(counted.astype("float32"), widths, preset=preset, **options.set)
        words.append(f"{preset} ({r.iterations}, {r.seconds:.0f} s) {psnr(r.image / 100, truth):.2f} dB")
    print("; ".join(words), flush=True)


def setting(text: str) -> tuple[str, object]:
    """Read NAME=VALUE."""
    name, value = text.split("=", 1)
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--picture", nargs="*", default=["fluorescence", "camera"])
    parser.add_argument("--psf", nargs="*", choices=PSFS, default=list(PSFS))
    parser.add_argument("--photons", nargs="*", type=float, default=[30, 300])
    parser.add_argument("--preset", nargs="*", default=["fast"])
    parser.add_argument("--volume", action="store_true")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--set", nargs="*", type=setting, default=[], metavar="NAME=VALUE")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    options.set = dict(options.set)
    print(machine())
    if options.volume:
        volume(options)
        return
    for name in options.picture:
        for kind in options.psf:
            for photons in options.photons:
                line(name, kind, photons, options)


if __name__ == "__main__":
    main()
