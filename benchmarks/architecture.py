"""What does a generator rather fit: a picture, or noise? And which part of it makes it so?

    python benchmarks/architecture.py                       # all studies
    python benchmarks/architecture.py --study fig2 depth    # or skips, filters, upsampling, input
    options: --picture NAME  --size 64  --iterations 500  --width 32  --seed N  --device NAME
             --only TEXT ...  --json FILE.json  --plot FOLDER  --again FILE.json

Each generator is fitted, by Adam at 0.01 and to the squared error, to four targets: a picture, the same
with noise (sigma 25 / 255), its pixels shuffled, and uniform noise (Ulyanov et al., IJCV 2020, fig. 2).
Nothing else helps: the input is not perturbed, iterates are not averaged, every pixel is seen.

to 10%       iterations until a tenth of the target's variance is left
impedance    those of the shuffled pixels over those of the picture: the same numbers in another order;
             "shuffled left" is what is left of them in the iteration that brings the picture to 10%
best, end    PSNR of the noisy picture's iterates in dB: the best, and the median of the last 20
noise taken  which part of the noise is in the best iterate; and in those at the end

--width is the number of channels at each scale of the networks that are varied (the 2018 one has 128).
--again shows what an earlier run has saved, and fits nothing. --plot needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from controls import FullyConnected, Pointwise, SinglePixels
from pictures import middle, psnr
from reporting import heading, parser_of
from skimage.transform import resize_local_mean

from napari_dip.engine.inputs import CoordinateInput, Input, NoiseInput
from napari_dip.engine.likelihoods import Gaussian
from napari_dip.engine.networks import Hourglass, Network, SubPixel
from napari_dip.engine.optimisers import Adam
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.engine.solver import iterate
from napari_dip.engine.stopping import Fixed

SIGMA = 25 / 255
LEFT = 0.1
END = 20
COLUMNS = (
    "generator",
    "weights",
    "picture to 10%",
    "picture + noise",
    "shuffled",
    "noise",
    "impedance",
    "shuffled left",
    "best (at)",
    "end",
    "noise taken",
    "noise at end",
)
COLOURS = {
    "picture": "tab:green",
    "picture + noise": "tab:blue",
    "shuffled": "tab:orange",
    "noise": "tab:red",
}
NOISE, MESHGRID = NoiseInput(32, perturbation=0.0), CoordinateInput()
Row = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """A generator and what it is fed with."""

    network: Network
    input: Input = NOISE


def studies(width: int = 32) -> dict[str, dict[str, Variant]]:
    """Return what each study compares. The hourglass that is varied has five scales of `width` channels."""
    five = (width,) * 5
    base = Variant(Hourglass(five))
    return {
        "fig2": {
            "2018: 5 scales of 128": Variant(Hourglass()),
            f"5 scales of {width}": base,
            "of `fast`: half resolution": Variant(SubPixel()),
        },
        "depth": {f"depth {depth}": Variant(Hourglass((width,) * depth)) for depth in range(1, 7)},
        "skips": {f"{skip} skip channels": Variant(Hourglass(five, skip)) for skip in (0, 4, 128)},
        "filters": {
            "3 x 3": base,
            "1 x 1": Variant(Pointwise(five)),
            "1 x 1, no skips": Variant(Pointwise(five, 0)),
            "1 x 1, one scale": Variant(SinglePixels()),
            "fully connected": Variant(FullyConnected()),
        },
        "upsampling": {
            "bilinear": base,
            "nearest": Variant(Hourglass(five, upsampling="nearest")),
            "bilinear, 1 x 1, no skips": Variant(Pointwise(five, 0)),
            "nearest, 1 x 1, no skips": Variant(Pointwise(five, 0, "nearest")),
        },
        "input": {
            "noise": base,
            "meshgrid": Variant(Hourglass(five), MESHGRID),
            "noise, no skips": Variant(Hourglass(five, 0)),
            "meshgrid, no skips": Variant(Hourglass(five, 0), MESHGRID),
        },
    }


def targets(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return what is to be fitted, all of it within 0 to 1."""
    rng = np.random.default_rng(0)
    return {
        "picture": truth,
        "picture + noise": np.clip(truth + rng.normal(0, SIGMA, truth.shape), 0, 1),
        "shuffled": rng.permutation(truth.ravel()).reshape(truth.shape),
        "noise": rng.random(truth.shape),
    }


