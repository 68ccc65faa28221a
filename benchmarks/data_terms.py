"""What does each data term leave behind? A table of degradations by data terms.

    python benchmarks/data_terms.py
    options: --picture NAME ...  --size N  --only DEGRADATION ...  --terms NAME ...  --seeds N

The network of the preset `fast` is fitted by each data term, without total variation and without similar
patches, so that nothing else says what is noise. The stopping rule ends the run, blind; "best" is the
highest PSNR on the way there, by the truth. All figures are means over the
pictures and seeds.

What is left of the residual, which is the picture less the result:
    alike      correlation of neighbouring pixels: that of the real noise is in brackets; above it there is
               detail in the residual, below it noise in the result
    outliers   of the noise that lies beyond 3 robust standard deviations, how much is in the residual; the
               rest is in the result. "-" where there is hardly any
    bias       mean of the result less that of the truth, in thousandths of the range
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from pictures import middle, psnr
from PIL import Image
from reporting import heading, machine, parser_of

from napari_dip.api import plan_denoise
from napari_dip.engine.likelihoods import LIKELIHOODS

Rng = np.random.Generator


def gaussian(truth: np.ndarray, rng: Rng) -> np.ndarray:
    """The same noise everywhere."""
    return truth + rng.normal(0, 25 / 255, truth.shape)


def poisson(truth: np.ndarray, rng: Rng) -> np.ndarray:
    """At most 20 photons."""
    return rng.poisson(20 * truth) / 20


def salt(truth: np.ndarray, rng: Rng) -> np.ndarray:
    """A tenth of the pixels black or white, a little noise on the others."""
    noisy = truth + rng.normal(0, 5 / 255, truth.shape)
    hit = rng.random(truth.shape) < 0.1
    return np.where(hit, rng.random(truth.shape) < 0.5, noisy)


def hot(truth: np.ndarray, rng: Rng) -> np.ndarray:
    """Photon noise, and one pixel in 50 that is hot."""
    hit = rng.random(truth.shape) < 0.02
    return poisson(truth, rng) + hit * rng.uniform(0.3, 1, truth.shape)


def jpeg(truth: np.ndarray, rng: Rng) -> np.ndarray:
    """JPEG of quality 15, and no other noise."""
    file = BytesIO()
    Image.fromarray((255 * truth.clip(0, 1)).round().astype("uint8")).save(file, "jpeg", quality=15)
    return np.asarray(Image.open(file)) / 255


DEGRADATIONS: dict[str, Callable[[np.ndarray, Rng], np.ndarray]] = {
    "gaussian": gaussian,
    "photons": poisson,
    "salt and pepper": salt,
    "photons, hot pixels": hot,
    "jpeg": jpeg,
}


def alike(residual: np.ndarray) -> float:
    """Return the mean correlation of neighbouring pixels along the axes."""
    residual = residual - residual.mean()
    products = [(residual[1:] * residual[:-1]).mean(), (residual[:, 1:] * residual[:, :-1]).mean()]
    return float(np.mean(products) / residual.var())


def outliers_left(noise: np.ndarray, residual: np.ndarray) -> float | None:
    """Return how much of the noise's outliers is in the residual, 0 to 1, or None where there are few."""
    spread = np.median(abs(noise - np.median(noise))) / 0.6745
    far = abs(noise) > 3 * spread
    if far.mean() < 0.01:
        return None
    return float((residual[far] * noise[far]).sum() / (noise[far] ** 2).sum())


def run(noisy: np.ndarray, truth: np.ndarray, term: str, seed: int) -> dict[str, float | None]:
    """Return the figures of one run."""
    job = plan_denoise(
        noisy,
        likelihood=term,
        tv=0.0,
        correction="none",
        input={"name": "noise", "channels": 16, "perturbation": 0.02},
        seed=seed,
        iterations=600,
    )
    best = 0.0
    for step in job:
        if step.iterate.iteration % 20 == 0:
            best = max(best, psnr(job.preview()[1], truth))
    image = np.asarray(job.result().image)
    noise, residual = noisy - truth, noisy - image
    return {
        "iterations": step.iterate.iteration,
        "PSNR": psnr(image, truth),
        "best": max(best, psnr(image, truth)),
        "alike": alike(residual),
        "noise alike": alike(noise),
        "outliers": outliers_left(noise, residual),
        "bias": 1000 * float((image - truth).mean()),
    }


def mean(rows: list[dict[str, float | None]], name: str) -> float | None:
    values = [value for row in rows if (value := row[name]) is not None]
    return float(np.mean(values)) if values else None


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--picture", nargs="*", default=["camera", "fluorescence"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--only", nargs="*", choices=DEGRADATIONS, default=list(DEGRADATIONS))
    parser.add_argument("--terms", nargs="*", choices=LIKELIHOODS, default=list(LIKELIHOODS))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    print(f"{machine()}\n")
    print(heading("degradation", "data term", "PSNR", "best", "iterations", "alike", "outliers", "bias"))
    for kind in options.only:
        for term in options.terms:
            rows = []
            for name in options.picture:
                truth = middle(name, options.size)
                for seed in range(options.seeds):
                    noisy = DEGRADATIONS[kind](truth, np.random.default_rng(seed))
                    rows.append(run(noisy, truth, term, seed))
            left = mean(rows, "outliers")
            print(
                f"| {kind} | `{term}` | {mean(rows, 'PSNR'):.2f} | {mean(rows, 'best'):.2f} | "
                f"{mean(rows, 'iterations'):.0f} | {mean(rows, 'alike'):.2f} "
                f"({mean(rows, 'noise alike'):.2f}) | {'-' if left is None else f'{100 * left:.0f}%'} | "
                f"{mean(rows, 'bias'):+.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
