"""How well are missing pixels filled in, against biharmonic inpainting and the authors' settings?

    python benchmarks/inpainting.py                       # half, text, hole; six pictures of 256 x 256
    python benchmarks/inpainting.py --damage half --picture camera --original
    options: --preset NAME  --size N  --noise SIGMA  --iterations N (of the authors' settings)  --save FOLDER

PSNR in dB over the filled pixels alone, for a peak of 1. For the hole also its seam: the median of the steps
across its rim, and where in the picture's own steps from pixel to pixel that lies (0 to 1).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from damage import DAMAGE
from pictures import middle, psnr
from reporting import machine, parser_of, save
from skimage.restoration import inpaint_biharmonic

import napari_dip as dip

NAMES = ("camera", "astronaut", "coins", "moon", "brick", "fluorescence")


def seam(image: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Return the median step across the rim of a mask, and its rank among the steps elsewhere."""
    across, elsewhere = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(image, axis=axis))
        inside = np.moveaxis(mask, axis, 0)
        crossing = np.moveaxis(inside[1:] != inside[:-1], 0, axis)
        outside = np.moveaxis(~inside[1:] & ~inside[:-1], 0, axis)
        across.append(steps[crossing])
        elsewhere.append(steps[outside])
    step = float(np.median(np.concatenate(across)))
    return step, float(np.mean(np.concatenate(elsewhere) <= step))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--damage", choices=list(DAMAGE), nargs="*", default=list(DAMAGE))
    parser.add_argument("--picture", choices=NAMES, nargs="*", default=NAMES)
    parser.add_argument("--preset", nargs="*", default=["fast"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--noise", type=float, default=0, help="Gaussian, in 255ths")
    parser.add_argument("--original", action="store_true", help="the authors' settings beside ours")
    parser.add_argument("--iterations", type=int, help="of the authors' settings, if not all")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    print(f"{machine()}, {options.size} x {options.size}")
    for kind in options.damage:
        for name in options.picture:
            compare(kind, name, options)


def compare(kind: str, name: str, options: argparse.Namespace) -> None:
    """Print one line: each method on one picture with one kind of damage."""
    truth = middle(name, options.size)
    mask = DAMAGE[kind](truth.shape)
    seen = truth + np.random.default_rng(1).normal(0, options.noise / 255, truth.shape)
    start = time.perf_counter()
    biharmonic = inpaint_biharmonic(np.where(mask, 0, seen), mask)
    seconds = time.perf_counter() - start
    results = {"biharmonic": biharmonic}
    words = [
        f"{kind} {name}: {mask.mean():.0%} missing",
        f"biharmonic {psnr(biharmonic, truth, mask):.2f} in {seconds:.1f} s",
    ]
    for preset in [*options.preset, *(["ulyanov2018"] if options.original else [])]:
        limit = options.iterations if preset == "ulyanov2018" else None
        filled = dip.inpaint(np.where(mask, 1.0, seen), mask, preset=preset, iterations=limit)
        results[preset] = filled.image
        gain = psnr(filled.image, truth, mask) - psnr(biharmonic, truth, mask)
        words.append(
            f"{preset} {psnr(filled.image, truth, mask):.2f} ({gain:+.2f}) in {filled.seconds:.0f} s, "
            f"{filled.iterations} iterations"
        )
        if kind == "hole":
            step, rank = seam(filled.image, mask)
            words.append(f"rim {step:.4f} (rank {rank:.2f}, truth's {seam(truth, mask)[0]:.4f})")
    print("; ".join(words), flush=True)
    if options.save:
        save(options.save / f"{kind}-{name}.png", np.where(mask, 1.0, seen), *results.values(), truth)


if __name__ == "__main__":
    main()
