"""How do napari-dip's presets compare with other methods, side by side in one run?

    python benchmarks/rivals.py                           # all methods on 15 pictures: hours
    python benchmarks/rivals.py --only "camera, gaussian 25" --methods fast BM3D NLM-blind
    python benchmarks/rivals.py --fmd FOLDER --only _     # captures: FOLDER/raw/NAME.png, FOLDER/gt/NAME.png
    python benchmarks/rivals.py --size 96 --iterations ulyanov2018=300 --json FILE.json --plot FILE.png
    options: --seeds N  --device NAME  --every N  --clock processor (on a busy machine)

BM3D needs the package bm3d, --plot matplotlib (both in the dependency group "bench"). deepinv, if it is not
installed, is left out. The second table says what each method is given.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from methods import METHODS, Run
from pictures import Picture, captures, micrographs, photographs, psnr, ssim
from reporting import heading, line, parser_of
from watch import Watch

from napari_dip.engine.devices import choose_device

COLUMNS = ("picture", "method", "PSNR", "to classic", "SSIM", "seconds", "MiB", "iterations", "as 2018 after")
SUMMARY = (
    "method",
    "given",
    "pictures",
    "mean PSNR",
    "median PSNR",
    "to classic",
    "mean SSIM",
    "median seconds",
    "times as fast as 2018",
)
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
Row = dict[str, Any]


def measure(picture: Picture, name: str, run: Run, every: int, clock: Callable[[], float]) -> Row:
    """Run one method on one picture; return what there is to tell."""
    watch = Watch(picture.truth, run.device, every, clock)
    with watch:
        outcome = METHODS[name].run(picture, watch, run)
    seconds = watch.seconds if outcome.seconds is None else outcome.seconds
    quality = psnr(outcome.image, picture.truth)
    trace = [list(look) for look in watch.trace]
    if trace and outcome.seconds is None:
        trace.append([seconds, outcome.iterations, quality])
    return {
        "picture": picture.name,
        "method": name,
        "seed": run.seed,
        "psnr": quality,
        "ssim": ssim(outcome.image, picture.truth),
        "seconds": seconds,
        "memory": watch.memory,
        "iterations": outcome.iterations,
        "trace": trace,
    }


def compare(picture: Picture, names: list[str], options: argparse.Namespace) -> list[Row]:
    """Run all methods on a picture, one after the other for each seed: all see the same machine."""
    rows = []
    for seed, name in product(range(options.seeds), names):
        print(f"{picture.name}, seed {seed}: {name}", file=sys.stderr, flush=True)
        run = Run(options.device, seed, options.iterations.get(name))
        rows.append(measure(picture, name, run, options.every, CLOCKS[options.clock]))
    classics = [row["psnr"] for row in rows if METHODS[row["method"]].kind == "classic"]
    paper = {row["seed"]: row for row in rows if row["method"] == "ulyanov2018"}
    for row in rows:
        row["to_classic"] = row["psnr"] - max(classics) if classics else None
        row["as_2018_after"] = row["times_2018"] = None
        if METHODS[row["method"]].kind == "ours" and row["seed"] in paper:
            row["as_2018_after"] = reached(row["trace"], paper[row["seed"]]["psnr"])
            if row["as_2018_after"] is not None:
                row["times_2018"] = paper[row["seed"]]["seconds"] / row["as_2018_after"]
    return rows


def reached(trace: list[list[float]], quality: float) -> float | None:
    """Return the seconds after which a run first has this PSNR; None if it never has."""
    return next((seconds for seconds, _, seen in trace if seen >= quality), None)


def warm_up(picture: Picture, names: list[str], device: str) -> None:
    """Load what loads at the first call, on the picture's middle."""
    small = picture.middle(64)
    for name in names:
        with Watch(small.truth, device) as watch:
            METHODS[name].run(small, watch, Run(device, iterations=2))


def number(values: Iterable[float | None], form: str, *, spread: bool = False) -> str:
    """Write the median of what there is, and from where to where it goes."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    text = format(float(np.median(known)), form)
    if spread and len(known) > 1 and max(known) > min(known):
        text += f" ({min(known):{form}} to {max(known):{form}})"
    return text


def table(picture: Picture, names: list[str], rows: list[Row]) -> Iterator[str]:
    """Yield the lines of one picture."""
    before = psnr(picture.noisy, picture.truth), ssim(picture.noisy, picture.truth)
    yield line((picture.name, "noisy", f"{before[0]:.2f}", "", f"{before[1]:.3f}", "", "", "", ""))
    for name in names:
        mine = [row for row in rows if row["method"] == name]
        after = number((row["as_2018_after"] for row in mine), ".1f")
        times = number((row["times_2018"] for row in mine), ".1f")
        never = sum(row["as_2018_after"] is None for row in mine)
        if METHODS[name].kind == "ours" and any(row["method"] == "ulyanov2018" for row in rows):
            after = f"{after} s ({times} times as fast)" if after else "never"
            after += f" ({never} of {len(mine)} never)" if 0 < never < len(mine) else ""
        yield line(
            (
                picture.name,
                name,
                number((row["psnr"] for row in mine), ".2f", spread=True),
                number((row["to_classic"] for row in mine), "+.2f"),
                number((row["ssim"] for row in mine), ".3f"),
                number((row["seconds"] for row in mine), ".2f", spread=True),
                number((row["memory"] and row["memory"] / 2**20 for row in mine), ".0f"),
                number((row["iterations"] for row in mine), ".0f"),
                after,
            )
        )


def by_picture(rows: list[Row], name: str, key: str) -> list[float]:
    """Return a method's median for each picture, as far as there is one."""
    values: dict[str, list[float]] = {}
    for row in rows:
        if row["method"] == name and row[key] is not None:
            values.setdefault(row["picture"], []).append(row[key])
    return [float(np.median(of_one)) for of_one in values.values()]


