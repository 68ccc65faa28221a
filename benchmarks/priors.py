"""Is our total variation scikit-image's, and how good are explicit priors at each task, beside the deep one?

    python benchmarks/priors.py
    options: --picture NAME ...  --size N  --presets NAME ...  --only TASK ...

same     What scikit-image's `denoise_tv_chambolle` minimises, for its result and for ours at the same
         weight, and PSNR of both. Ours is the pixels fitted by the loop (`napari_dip.engine.penalties`).
tasks    PSNR in dB, blind: the presets choose their weights and their ends by themselves. "Best weight" is
         the highest PSNR on the way that the weight fell, by the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from pictures import middle, psnr
from reporting import heading, machine, parser_of
from scipy.signal import fftconvolve
from skimage.restoration import denoise_tv_chambolle

from napari_dip.api import Job, plan_deconvolve, plan_denoise, plan_inpaint, plan_super_resolve
from napari_dip.engine.penalties import TotalVariation
from napari_dip.engine.presets import EXPLICIT, preset
from napari_dip.engine.problem import Problem
from napari_dip.engine.solver import iterate
from napari_dip.engine.stopping import Fixed
from napari_dip.images.psf import GaussianPSF

WIDTH = 3.5  # of the blur


@dataclass(frozen=True)
class Asked:
    """A task for one picture: what plans it, and the truth."""

    plan: Callable[..., Job]
    truth: np.ndarray


def objective(image: np.ndarray, noisy: np.ndarray, weight: float) -> float:
    """Return what scikit-image minimises, for each pixel."""
    steps = [np.diff(image, axis=axis, append=image.take([-1], axis)) for axis in (0, 1)]
    return float(((image - noisy) ** 2).mean() / 2 + weight * np.hypot(*steps).mean())


def same(name: str, size: int) -> None:
    """Print a line for each weight."""
    truth = middle(name, size)
    noisy = truth + np.random.default_rng(0).normal(0, 25 / 255, truth.shape)
    for weight in (0.02, 0.05, 0.1, 0.2):
        theirs = denoise_tv_chambolle(noisy, weight, eps=1e-7, max_num_iter=2000)
        settings = replace(preset("tv"), penalty=TotalVariation(weight), stopping=Fixed(), iterations=300)
        *_, last = iterate(Problem(torch.from_numpy(noisy.astype(np.float32))[None]), settings)
        ours = last.best()[0].numpy()
        values = [objective(image, noisy, weight) for image in (ours, theirs)]
        more = 100 * (values[0] / values[1] - 1)
        print(
            f"| {name} | {weight} | {values[0]:.6f} | {values[1]:.6f} | {more:+.2f}% | "
            f"{psnr(ours, truth):.2f} | {psnr(theirs, truth):.2f} |",
            flush=True,
        )


def tasks(name: str, size: int) -> dict[str, Asked]:
    """Return what is asked of a picture."""
    truth, rng = middle(name, size), np.random.default_rng(0)

    def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
        return image + rng.normal(0, sigma, image.shape)

    half, lines = rng.random(truth.shape) < 0.5, np.zeros(truth.shape, bool)
    lines[:, size // 4 : size // 4 + 3] = lines[size // 2 : size // 2 + 3] = lines[:, -9:-7] = True
    slightly = noisy(truth, 0.02)
    coarse = noisy(truth.reshape(size // 2, 2, size // 2, 2).mean((1, 3)), 0.01)
    psf = GaussianPSF(WIDTH).array(2)
    around = psf.shape[0] // 2
    whole = middle(name, size + 2 * around)
    counted = rng.poisson(300 * fftconvolve(whole, psf, mode="valid").clip(0)) / 300

    def plan(function: Callable[..., Job], *given: object, **settings: object) -> Callable[..., Job]:
        return lambda **more: function(*given, **settings, **more)

    return {
        "denoise, sigma 10": Asked(plan(plan_denoise, noisy(truth, 10 / 255)), truth),
        "denoise, sigma 25": Asked(plan(plan_denoise, noisy(truth, 25 / 255)), truth),
        "denoise, sigma 50": Asked(plan(plan_denoise, noisy(truth, 50 / 255)), truth),
        "denoise, 30 photons": Asked(plan(plan_denoise, rng.poisson(30 * truth) / 30), truth),
        "inpaint, half the pixels": Asked(plan(plan_inpaint, slightly, half), truth),
        "inpaint, lines": Asked(plan(plan_inpaint, slightly, lines), truth),
        "super-resolve, 2": Asked(plan(plan_super_resolve, coarse, 2, kernel="box"), truth),
        "deconvolve, 300 photons": Asked(
            plan(plan_deconvolve, counted, WIDTH), whole[around:-around, around:-around]
        ),
    }


def restore(asked: Asked, name: str) -> str:
    """Return what a preset comes to, and of an explicit prior the best that it passed."""
    job, best = asked.plan(preset=name, dtype="float32"), 0.0
    for step in job:
        if name in EXPLICIT and step.iterate.iteration % 10 == 0:
            best = max(best, psnr(job.preview()[1], asked.truth))
    blind = psnr(np.asarray(job.result().image), asked.truth)
    return f"{blind:.2f} ({max(best, blind):.2f})" if name in EXPLICIT else f"{blind:.2f}"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--picture", nargs="*", default=["camera", "fluorescence"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--presets", nargs="*", default=[*EXPLICIT, "fast"])
    parser.add_argument("--only", nargs="*", help="how the names of tasks begin, or 'same'")
    options = parser.parse_args()
    print(f"{machine()}\n")
    wanted = tuple(options.only or ("",))
    if "same".startswith(wanted):
        print(
            heading("picture", "weight", "ours", "scikit-image", "difference", "ours, dB", "scikit-image, dB")
        )
        for name in options.picture:
            same(name, options.size)
        print()
    names = [f"{name} (best weight)" if name in EXPLICIT else name for name in options.presets]
    print(heading("picture", "task", *names))
    for name in options.picture:
        for task, asked in tasks(name, options.size).items():
            if task.startswith(wanted):
                figures = " | ".join(restore(asked, one) for one in options.presets)
                print(f"| {name} | {task} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
