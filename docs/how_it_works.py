"""Make the pictures of docs/how-it-works.md, in docs/images: a plain generator on its way, and its errors.

python docs/how_it_works.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from drawn import IMAGES, cells, psnr, save

import napari_dip as dip
from napari_dip.images.intensities import Intensities

mpl.use("Agg")
from matplotlib import pyplot

PHOTONS = 10
SHOWN = (1, 10, 40, 150, 2000)


def main() -> None:
    truth = cells(96)
    noisy = np.random.default_rng(0).poisson(PHOTONS * truth) / PHOTONS
    intensities = Intensities.of(noisy)
    quality, figures, pictures = {}, {}, {}

    def look(step: dip.api.Step) -> None:
        iterate = step.iterate
        if iterate.figure is not None:
            figures[iterate.iteration] = iterate.figure
        if iterate.iteration % 10 == 0 or iterate.iteration in SHOWN:
            estimate = intensities.restore(iterate.estimate()[0].numpy())
            quality[iterate.iteration] = psnr(estimate, truth)
            if iterate.iteration in SHOWN:
                pictures[iterate.iteration] = estimate

    # No explicit prior, no total variation, no end: nothing but the network's structure is at work.
    plain = {"correction": "none", "tv": 0, "input": "noise", "iterations": max(SHOWN)}
    dip.denoise(
        noisy, **plain, stopping={"name": "held-out", "patience": float("inf")}, finish=0, callback=look
    )
    best = max(quality, key=quality.get)
    chosen = min(figures, key=figures.get)
    print({n: round(quality[n], 2) for n in SHOWN})
    print(f"best {quality[best]:.2f} dB at {best}; the rule's {quality[chosen // 10 * 10]:.2f} at {chosen}")
    print(f"noisy {psnr(noisy, truth):.2f} dB, fast {psnr(dip.denoise(noisy).image, truth):.2f} dB")

    save("on-its-way", [noisy, *pictures.values(), truth], gamma=0.7)

    figure, axis = pyplot.subplots(figsize=(7, 3), layout="constrained")
    axis.semilogx(quality.keys(), quality.values(), color="tab:blue")
    axis.axhline(psnr(noisy, truth), color="0.6", linestyle=":")
    axis.set(xlabel="iteration", xlim=(1, max(SHOWN)))
    axis.set_ylabel("PSNR against the truth (dB)", color="tab:blue")
    other = axis.twinx()
    other.semilogx(figures.keys(), figures.values(), color="tab:orange")
    other.set_ylabel("the rule's estimate of the error", color="tab:orange")
    other.set_yscale("log")
    axis.axvline(chosen, color="0.3", linewidth=0.8)
    axis.annotate(" kept", (chosen, axis.get_ylim()[0]), fontsize=9, va="bottom")
    figure.savefig(IMAGES / "when-to-stop.png", dpi=110)


if __name__ == "__main__":
    main()
