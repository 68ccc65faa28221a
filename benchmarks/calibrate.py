"""What does a calibration gain on a microscope, and does it say so rightly? dB, against the truth.

    python benchmarks/calibrate.py FOLDER    # FOLDER/raw/FIELD_1.png, FIELD_2.png, FOLDER/gt/FIELD_1.png
    options: --size 128  --parts 4  --only TEXT [TEXT ...]

Of each field, parts that don't overlap are the images, and the same parts of the second capture the repeats.
"said" is what the calibration, which sees the two captures alone, says of itself: each part's gain is
measured with settings from the others. "true" is the gain by the truth of the settings that it came to, on
the second captures, which were not restored before; the noise in the settings was measured with them.
"""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path

import numpy as np
from reporting import machine, parser_of
from two_captures import pairs

import napari_dip as dip


def parts(picture: np.ndarray, size: int, count: int) -> list[np.ndarray]:
    """Return `count` squares of a picture, evenly spread."""
    steps = int(np.ceil(np.sqrt(count)))
    starts = [np.linspace(0, length - size, steps).round().astype(int) for length in picture.shape]
    return [picture[row : row + size, column : column + size] for row, column in product(*starts)][:count]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--only", nargs="+", default=[""], help="fields whose name contains one of these")
    options = parser.parse_args()
    print(f"{machine()}, {options.size} x {options.size}")
    began = time.process_time()
    for field, first, second in pairs(options.folder, 512, (0, 0)):
        if not any(text in field for text in options.only):
            continue
        images, repeats, truths = (
            parts(picture, options.size, options.parts)
            for picture in (first.noisy, second.noisy, first.truth)
        )
        found = dip.calibrate(images, repeats=repeats)
        print(f"{field}\n{found}", flush=True)
        if found.gain:
            errors = [
                [np.mean((dip.denoise(image, **how).image - truth) ** 2) for how in ({}, found.settings)]
                for image, truth in zip(repeats, truths, strict=True)
            ]
            each = [10 * np.log10(before / after) for before, after in errors]
            before, after = np.sum(errors, axis=0)
            text = " ".join(f"{gain:+.2f}" for gain in each)
            print(f"said {found.gain:+.2f}, true {10 * np.log10(before / after):+.2f} dB: {text}", flush=True)
            kept = {key: value for key, value in found.settings.items() if key != "noise"}
            print(f"settings {kept}, and the noise")
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
