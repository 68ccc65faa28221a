"""How well are images made finer, against interpolation and the authors' settings?

    python benchmarks/super_resolution.py                     # x4 in X and Y; six pictures of 256 x 256
    python benchmarks/super_resolution.py --picture camera --original
    python benchmarks/super_resolution.py --z                 # x4 in Z: a volume of beads and filaments
    options: --preset NAME  --factor N  --size N  --iterations N (of the authors' settings)  --save FOLDER

As the paper measures it: the coarse picture is made by Pillow's Lanczos resampling, and the PSNR leaves out 4
pixels at the border. The last column is how far the result, downsampled, is from the coarse picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from inpainting import NAMES
from pictures import middle, psnr
from PIL import Image
from reporting import machine, parser_of, save

import napari_dip as dip
from napari_dip.images import synthetic


def quality(image: np.ndarray, truth: np.ndarray) -> float:
    """PSNR without 4 pixels at the border."""
    return psnr(image, truth, (slice(4, -4),) * truth.ndim)


def resized(image: np.ndarray, shape: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    """Resample as the paper did, in 8 bits."""
    eight = Image.fromarray((255 * image).round().clip(0, 255).astype("uint8"))
    return np.asarray(eight.resize(shape[::-1], how)) / 255


def plane(name: str, options: argparse.Namespace) -> None:
    """Print a line about one picture."""
    truth = middle(name, options.size)
    coarse = resized(truth, tuple(size // options.factor for size in truth.shape), Image.Resampling.LANCZOS)
    cubic = resized(coarse, truth.shape, Image.Resampling.BICUBIC)
    results = {"bicubic": cubic}
    words = [f"{name}: bicubic {quality(cubic, truth):.2f}"]
    for preset in [*options.preset, *(["ulyanov2018"] if options.original else [])]:
        limit = options.iterations if preset == "ulyanov2018" else None
        r = dip.super_resolve(coarse, options.factor, preset=preset, iterations=limit)
        results[preset] = r.image
        gain = quality(r.image, truth) - quality(cubic, truth)
        words.append(
            f"{preset} {quality(r.image, truth):.2f} ({gain:+.2f}) in {r.seconds:.0f} s, "
            f"{r.iterations} iterations, residual {r.residual:.4f}"
        )
    print("; ".join(words), flush=True)
    if options.save:
        near = np.kron(coarse, np.ones((options.factor,) * 2))
        save(options.save / f"x{options.factor}-{name}.png", near, *results.values(), truth)


def volume(options: argparse.Namespace) -> None:
    """Print a line about the volume of beads."""
    coarse, truth = synthetic.beads()
    factor = truth.shape[0] // coarse.shape[0]
    centres = (np.arange(truth.shape[0]) + 0.5) / factor - 0.5
    below = np.clip(np.floor(centres).astype(int), 0, coarse.shape[0] - 2)
    part = np.clip(centres - below, 0, 1)[:, None, None]
    linear = (1 - part) * coarse[below] + part * coarse[below + 1]
    low, high = float(truth.min()), float(truth.max())

    def within(image: np.ndarray) -> float:
        return quality((image - low) / (high - low), (truth - low) / (high - low))

    words = [f"Z x {factor}, {coarse.shape} to {truth.shape}: linear {within(linear):.2f}"]
    for preset in options.preset:
        r = dip.super_resolve(
            coarse, (factor, 1, 1), preset=preset, kernel={"name": "gaussian", "fwhm": synthetic.SLICE_FWHM}
        )
        words.append(
            f"{preset} {within(r.image):.2f} ({within(r.image) - within(linear):+.2f}) "
            f"in {r.seconds:.0f} s, {r.iterations} iterations, residual {r.residual:.2f}, noise {r.noise:.2f}"
        )
    print("; ".join(words), flush=True)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--picture", choices=NAMES, nargs="*", default=NAMES)
    parser.add_argument("--preset", nargs="*", default=["fast"])
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--z", action="store_true")
    parser.add_argument("--original", action="store_true", help="the authors' settings beside ours")
    parser.add_argument("--iterations", type=int, help="of the authors' settings, if not all")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    print(machine())
    if options.z:
        volume(options)
    else:
        for name in options.picture:
            plane(name, options)


if __name__ == "__main__":
    main()
