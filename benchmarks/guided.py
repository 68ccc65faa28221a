"""What does a guide add, and is what only the guide shows printed into the result?

    python benchmarks/guided.py
    options: --photons N ...  --guide N ...  --size N  --seeds N  --preset NAME  --save FOLDER

Cells are seen in two stains of other brightness. Spots are in the image alone, threads in the guide alone.
Both are recorded with photon noise of their own. "Printed" is the correlation of the result's error with the
threads: that of the run without a guide is what chance gives.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from pictures import middle, psnr
from reporting import machine, parser_of, save
from scipy.ndimage import gaussian_filter

import napari_dip as dip


def scene(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the image's truth, the guide's, both 0 to 1, and the threads."""
    rng = np.random.default_rng(seed)
    cells = middle("fluorescence", size)
    spots, threads = np.zeros((size, size)), np.zeros((size, size))
    spots[tuple(rng.integers(4, size - 4, (2, size // 6)))] = rng.uniform(0.5, 1.0, size // 6)
    x = np.arange(size)
    for _ in range(size // 24):
        bend, slope, start = rng.uniform(3, 12), rng.uniform(-0.6, 0.6), rng.uniform(0, size)
        y = start + slope * x + bend * np.sin(x / rng.uniform(8, 20))
        inside = (y >= 0) & (y < size - 1)
        threads[y[inside].astype(int), x[inside]] = 1.0
    spots, threads = (gaussian_filter(one, 1.2) for one in (spots, threads))
    truth = 0.6 * cells + 0.4 * spots / spots.max()
    guide = 0.6 * cells**0.7 + 0.4 * threads / threads.max()
    return truth / truth.max(), guide / guide.max(), threads - threads.mean()


def printed(image: np.ndarray, truth: np.ndarray, threads: np.ndarray) -> float:
    """Return the correlation of the error with the threads."""
    return float(np.corrcoef((image - truth).ravel(), threads.ravel())[0, 1])


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--photons", nargs="*", type=float, default=[10, 40])
    parser.add_argument("--guide", nargs="*", type=float, default=[200])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=1, help="scenes")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    print(machine())
    for seed, photons in itertools.product(range(options.seeds), options.photons):
        truth, other, threads = scene(options.size, seed)
        noisy = np.random.default_rng(1).poisson(photons * truth)
        runs = {"no guide": {}}
        for level in options.guide:
            runs[f"guide, {level:g} photons"] = {"guide": np.random.default_rng(2).poisson(level * other)}
        results = {}
        for name, given in runs.items():
            r = dip.denoise(noisy.astype("float32"), preset=options.preset, **given)
            image = results[name] = r.image / photons
            print(
                f"scene {seed}, {photons:g} photons, {name}: noisy {psnr(noisy / photons, truth):.2f} dB, "
                f"{psnr(image, truth):.2f} dB, printed {printed(image, truth, threads):+.3f}, "
                f"{r.iterations} iterations, {r.seconds:.0f} s",
                flush=True,
            )
        if options.save:
            name = f"guided-{seed}-{photons:g}.png"
            save(options.save / name, noisy / photons, *results.values(), truth, other)


if __name__ == "__main__":
    main()
