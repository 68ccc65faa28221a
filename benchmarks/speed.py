"""The preset against BM3D and the 2018 settings, side by side: camera 256 x 256, Gaussian noise of 25 / 255.

python benchmarks/speed.py              # needs the package bm3d
options: --repeat N  --original         (the 2018 settings take half an hour)
"""

from __future__ import annotations

import platform
import time

import numpy as np
from pictures import camera, psnr
from reporting import machine, parser_of

import napari_dip as dip


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--original", action="store_true")
    options = parser.parse_args()
    from bm3d import bm3d

    picture = camera(25)
    print(f"{platform.machine()}, {machine()}")
    print(f"noisy {psnr(picture.noisy, picture.truth):.2f} dB")
    rival, ours = [], []
    # One after the other, again and again: both see the same machine.
    for seed in range(options.repeat):
        start = time.perf_counter()
        clean = bm3d(picture.noisy, 25 / 255)
        rival.append(time.perf_counter() - start)
        start = time.perf_counter()
        r = dip.denoise(picture.noisy, seed=seed)
        ours.append(time.perf_counter() - start)
        print(
            f"BM3D (sigma known) {psnr(clean, picture.truth):.2f} dB, {rival[-1]:.2f} s;  "
            f"fast, seed {seed}: {psnr(r.image, picture.truth):.2f} dB, {ours[-1]:.1f} s, "
            f"{r.iterations} iterations, {r.settings['precision']}, stopped by {r.stopped_by}",
            flush=True,
        )
    print(f"fast takes {np.median(ours) / np.median(rival):.0f} times as long as BM3D (medians)")
    if options.original:
        r = dip.denoise(picture.noisy, preset="ulyanov2018")
        quality = psnr(r.image, picture.truth)
        print(f"ulyanov2018: {quality:.2f} dB, {r.seconds:.0f} s, {r.iterations} iterations")


if __name__ == "__main__":
    main()
