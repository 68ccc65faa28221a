"""What does a stack gain when each plane starts from its neighbour's network?

    python benchmarks/stacks.py                     # a drifting field of cells, 6 frames of 192 x 192
    options: --frames N  --size N  --photons N  --drift PIXELS (a frame)  --cut FRAME (another field)

PSNR in dB for a peak of 1 of each frame, iterations and seconds, with and without.
"""

from __future__ import annotations

import numpy as np
from pictures import psnr
from reporting import heading, machine, parser_of

import napari_dip as dip
from napari_dip.images.synthetic import GAIN, OFFSET, READ_NOISE, fluorescence


def film(
    frames: int, size: int, photons: float, drift: int, cut: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy film and its truth, in 0 to 1 of the truth's range."""
    wide = size + drift * frames
    fields = [fluorescence((wide, wide), peak=photons, seed=seed)[1].astype(float) for seed in (1, 2)]
    rng, truth = np.random.default_rng(0), []
    for frame in range(frames):
        start = drift * frame
        field = fields[cut is not None and frame >= cut]
        truth.append(field[start : start + size, start // 2 : start // 2 + size])
    clean = np.stack(truth)
    noisy = (
        GAIN * rng.poisson((clean - OFFSET) / GAIN) + OFFSET + rng.normal(0, GAIN * READ_NOISE, clean.shape)
    )
    dark, span = clean.min(), np.ptp(clean)
    return (noisy - dark) / span, (clean - dark) / span


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--photons", type=float, default=30)
    parser.add_argument("--drift", type=int, default=2)
    parser.add_argument("--cut", type=int)
    options = parser.parse_args()
    noisy, truth = film(options.frames, options.size, options.photons, options.drift, options.cut)
    print(f"{machine()}, {' x '.join(map(str, noisy.shape))}")
    print(
        heading(
            "frame",
            "noisy",
            "each anew",
            "iterations",
            "seconds",
            "from neighbour",
            "iterations",
            "seconds",
            "warm",
        )
    )
    results = [dip.denoise(noisy.astype(np.float32), warm=warm) for warm in (False, True)]
    rows = [
        list(zip(*(r.history[k] for k in ("run", "iteration", "seconds", "warm")), strict=True))
        for r in results
    ]
    for frame in range(options.frames):
        cells = [f"{frame}", f"{psnr(noisy[frame], truth[frame]):.2f}"]
        for result, history in zip(results, rows, strict=True):
            _, iterations, seconds, warm = [row for row in history if row[0] == frame][-1]
            quality = psnr(result.image[frame], truth[frame])
            cells += [f"{quality:.2f}", f"{iterations}", f"{seconds:.1f}"]
        print(f"| {' | '.join([*cells, 'yes' if warm else 'no'])} |")
    for name, result in zip(("each anew", "from its neighbour"), results, strict=True):
        mean = np.mean([psnr(a, b) for a, b in zip(result.image, truth, strict=True)])
        print(f"{name}: {mean:.2f} dB on average, {60 * options.frames / result.seconds:.1f} planes a minute")


if __name__ == "__main__":
    main()
