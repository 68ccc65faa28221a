"""Are channels restored better one by one, or all by one run?

    python benchmarks/channels.py                   # six pairs and triples of 128 x 128 pixels, two seeds
    options: --size N  --seeds N ...  --preset NAME  --channels apart together

PSNR in dB of each channel, for a peak of 1 of its own truth, and seconds of processor time: medians over the
seeds. Each seed has cells and noise of its own. A channel is as bright as it is said, in photons at its
brightest point, and has the camera's noise besides.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch
from pictures import psnr

import napari_dip as dip
from napari_dip.images.synthetic import GAIN, OFFSET, READ_NOISE, fluorescence


def light(size: int, seed: int, **stains: tuple[float, float, float]) -> np.ndarray:
    """Return the expected light of cells, from 0 to 1."""
    _, truth = fluorescence((size, size), peak=1.0, seed=seed, **stains)
    return (truth - OFFSET) / GAIN


def scenes(size: int, seed: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield what channels show, and their expected photons."""
    one, another, third = (light(size, 10 * seed + i) for i in range(3))
    stains = ((0.38, 0.0, 0.0), (0.0, 0.62, 0.0), (0.1, 0.1, 1.7))
    nuclei, filaments, puncta = (light(size, 10 * seed, stains=mix) for mix in stains)
    yield "the same, 20, 10 and 5 photons", [20 * one, 10 * one, 5 * one]
    yield "the second is the mean of the others, 20", [20 * one, 10 * (one + another), 20 * another]
    yield "nothing in common, 20", [20 * one, 20 * another, 20 * third]
    yield "the same, 20 and 4", [20 * one, 4 * one]
    yield "filaments 20, nuclei 4, of the same cells", [20 * filaments, 4 * nuclei]
    yield "nuclei, filaments, puncta of the same cells, 20", [20 * nuclei, 20 * filaments, 20 * puncta]


def record(photons: list[np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what a camera makes of channels, and its expected value, both in counts."""
    rng = np.random.default_rng(1000 + seed)
    noisy = [rng.poisson(one) + rng.normal(0, READ_NOISE, one.shape) for one in photons]
    return OFFSET + GAIN * np.array(noisy, np.float32), OFFSET + GAIN * np.array(photons)


def quality(image: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return the PSNR of each channel."""
    dark, span = truth.min((1, 2)), np.ptp(truth, axis=(1, 2))
    pair = [(one - dark[:, None, None]) / span[:, None, None] for one in (image, truth)]
    return [psnr(*channel) for channel in zip(*pair, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--channels", nargs="*", default=["apart", "together"])
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.size} x {options.size}")
    print("| channels | noisy | restored | each | mean | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    names = [name for name, _ in scenes(options.size, 0)]
    for number, name in enumerate(names):
        found: dict[str, list[tuple[list[float], float]]] = {}
        for seed in options.seeds:
            photons = list(scenes(options.size, seed))[number][1]
            noisy, truth = record(photons, seed)
            found.setdefault("noisy", []).append((quality(noisy, truth), 0.0))
            for how in options.channels:
                began = time.process_time()
                result = dip.denoise(noisy, axes="CYX", channels=how, preset=options.preset, seed=seed)
                took = time.process_time() - began
                found.setdefault(how, []).append((quality(result.image, truth), took))
        medians = {how: np.median([each for each, _ in runs], axis=0) for how, runs in found.items()}
        for how in options.channels:
            each = (", ".join(f"{one:.2f}" for one in medians[what]) for what in ("noisy", how))
            seconds = np.median([took for _, took in found[how]])
            of_row = (name, next(each), how, next(each), f"{medians[how].mean():.2f}", f"{seconds:.1f}")
            print(f"| {' | '.join(of_row)} |", flush=True)


if __name__ == "__main__":
    main()
