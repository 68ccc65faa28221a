"""Measure the choice of detail: what the slider's pictures are like, and how soon they are there. Two tables.

    python tools/screen.py python benchmarks/detail.py [--size 1024] [--moves 200] [--iterations 20]

pictures    of the synthetic fluorescence image, 128 x 128, restored with "fast": PSNR and total variation
            along the slider, beside the averages of the iterates that the run had on its way
window      in a real viewer, on an image of --size: from a move of the slider until the layer has its
            picture, and until the canvas is drawn, beside the same picture drawn again; and what the pictures
            cost, beside an iteration of the run
"""

from __future__ import annotations

import time

import napari
import numpy as np
from event_loop import until
from reporting import heading, parser_of

from napari_dip.api import plan_denoise
from napari_dip.images.synthetic import fluorescence
from napari_dip.viewer.detail import END, detail_at
from napari_dip.viewer.widgets.denoise import DenoiseWidget

AVERAGES = (20, 40, 60, 80, 110, 150)


def total_variation(picture: np.ndarray) -> float:
    """Mean absolute difference between neighbouring pixels, over both axes."""
    return sum(np.abs(np.diff(picture.astype(float), axis=axis)).mean() for axis in (0, 1))


def pictures() -> None:
    """Print what is seen along the slider."""
    noisy, truth = fluorescence((128, 128))
    span = float(np.ptp(truth))

    def row(what: str, picture: np.ndarray) -> str:
        quality = 10 * np.log10(span**2 / np.mean((picture - truth) ** 2))  # nothing is clipped
        return f"| {what} | {quality:.2f} dB | {total_variation(picture):.2f} |"

    job, rows = plan_denoise(noisy, dtype="float64"), []
    for step in job:
        if step.iterate.iteration in AVERAGES:
            average = step.iterate._fit.average[0].cpu()
            rows.append(
                row(
                    f"average of the iterates, iteration {step.iterate.iteration}",
                    job._piece.restored(average),
                )
            )
    result = job.result()
    print(heading("picture", "PSNR", "total variation"))
    for line in rows:
        print(line)
    for position in range(-END, END + 1, END // 5):
        detail = detail_at(position)
        print(row(f"slider at {position}, detail {detail:g}", result.adjusted(detail).image))
    print(f"| truth | | {total_variation(truth):.2f} |")


def window(size: int, moves: int, iterations: int) -> None:
    """Print how soon a picture is there."""
    image, _ = fluorescence((size, size))
    viewer = napari.Viewer()
    viewer.add_image(image, name="cell")
    widget = DenoiseWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Denoise")
    until(widget.controls.main.isEnabled)
    widget.advanced.inputs["iterations"].setValue(iterations)
    run = widget.start()
    until(lambda: run.done)
    began, cpu = time.perf_counter(), time.process_time()
    slider = widget.controls.detail.slider
    until(slider.isEnabled)
    prepared, cost = time.perf_counter() - began, time.process_time() - cpu

    canvas = viewer.window._qt_viewer.canvas.native
    shown, drawn, again = [], [], []
    for position in np.random.default_rng(0).integers(-END, END + 1, moves):
        began = time.perf_counter()
        slider.setValue(int(position))
        shown.append(time.perf_counter() - began)
        canvas.repaint()
        drawn.append(time.perf_counter() - began)
        began = time.perf_counter()
        canvas.repaint()
        again.append(time.perf_counter() - began)
    per_iteration = run.result.seconds / run.result.iterations
    viewer.close()
    print(f"\n{size} x {size}, {image.dtype}, {moves} moves, napari {napari.__version__}")
    print(heading("what", "p50", "p99"))
    rows = {
        "from the move until the layer has the picture": shown,
        "from the move until the canvas is drawn": drawn,
        "drawing alone, of a picture that is there": again,
    }
    for what, seconds in rows.items():
        p50, p99 = 1000 * np.percentile(seconds, (50, 99))
        print(f"| {what} | {p50:.1f} ms | {p99:.1f} ms |")
    print(
        f"\nThe pictures were there {prepared:.1f} s after the run ({cost:.1f} s of processor time); "
        f"an iteration took {per_iteration:.2f} s."
    )


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--iterations", type=int, default=20)
    options = parser.parse_args()
    pictures()
    window(options.size, options.moves, options.iterations)


if __name__ == "__main__":
    main()