def fit(
    target: np.ndarray, variant: Variant, iterations: int, *, seed: int = 0, device: str = "cpu"
) -> Iterator[tuple[float, np.ndarray]]:
    """Fit a generator to a target; yield each iterate's squared error, and itself."""
    settings = Settings(
        variant.network,
        variant.input,
        Adam(),
        Gaussian(),
        Fixed(),
        averaging=0,
        correction="none",
        iterations=iterations,
        seed=seed,
        device=device,
        precision="float32",
    )
    for it in iterate(Problem(torch.as_tensor(target, dtype=torch.float32)[None]), settings):
        yield float(it.data_term), it.estimate()[0].double().numpy()


def weights(variant: Variant, shape: tuple[int, ...]) -> int:
    """Return how many numbers are fitted."""
    width = variant.input.own_width(Problem(torch.empty(1, *shape)), variant.network.factors(shape))
    with torch.device("meta"):
        return sum(p.numel() for p in variant.network.build(width, 1, shape).parameters())


def reached(left: list[float], level: float = LEFT) -> int | None:
    """Return the first iteration in which no more than `level` is left; None if there is none."""
    return next((n for n, part in enumerate(left, 1) if part <= level), None)


def impedance(row: Row) -> float | None:
    """Return how many times as long shuffled pixels take as the picture; None where one was not fitted."""
    picture, shuffled = (reached(row["left"][name]) for name in ("picture", "shuffled"))
    return shuffled / picture if picture and shuffled else None


def measure(variant: Variant, truth: np.ndarray, iterations: int, **how: Any) -> Row:
    """Fit a generator to all targets; return the curves, and the best iterate of the noisy picture."""
    row: Row = {"weights": weights(variant, truth.shape), "left": {}, "quality": [], "taken": []}
    best = -np.inf
    for what, target in targets(truth).items():
        row["left"][what], variance, noise = [], target.var(), target - truth
        for error, image in fit(target, variant, iterations, **how):
            row["left"][what].append(round(error / variance, 5))
            if what == "picture + noise":
                row["quality"].append(round(psnr(image, truth), 3))
                row["taken"].append(round(((image - truth) * noise).sum() / (noise**2).sum(), 4))
                if row["quality"][-1] > best:
                    best, row["best"] = row["quality"][-1], image.round(3).tolist()
    return row


def fitted(options: argparse.Namespace, truth: np.ndarray) -> Iterator[tuple[str, str, Row]]:
    """Yield what is measured: the study, the generator's name, its row."""
    how = {"seed": options.seed, "device": options.device}
    measured: dict[Variant, Row] = {}  # one generator may be in several studies
    for study in options.study:
        for name, variant in studies(options.width)[study].items():
            if any(text in name for text in options.only):
                if variant not in measured:
                    measured[variant] = measure(variant, truth, options.iterations, **how)
                yield study, name, measured[variant]


def again(known: dict[str, Any]) -> Iterator[tuple[str, str, Row]]:
    """Yield what was measured before."""
    for study, rows in known["studies"].items():
        for name, row in rows.items():
            yield study, name, row


def line(name: str, row: Row) -> str:
    """Return a row as a table has it."""

    def spent(what: str) -> str:
        left = row["left"][what]
        n = reached(left)
        return str(n) if n else f"never ({min(left):.1%} left)"

    ratio, picture = impedance(row), reached(row["left"]["picture"])
    if ratio is not None:
        resists = f"{ratio:.1f}"
    else:
        resists = f"above {len(row['quality']) / picture:.1f}" if picture else ""
    at = int(np.argmax(row["quality"]))
    cells = (
        name,
        f"{row['weights']:,}",
        *(spent(what) for what in COLOURS),
        resists,
        f"{row['left']['shuffled'][picture - 1]:.0%}" if picture else "",
        f"{row['quality'][at]:.2f} ({at + 1})",
        f"{np.median(row['quality'][-END:]):.2f}",
        f"{row['taken'][at]:.0%}",
        f"{np.median(row['taken'][-END:]):.0%}",
    )
    return f"| {' | '.join(cells)} |"


