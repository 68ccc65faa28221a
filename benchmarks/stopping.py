"""How well does a preset restore, and how near does its stopping rule come to the best iterate?

    python benchmarks/stopping.py                   # camera, coins, synthetic fluorescence; 18 pictures
    python benchmarks/stopping.py --fmd FOLDER      # and captures: FOLDER/raw/NAME.png, FOLDER/gt/NAME.png
    options: --preset NAME  --only TEXT  --all  --trace FILE.json  --result

Each run goes on for twice as long as the rule would let it, so that the best iterate is known; what the rule
would choose is read off the same run. Of an iterate counts what the run would come to if it ended there with
no finish. --result makes the run that a user makes, with the finish on all pixels, and tells what it returns.
"""

from __future__ import annotations

import json
import math
import time
from itertools import chain
from pathlib import Path

import numpy as np
from pictures import Picture, captures, psnr, synthetic
from reporting import machine, parser_of

import napari_dip as dip
from napari_dip.api import plan_denoise
from napari_dip.engine.judging import Patience
from napari_dip.engine.presets import preset
from napari_dip.images.noise import estimate_noise

# Iterations from look to look; what the rule takes for better is looked at besides.
EVERY = 50
RULE = "rule (at)      best (at)      lost  gain   stop  seconds"


def follow(picture: Picture, name: str, **settings: object) -> dict[str, object]:
    """Run a preset on a picture past its stop; return what there is to tell."""
    rule, finish = preset(name).stopping, preset(name).finish
    first = next(iter(plan_denoise(picture.noisy, preset=name, **settings))).iterate
    wait = first.last_iteration - finish  # or longer: nothing has been looked at yet
    beyond = {"patience": 2 * rule.patience + 0.2, "wait": 2 * wait, "tolerance": 0.0}
    job = plan_denoise(picture.noisy, preset=name, stopping=beyond, **settings)
    shared = estimate_noise(picture.noisy).correlated
    asked = {"least": wait} if shared else {"wait": wait, "tolerance": 0.02}
    patience, stopped, least = Patience(rule.patience, **asked), None, math.inf
    trace: list[tuple[int, float | None, float]] = []
    for step in job:
        it, fit = step.iterate, step.iterate._fit
        looked = stopped is None and it.figure is not None
        better = looked and patience.better(it.iteration, it.figure)
        if looked and fit.recorruption is not None:  # it goes on from where the generator itself was best
            better, least = fit.least < least, fit.least
        if stopped is None and patience.exhausted:
            stopped = it.iteration, it.seconds
        if it.iteration % EVERY and not better:
            continue
        quality = psnr(job.settled(), picture.truth)
        trace.append((it.iteration, it.figure, quality))
        if better:
            chosen, chosen_at = quality, it.iteration
    n, seconds = stopped or (it.iteration, it.seconds)
    best = max(trace, key=lambda row: row[2])
    return {
        "picture": picture.name,
        "noisy": psnr(picture.noisy, picture.truth),
        "best": best[2],
        "best_at": best[0],
        "chosen": chosen,
        "chosen_at": chosen_at,
        "stopped_at": n,
        "seconds": seconds,
        "trace": trace,
    }


def restore(picture: Picture, name: str) -> dict[str, object]:
    """Do what a user does; return what there is to tell."""
    r = dip.denoise(picture.noisy, preset=name)
    before, after = psnr(picture.noisy, picture.truth), psnr(r.image, picture.truth)
    print(
        f"{picture.name:32s} {before:5.2f}  {after:5.2f}  {after - before:5.2f}  {r.iterations:5d}  "
        f"{r.seconds:6.1f}  {r.stopped_by}",
        flush=True,
    )
    return {"picture": picture.name, "noisy": before, "chosen": after}


def report(row: dict[str, object]) -> None:
    """Print a row of `follow`."""
    lost, gain = row["best"] - row["chosen"], row["chosen"] - row["noisy"]
    print(
        f"{row['picture']:32s} {row['noisy']:5.2f}  {row['chosen']:5.2f} ({row['chosen_at']:4d})  "
        f"{row['best']:5.2f} ({row['best_at']:4d})  {lost:4.2f} {gain:5.2f}  {row['stopped_at']:5d}  "
        f"{row['seconds']:6.1f}",
        flush=True,
    )


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--fmd", type=Path)
    parser.add_argument("--all", action="store_true", help="all captures of each field, not one")
    parser.add_argument("--only", default="", help="pictures whose name contains this")
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--result", action="store_true")
    options = parser.parse_args()
    print(f"preset {options.preset}, {machine()}")
    columns = "result gain  iterations  seconds" if options.result else RULE
    print(f"{'picture':32s} noisy  {columns}")
    pictures = synthetic()
    if options.fmd:
        pictures = chain(pictures, captures(options.fmd, all_of_them=options.all))
    rows, start = [], time.perf_counter()
    for picture in pictures:
        if options.only not in picture.name:
            continue
        if options.result:
            rows.append(restore(picture, options.preset))
        else:
            rows.append(follow(picture, options.preset))
            report(rows[-1])
    gain = np.array([row["chosen"] - row["noisy"] for row in rows])
    print(f"gain: {gain.mean():.2f} dB on average, at least {gain.min():.2f} dB")
    if not options.result:
        lost = np.array([row["best"] - row["chosen"] for row in rows])
        print(f"lost: at most 0.3 dB in {np.mean(lost <= 0.3):.0%}, at worst {lost.max():.2f} dB")
    print(f"{time.perf_counter() - start:.0f} s in all")
    if options.trace:
        options.trace.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
