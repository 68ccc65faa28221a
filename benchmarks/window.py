"""Measure what a live run costs the window, and the window the run. Prints a table.

    python tools/screen.py python benchmarks/window.py [--size 512] [--seconds 20] [--rounds 3]

In a real viewer, on a synthetic fluorescence image:

first picture        from the click on Denoise until the result's first picture is on the canvas
iterations a second  in napari's worker, with the result drawn live, against the same blocking call;
                     the two take turns, so that a machine that changes its speed is fair to both
event loop           how long the main thread was busy at a stretch during a run: the time from one tick of a
                     2 ms timer to the next, less the 2 ms
"""

from __future__ import annotations

import platform
import time

import napari
import numpy as np
import torch
from event_loop import until
from qtpy.QtCore import Qt, QTimer
from reporting import heading, parser_of

from napari_dip.api import denoise
from napari_dip.images.synthetic import fluorescence
from napari_dip.viewer import denoise as denoise_live
from napari_dip.viewer.widgets.denoise import DenoiseWidget

TICK = 0.002


class Ticks:
    """How long the event loop takes from tick to tick."""

    def __init__(self) -> None:
        self.busy: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(round(TICK * 1000))

    def _tick(self) -> None:
        now = time.perf_counter()
        self.busy.append(max(0.0, now - self._last - TICK))
        self._last = now

    def stop(self) -> np.ndarray:
        self._timer.stop()
        return 1000 * np.array(self.busy)


def first_picture(viewer, widget) -> float:
    """Seconds from the click until a screenshot of the canvas shows the result."""
    began = time.perf_counter()
    widget.controls.main.click()
    run = widget.controls.run
    until(lambda: run.layer is not None)
    viewer.screenshot(canvas_only=True, flash=False)
    seconds = time.perf_counter() - began
    run.stop()
    run.wait()
    remove(viewer, run.layer)
    return seconds


def blocking(image, settings) -> float:
    """Iterations a second of the blocking call."""
    began = time.perf_counter()
    return denoise(image, **settings).iterations / (time.perf_counter() - began)


def live(
    viewer, layer, settings, *, hidden: bool = False, watch: bool = False
) -> tuple[float, float, np.ndarray]:
    """Iterations a second of a live run, pictures a second, and the event loop's busy times in ms.

    The event loop is watched in a run of its own: the ticks of the timer would slow the worker down.
    """
    pictures = []
    began = time.perf_counter()
    run = denoise_live(viewer, layer, **settings)
    until(lambda: run.layer is not None)
    ticks = Ticks() if watch else None
    run.layer.visible = not hidden
    run.layer.events.set_data.connect(lambda: pictures.append(1))
    result = run.wait()
    seconds = time.perf_counter() - began
    busy = ticks.stop() if ticks else np.empty(0)
    remove(viewer, run.layer)
    return result.iterations / seconds, len(pictures) / seconds, busy


def remove(viewer, layer) -> None:
    """Remove a layer: a visible one, because Mesa's software OpenGL crashes after a hidden one goes."""
    layer.visible = True
    viewer.screenshot(canvas_only=True, flash=False)
    viewer.layers.remove(layer)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset", default="fast")
    options = parser.parse_args()

    image, _ = fluorescence((options.size, options.size))
    viewer = napari.Viewer()
    layer = viewer.add_image(image, name="cell")
    began = time.perf_counter()
    widget = DenoiseWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Denoise")
    opened = time.perf_counter() - began
    until(widget.controls.main.isEnabled)
    warm = time.perf_counter() - began

    pictures = [first_picture(viewer, widget) for _ in range(options.rounds)]
    settings = {
        "preset": options.preset,
        "seconds": options.seconds,
        "iterations": 10**6,
        "stopping": {"name": "held-out", "patience": 1e6},
    }
    blocked, shown, hidden = [], [], []
    for _ in range(options.rounds):
        blocked.append(blocking(image, settings))
        shown.append(live(viewer, layer, settings)[:2])
        hidden.append(live(viewer, layer, settings, hidden=True)[0])
    busy = live(viewer, layer, settings, watch=True)[2]
    viewer.close()

    ratios = [rate / reference for (rate, _), reference in zip(shown, blocked, strict=True)]
    unseen = [rate / reference for rate, reference in zip(hidden, blocked, strict=True)]
    rates, drawn = np.median(shown, axis=0)
    threads = f"{torch.get_num_threads()} threads"
    print(
        f"{options.size} x {options.size}, preset {options.preset}, {platform.machine()}, {threads}, ", end=""
    )
    print(f"torch {torch.__version__}, napari {napari.__version__}")
    print(heading("what", "measured", "goal"))
    print(f"| widget opens | {opened:.2f} s | |")
    print(f"| warm, button ready | {warm:.2f} s | |")
    print(f"| first picture after the click, worst of {len(pictures)} | {max(pictures):.2f} s | 2 s |")
    print(f"| iterations a second, blocking | {np.median(blocked):.2f} | |")
    print(f"| iterations a second, live | {rates:.2f} | |")
    print(f"| live / blocking, median of {len(ratios)} pairs | {np.median(ratios):.2f} | 0.90 |")
    print(f"| the same with the result hidden | {np.median(unseen):.2f} | |")
    print(f"| pictures a second | {drawn:.1f} | |")
    for name, value in (("median", 50), ("p99", 99), ("longest", 100)):
        goal = "100 ms" if value == 99 else ""
        print(f"| event loop busy, {name} | {np.percentile(busy, value):.1f} ms | {goal} |")


if __name__ == "__main__":
    main()