def plot_targets(rows: dict[str, Row]) -> Any:
    """Draw a panel for each generator: what is left of each target."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    panels = figure.subplots(1, len(rows), squeeze=False, sharey=True)[0]
    for panel, (name, row) in zip(panels, rows.items(), strict=True):
        for what, left in row["left"].items():
            panel.plot(range(1, len(left) + 1), left, color=COLOURS[what], lw=1, label=what)
        panel.axhline(LEFT, color="0.7", lw=0.8, zorder=0)
        panel.set(xscale="log", xlabel="iteration", ylim=(0, 1.2))
        panel.set_title(name, fontsize=10)
    panels[0].set_ylabel("part of the variance left")
    panels[0].legend(fontsize=8, loc="lower left")
    return figure


def plot_variants(rows: dict[str, Row], noisy: np.ndarray) -> Any:
    """Draw how fast picture and shuffled pixels are fitted, the PSNR along the way, and the best iterates."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    curves, strip = figure.subfigures(2, 1, height_ratios=(3, 1.7))
    left, right = curves.subplots(1, 2)
    for (name, row), colour in zip(rows.items(), colormaps["tab10"].colors, strict=False):
        n = range(1, len(row["quality"]) + 1)
        left.plot(n, row["left"]["picture"], color=colour, lw=1, label=name)
        left.plot(n, row["left"]["shuffled"], color=colour, lw=1, ls=":")
        right.plot(n, row["quality"], color=colour, lw=1)
    left.axhline(LEFT, color="0.7", lw=0.8, zorder=0)
    left.set(ylabel="part of the variance left", ylim=(0, 1.2))
    right.set_ylabel("PSNR in dB")
    right.set_ylim(12, None)
    left.set_title("fitting the picture; dotted: its pixels shuffled", fontsize=10)
    right.set_title("fitting the noisy picture, seen from the clean one", fontsize=10)
    for panel in (left, right):
        panel.set(xscale="log", xlabel="iteration")
    left.legend(fontsize=8, loc="lower left")
    shown = {"noisy": noisy} | {name: row["best"] for name, row in rows.items()}
    for panel, (name, image) in zip(strip.subplots(1, len(shown)), shown.items(), strict=True):
        panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        panel.set_title(name.replace(", ", ",\n"), fontsize=8)
        panel.axis("off")
    return figure


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--study", nargs="*", choices=list(studies()), default=list(studies()))
    parser.add_argument("--only", nargs="*", default=[""], help="generators whose name contains one of these")
    parser.add_argument("--picture", default="camera", help="of scikit-image's, or fluorescence")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="the curves")
    parser.add_argument("--plot", type=Path, help="a folder, for a picture of each study")
    parser.add_argument("--again", type=Path, help="what --json has written")
    options = parser.parse_args()
    known = json.loads(options.again.read_text()) if options.again else None
    if known:
        vars(options).update(known["options"])
    truth = resize_local_mean(middle(options.picture), (options.size, options.size))
    noisy = targets(truth)["picture + noise"]
    print(
        f"{options.picture}, {options.size} x {options.size}, noisy {psnr(noisy, truth):.2f} dB, "
        f"{options.iterations} iterations, seed {options.seed}"
    )
    tables: dict[str, dict[str, Row]] = {}
    for study, name, row in again(known) if known else fitted(options, truth):
        if study not in tables:
            print(f"\n{study}\n\n{heading(*COLUMNS)}", flush=True)
        tables.setdefault(study, {})[name] = row
        print(line(name, row), flush=True)
    if options.json:
        asked = {key: getattr(options, key) for key in ("picture", "size", "iterations", "width", "seed")}
        options.json.write_text(json.dumps({"options": asked, "studies": tables}))
    if options.plot:
        for study, rows in tables.items():
            figure = plot_targets(rows) if study == "fig2" else plot_variants(rows, noisy)
            figure.savefig(options.plot / f"prefers-{study}.png", dpi=80, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
