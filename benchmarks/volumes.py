"""Is a volume restored better plane by plane, along with its neighbours, or in 3-D?

    python benchmarks/volumes.py                    # cells in 16 planes of 128 x 128, two photon levels
    options: --planes N  --size N  --step N ...  --photons N ...  --mode planes volumes

PSNR in dB for a peak of 1 of the whole volume. Cells are ellipsoids with a texture, with filaments and puncta
between them; the point spread function is 2.5 times as long in Z as it is wide, and a Z step is two pixels
unless you say otherwise.
"""

from __future__ import annotations

import itertools

import numpy as np
from pictures import psnr
from reporting import heading, machine, parser_of
from skimage.filters import gaussian

import napari_dip as dip
from napari_dip.images.synthetic import GAIN, OFFSET, READ_NOISE

MODES = {
    "planes": {"axes": "QYX"},
    "planes anew": {"axes": "QYX", "warm": False},
    "planes with 1 neighbour": {"axes": "QYX", "neighbours": 1},
    "planes with 2 neighbours": {"axes": "QYX", "neighbours": 2},
    "volumes": {"axes": "ZYX"},
}


def cells(planes: int, size: int, seed: int = 0, step: int = 2) -> np.ndarray:
    """Return the expected light of cells in a volume, from 0 to 1, shape (planes, size, size).

    From plane to plane there are `step` pixels.
    """
    rng = np.random.default_rng(seed)
    shape = (planes * step + 24, size + 24, size + 24)
    place = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij"))
    light = np.zeros(shape, np.float32)
    texture = gaussian(rng.normal(size=shape).astype(np.float32), 2)
    texture /= texture.std()
    for _ in range(max(2, shape[1] * shape[2] * shape[0] // 90_000)):
        centre = rng.uniform(0, 1, 3) * shape
        axes = rng.uniform((9, 14, 14), (14, 24, 24))
        inside = sum(((place[a] - centre[a]) / axes[a]) ** 2 for a in range(3)) < 1
        light[inside] = rng.uniform(0.3, 0.7) * (1 + 0.35 * texture[inside]).clip(0.1)
    for _ in range(max(4, shape[1] * shape[2] * shape[0] // 30_000)):
        at, way = rng.uniform(0, 1, 3) * shape, rng.normal(size=3)
        for _ in range(120):
            way += 0.25 * rng.normal(size=3)
            way /= np.linalg.norm(way)
            at = at + way
            if all(0 <= c < n for c, n in zip(at, shape, strict=True)):
                light[tuple(at.astype(int))] += 3.0
    points = (rng.uniform(0, 1, (light.size // 4000, 3)) * shape).astype(int)
    light[tuple(points.T)] += rng.uniform(2, 10, len(points)).astype(np.float32)
    seen = gaussian(light, (2.75, 1.1, 1.1))[12:-12, 12:-12, 12:-12][::step]
    return seen / seen.max()


def record(light: np.ndarray, photons: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what a camera makes of it, and its expected value, both for a peak of 1."""
    rng = np.random.default_rng(1)
    truth = OFFSET + GAIN * photons * light
    noisy = OFFSET + GAIN * (rng.poisson(photons * light) + rng.normal(0, READ_NOISE, light.shape))
    span = truth.max() - OFFSET
    return ((noisy - OFFSET) / span).astype(np.float32), (truth - OFFSET) / span


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--planes", type=int, default=16)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--step", type=int, nargs="*", default=[2])
    parser.add_argument("--photons", type=float, nargs="*", default=[10, 40])
    parser.add_argument("--mode", nargs="*", choices=list(MODES), default=list(MODES))
    options = parser.parse_args()
    print(f"{machine()}, {options.planes} x {options.size} x {options.size}")
    print(heading("step", "photons", "noisy", "restored as", "PSNR", "iterations", "seconds"))
    lights = {step: cells(options.planes, options.size, step=step) for step in options.step}
    for (step, light), photons in itertools.product(lights.items(), options.photons):
        noisy, truth = record(light, photons)
        for mode in options.mode:
            result = dip.denoise(noisy, **MODES[mode])
            cells_of_row = (
                f"{step}",
                f"{photons:g}",
                f"{psnr(noisy, truth):.2f}",
                mode,
                f"{psnr(result.image, truth):.2f}",
                f"{result.iterations}",
                f"{result.seconds:.0f}",
            )
            print(f"| {' | '.join(cells_of_row)} |", flush=True)


if __name__ == "__main__":
    main()
