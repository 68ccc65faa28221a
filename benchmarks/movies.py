"""What does a movie gain by its neighbouring moments, and what does it lose?

    python benchmarks/movies.py                     # cells that drift, then flash, 6 frames of 128 x 128
    options: --size N  --photons N ...  --drift PIXELS (a frame) ...  --how planes 1 2 3-D

Drifting cells: PSNR in dB for a peak of 1. Flashing ones: in the fourth frame alone discs become brighter by
half of the range; the part of that which their mean shows then, and the larger of what it shows in the frames
before and after.
"""

from __future__ import annotations

import numpy as np
from pictures import psnr
from reporting import heading, machine, parser_of
from stacks import film

import napari_dip as dip
from napari_dip.images.synthetic import GAIN, OFFSET, READ_NOISE, fluorescence

HOW = {
    "planes": {"axes": "TYX"},
    "1": {"axes": "TYX", "neighbours": 1},
    "2": {"axes": "TYX", "neighbours": 2},
    "3-D": {"axes": "ZYX"},
}
FRAMES, FLASH, RISE = 6, 3, 0.5
# Rows and columns of discs over those of the image, by their radius in pixels.
DISCS = {5: ((0.31, 0.31), (0.70, 0.47)), 2: ((0.5, 0.78), (0.23, 0.78))}


def flashing(size: int, photons: float) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """Return a noisy movie, its truth from 0 to 1, and where the discs of each radius are."""
    light = (fluorescence((size, size), peak=1.0, seed=3)[1].astype(float) - OFFSET) / GAIN
    truth = np.stack([light / light.max()] * FRAMES)
    rows, columns = np.mgrid[:size, :size]
    where = {
        radius: np.any(
            [(rows - size * y) ** 2 + (columns - size * x) ** 2 <= radius**2 for y, x in places], axis=0
        )
        for radius, places in DISCS.items()
    }
    for disc in where.values():
        truth[FLASH][disc] += RISE
    rng = np.random.default_rng(0)
    noisy = (rng.poisson(photons * truth) + rng.normal(0, READ_NOISE, truth.shape)) / photons
    return noisy.astype(np.float32), truth, where


def shown(movie: np.ndarray, disc: np.ndarray) -> str:
    """Return the parts of a flash that are seen when it is there, and at most in the frames around."""
    before, *rises = (movie[frame][disc].mean() for frame in (0, FLASH - 1, FLASH, FLASH + 1))
    early, there, late = ((rise - before) / RISE for rise in rises)
    return f"{there:.2f}, {max(early, late):.2f}"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--photons", type=float, nargs="*", default=[10, 30])
    parser.add_argument("--drift", type=int, nargs="*", default=[0, 1, 2, 4, 8])
    parser.add_argument("--how", nargs="*", choices=list(HOW), default=list(HOW))
    options = parser.parse_args()
    print(f"{machine()}, {FRAMES} x {options.size} x {options.size}")
    print(heading("drift", "photons", "noisy", *options.how))
    for drift in options.drift:
        for photons in options.photons:
            noisy, truth = film(FRAMES, options.size, photons, drift, None)
            cells = [f"{drift}", f"{photons:g}", f"{psnr(noisy, truth):.2f}"]
            for how in options.how:
                result = dip.denoise(noisy, **HOW[how])
                cells.append(f"{psnr(result.image, truth):.2f} in {result.seconds:.0f} s")
            print(f"| {' | '.join(cells)} |", flush=True)
    print(heading("radius", "photons", "noisy", *options.how))
    for photons in options.photons:
        noisy, _, where = flashing(options.size, photons)
        results = {how: dip.denoise(noisy, **HOW[how]).image for how in options.how}
        for radius, disc in where.items():
            cells = [f"{radius}", f"{photons:g}", shown(noisy, disc)]
            cells += [shown(result, disc) for result in results.values()]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
