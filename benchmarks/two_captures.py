"""What do two captures of a field give, restored together? PSNR in dB against the truth.

    python benchmarks/two_captures.py FOLDER    # FOLDER/raw/FIELD_1.png, FIELD_2.png, FOLDER/gt/FIELD_1.png
    options: --size 128  --at ROW COLUMN  --only TEXT  --apart

noisy       the mean of both
one         the first one, denoised                                 (with --apart)
apart       each denoised by itself, the mean of the results        (with --apart)
mean        the mean of both, denoised
repeat      denoise(first, repeat=second)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from pictures import Picture, captures, psnr
from reporting import heading, machine, parser_of

import napari_dip as dip


def pairs(folder: Path, size: int, at: tuple[int, int] | None) -> Iterator[tuple[str, Picture, Picture]]:
    """Return the first two captures of each field, or a part of them: the middle, or what begins at `at`."""

    def part(picture: Picture) -> Picture:
        if at is None:
            return picture.middle(size)
        where = tuple(slice(first, first + size) for first in at)
        return Picture(picture.name, picture.noisy[where], picture.truth[where])

    ordered = sorted(captures(folder, all_of_them=True), key=lambda picture: picture.name)
    for field, group in groupby(ordered, lambda picture: picture.name.rsplit("_", 1)[0]):
        first, second, *_ = (part(picture) for picture in group)
        yield field, first, second


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--at", type=int, nargs=2)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--only", default="", help="fields whose name contains this")
    options = parser.parse_args()
    print(f"{machine()}, {options.size} x {options.size}")
    columns = ["noisy", *(["one", "apart"] if options.apart else []), "mean", "repeat"]
    print(heading("field", *columns, "gain", "iterations, mean and repeat"))
    gains, began = [], time.process_time()
    for field, first, second in pairs(options.folder, options.size, options.at):
        if options.only not in field:
            continue
        truth, both = first.truth, (first.noisy + second.noisy) / 2
        mean, repeat = dip.denoise(both), dip.denoise(first.noisy, repeat=second.noisy)
        pictures = [both, mean.image, repeat.image]
        if options.apart:
            one, other = (dip.denoise(picture.noisy).image for picture in (first, second))
            pictures[1:1] = [one, (one + other) / 2]
        quality = [psnr(picture, truth) for picture in pictures]
        gains.append(quality[-1] - quality[-2])
        figures = " | ".join(f"{value:.2f}" for value in quality)
        print(
            f"| {field} | {figures} | {gains[-1]:+.2f} | {mean.iterations}, {repeat.iterations} |", flush=True
        )
    print(f"repeat above mean: {np.mean(gains):.2f} dB on average, at least {min(gains):.2f} dB")
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
