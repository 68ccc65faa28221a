"""Is `Restoration.uncertainty` right? How many true errors lie within one and two of its standard deviations.

    python benchmarks/uncertainty.py                 # pictures with noise that was made
    python benchmarks/uncertainty.py --captures FOLDER    # FOLDER/raw/NAME.png, FOLDER/gt/NAME.png
    python benchmarks/uncertainty.py --inpaint       # pictures with missing pixels, of which the errors are
    options: --size 128  --runs 3  --only TEXT [TEXT ...]  --preset NAME  --deciles

Of errors with a normal distribution 68.3 % lie within one standard deviation and 95.4 % within two.

rms         root of the mean squared error, in percent of the truth's range
said        the same by the uncertainty, as a part of that; 1 is right
within      percent of the errors within one and two standard deviations
rank        Spearman's correlation of the uncertainty and the absolute error
seeds       percent within one and two standard deviations of the runs of the picture alone
mean        what the mean of these runs would gain on the first one, dB
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pictures import Picture, captures, micrographs, middle, synthetic
from reporting import heading, machine, parser_of
from scipy.stats import spearmanr

import napari_dip as dip

NAMES = (
    *("camera, gaussian 25", "camera, gaussian 50", "camera, poisson 10", "coins, gaussian 15"),
    *("coins, poisson 30", "fluorescence, gaussian 25", "fluorescence, poisson 10"),
    "micrograph, 30 photons",
)


def damaged(size: int) -> Iterator[tuple[Picture, np.ndarray]]:
    """Return pictures with a little noise, and masks of what is missing."""
    for name in ("camera", "fluorescence"):
        truth = middle(name, size)
        rng = np.random.default_rng(0)
        noisy = truth + rng.normal(0, 0.02, truth.shape)
        lines, holes = np.zeros((2, size, size), bool)
        for row in range(8, size, 24):
            lines[row : row + 3] = True
        for row, column in rng.integers(0, size - 12, (size // 16, 2)):
            holes[row : row + 12, column : column + 12] = True
        masks = {"half of the pixels": rng.random(truth.shape) < 0.5, "lines": lines, "holes": holes}
        for what, mask in masks.items():
            yield Picture(f"{name}, {what}", noisy, truth), mask


def within(errors: np.ndarray, deviations: np.ndarray) -> str:
    """Return the percentages within one and two standard deviations."""
    return " / ".join(f"{100 * np.mean(errors <= times * deviations):.0f}" for times in (1, 2))


def deciles(errors: np.ndarray, deviations: np.ndarray) -> str:
    """Return, of each tenth of the pixels by their uncertainty, what is said and what is true, in percent."""
    tenths = np.array_split(np.argsort(deviations), 10)
    pairs = [
        [100 * np.sqrt(np.mean(values[tenth] ** 2)) for values in (deviations, errors)] for tenth in tenths
    ]
    return " ".join(f"{said:.1f}/{true:.1f}" for said, true in pairs)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--captures", type=Path)
    parser.add_argument("--inpaint", action="store_true")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[""], help="pictures whose name contains one of these")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--deciles", action="store_true")
    options = parser.parse_args()
    print(f"{machine()}, {options.size} x {options.size}")
    pictures: Iterator[tuple[Picture, np.ndarray | None]]
    if options.inpaint:
        pictures = iter(damaged(options.size))
    elif options.captures is not None:
        pictures = ((one.middle(options.size), None) for one in captures(options.captures))
    else:
        made = [*synthetic(), *micrographs()]
        pictures = ((one.middle(options.size), None) for one in made if one.name in NAMES)
    print(heading("picture", "rms", "said", "within", "rank", "seeds", "mean"))
    began = time.process_time()
    for picture, mask in pictures:
        if not any(text in picture.name for text in options.only):
            continue
        ends: list[np.ndarray] = []

        def follow(step: dip.api.Step, ends: list[np.ndarray] = ends) -> None:
            if step.iterate.stopped_by is not None:
                ends.append(step.iterate.best()[0].numpy())

        how = {"preset": options.preset, "dtype": "float32", "precision": "float32", "callback": follow}
        given = (picture.noisy,) if mask is None else (picture.noisy, mask)
        verb, where = (dip.denoise, ...) if mask is None else (dip.inpaint, mask)
        result, truth = verb(*given, uncertainty=options.runs, **how), picture.truth
        # The engine's intensities are the picture's but for a straight line.
        line = np.polyfit(ends[0][where].ravel(), result.image[where].ravel(), 1)
        runs = np.polyval(line, np.stack(ends[:-1]))  # the last one's noise is another
        errors, said = np.abs(result.image - truth)[where].ravel(), result.uncertainty[where].ravel()
        rms = np.sqrt(np.mean(errors**2))
        mean = 20 * np.log10(rms / np.sqrt(np.mean((runs.mean(0) - truth)[where] ** 2)))
        print(
            f"| {picture.name} | {100 * rms:.2f} | {np.sqrt(np.mean(said**2)) / rms:.2f} "
            f"| {within(errors, said)} | {spearmanr(said, errors)[0]:.2f} "
            f"| {within(errors, runs.std(0, ddof=1)[where].ravel())} | {mean:+.2f} |",
            flush=True,
        )
        if options.deciles:
            print(f"  said/true: {deciles(errors, said)}", flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
