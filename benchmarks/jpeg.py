"""How much of JPEG's blocks and rings is taken away, against total variation with its best weight?

    python benchmarks/jpeg.py
    options: --picture NAME ...  --quality N ...  --size N  --original  --iterations N  --save FOLDER

Pictures are compressed by Pillow, in a file, so that the quantisation table is known; "array" is the same
without it. `--original` adds the authors' settings. The weight of scikit-image's total variation is the best
by the truth.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from pictures import middle, psnr
from PIL import Image
from reporting import machine, parser_of, save
from skimage.restoration import denoise_tv_chambolle

import napari_dip as dip

WEIGHTS = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12)


def line(name: str, quality: int, folder: Path, options: argparse.Namespace) -> None:
    """Print a line about one picture."""
    truth = middle(name, options.size)
    path = folder / f"{name}-{quality}.jpg"
    Image.fromarray((255 * truth).round().clip(0, 255).astype("uint8")).save(path, quality=quality)
    coded = np.asarray(Image.open(path))
    smooth = {weight: denoise_tv_chambolle(coded / 255, weight) for weight in WEIGHTS}
    best = max(smooth, key=lambda weight: psnr(smooth[weight], truth))
    results = {"compressed": coded / 255, f"TV {best:g}": smooth[best]}
    runs = {"fast": (path, {}), "array": (coded, {})}
    if options.original:
        runs["ulyanov2018"] = (coded, {"preset": "ulyanov2018", "iterations": options.iterations})
    for what, (image, given) in runs.items():
        r = dip.deblock(image, **given)
        results[f"{what} ({r.iterations}, {r.seconds:.0f} s)"] = np.asarray(r.image) / 255
    words = [f"{what} {psnr(image, truth):.2f}" for what, image in results.items()]
    print(f"{name}, quality {quality}: {'; '.join(words)}", flush=True)
    if options.save:
        save(options.save / f"{name}-{quality}.png", *results.values(), truth)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--picture", nargs="*", default=["camera", "astronaut", "fluorescence"])
    parser.add_argument("--quality", nargs="*", type=int, default=[10, 20, 40])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--original", action="store_true", help="the authors' settings beside ours")
    parser.add_argument("--iterations", type=int, help="of the authors' settings, if not all")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for name in options.picture:
            for quality in options.quality:
                line(name, quality, Path(folder), options)


if __name__ == "__main__":
    main()