def summary(names: list[str], rows: list[Row]) -> Iterator[str]:
    """Yield the lines that sum up each method over all pictures."""
    yield heading(*SUMMARY)
    for name in names:
        quality, likeness, seconds, classic, times = (
            by_picture(rows, name, key) for key in ("psnr", "ssim", "seconds", "to_classic", "times_2018")
        )
        yield line(
            (
                name,
                METHODS[name].given,
                len(quality),
                f"{np.mean(quality):.2f}",
                f"{np.median(quality):.2f}",
                f"{np.mean(classic):+.2f} ({min(classic):+.2f} to {max(classic):+.2f})" if classic else "",
                f"{np.mean(likeness):.3f}",
                f"{np.median(seconds):.2f}",
                number(times, ".1f", spread=True),
            )
        )


def plot(file: Path, rows: list[Row]) -> None:
    """Draw PSNR over time, one panel for each picture; methods that do not iterate are points."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    pictures = list(dict.fromkeys(row["picture"] for row in rows))
    columns = min(3, len(pictures))
    lines = -(-len(pictures) // columns)
    figure = Figure(figsize=(6 * columns, 4.2 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel in panels[len(pictures) :]:
        panel.remove()
    colours = dict(zip(METHODS, colormaps["tab10"].colors, strict=False))
    for panel, name in zip(panels, pictures, strict=False):
        lowest = []
        for row in (row for row in rows if row["picture"] == name):
            colour, label = colours[row["method"]], None if row["seed"] else row["method"]
            if row["trace"]:
                seconds, _, quality = zip(*row["trace"], strict=True)
                panel.plot(seconds, quality, color=colour, lw=1.2, alpha=0.8)
            mark = "o" if row["trace"] else "D"
            panel.plot(row["seconds"], row["psnr"], mark, color=colour, label=label, ms=6)
            lowest.append(row["psnr"])
        panel.set(xscale="log", title=name, xlabel="seconds", ylabel="PSNR in dB")
        panel.set_ylim(min(lowest) - 4, None)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    figure.savefig(file, dpi=120)


def chosen(options: argparse.Namespace) -> Iterator[Picture]:
    """Yield the pictures that were asked for."""
    pictures = chain(photographs(), micrographs(), captures(options.fmd) if options.fmd else ())
    for picture in pictures:
        if not options.only or any(text in picture.name for text in options.only):
            yield picture.middle(options.size)


def limit(text: str) -> tuple[str, int]:
    """Read NAME=N."""
    name, _, iterations = text.partition("=")
    if name not in METHODS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of the methods: {', '.join(METHODS)}")
    return name, int(iterations)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS), metavar="NAME")
    parser.add_argument("--only", nargs="*", default=[], help="pictures whose name contains one of these")
    parser.add_argument("--fmd", type=Path, help="captures as well")
    parser.add_argument("--size", type=int, help="the middle of each picture, in pixels")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each method; medians are shown")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--iterations", nargs="*", type=limit, default=[], help="NAME=N, if not the method's own"
    )
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--every", type=int, default=10, help="iterations from look to look")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    options.iterations = dict(options.iterations)
    options.device = str(choose_device(options.device))
    missing = {name: METHODS[name].missing() for name in METHODS if name in options.methods}
    names = [name for name, why in missing.items() if why is None]
    pictures = list(chosen(options))
    if not pictures or not names:
        parser.error("no picture or no method is left.")

    on = torch.cuda.get_device_name(options.device) if "cuda" in options.device else platform.machine()
    where = f"torch {torch.__version__} on {options.device} ({on}), {torch.get_num_threads()} threads"
    print(f"{where}, {options.seeds} runs of each method; times are medians\n")
    for name, why in missing.items():
        if why is not None:
            print(f"{name} is left out: {why}\n")
    warm_up(pictures[0], names, options.device)
    rows: list[Row] = []
    print(heading(*COLUMNS))
    for picture in pictures:
        new = compare(picture, names, options)
        rows += new
        print("\n".join(table(picture, names, new)), flush=True)
        if options.json:
            options.json.write_text(json.dumps({"machine": where, "size": options.size, "rows": rows}))
        if options.plot:
            plot(options.plot, rows)
    print()
    print("\n".join(summary(names, rows)))


if __name__ == "__main__":
    main()
