"""Does a large image that was restored in tiles show where they meet?

    python benchmarks/seams.py                      # 4096 x 4096 in tiles of 1408
    options: --size N  --tile N  --iterations N  --save FILE

For each line along which a tile begins or ends, or where two tiles count the same: the mean step across it,
in standard deviations of the same figure over the lines around it. A seam would be several of them.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
from imageio.v3 import imwrite
from pictures import psnr
from reporting import parser_of

import napari_dip as dip
from napari_dip.images.synthetic import fluorescence
from napari_dip.images.tiles import tiles
from napari_dip.parts import OVERLAP

AROUND = 24  # lines on each side that a line is compared with


def contrast(image: np.ndarray, lines: list[int]) -> list[float]:
    """Return how far the mean step across each line (before that row) stands out from those around it."""
    steps = np.abs(np.diff(image.astype(float), axis=0)).mean(axis=1)
    found = []
    for line in lines:
        near = [i for i in range(line - 1 - AROUND, line + AROUND) if 0 <= i < len(steps) and i != line - 1]
        found.append((steps[line - 1] - steps[near].mean()) / steps[near].std())
    return found


def edges(size: int, tile: int) -> list[int]:
    """Return the rows at which a tile begins or ends, or meets another half way."""
    pieces = sorted({(t.where[0].start, t.where[0].stop) for t in tiles((size, size), tile, OVERLAP)})
    rows = {row for piece in pieces for row in piece}
    rows |= {(a[1] + b[0]) // 2 for a, b in itertools.pairwise(pieces)}
    return sorted(rows - {0, size})


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--tile", type=int, default=1408)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    noisy, truth = fluorescence((options.size,) * 2)
    start = time.perf_counter()
    result = dip.denoise(noisy, tile=options.tile, iterations=options.iterations, dtype="float32")
    seconds = time.perf_counter() - start
    image = result.image
    if options.save is not None:
        imwrite(options.save, np.clip(image / image.max() * 255, 0, 255).astype("uint8"))
    low, span = float(truth.min()), float(truth.max() - truth.min())
    quality = [psnr((one - low) / span, (truth - low) / span) for one in (noisy, image)]
    print(f"{options.size} x {options.size} in tiles of {options.tile}: {result.iterations} iterations")
    print(f"noisy {quality[0]:.2f} dB, restored {quality[1]:.2f} dB in {seconds:.0f} s")
    lines = edges(options.size, options.tile)
    found = [*contrast(image, lines), *contrast(image.T, lines)]
    rng = np.random.default_rng(0)
    others = [int(i) for i in rng.integers(AROUND, options.size - AROUND, 200)]
    usual = [*contrast(image, others), *contrast(image.T, others)]
    print(f"steps across tile edges, in standard deviations of those around: {np.round(found, 1).tolist()}")
    for where, steps in (("at tile edges", found), ("elsewhere", usual)):
        print(f"{where}: mean {np.mean(steps):+.2f}, largest {max(steps):+.2f}")


if __name__ == "__main__":
    main()
