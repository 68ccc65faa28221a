"""Make the documentation's pictures of the window, in docs/images.

    python tools/screen.py python docs/screenshots.py

denoise.png            the window at the end of a run, the noisy image beside its result
denoise-states.png     the widget before, during, paused and after a run, with Advanced open, and in the
                       light theme
"""

from __future__ import annotations

import os
import time
from pathlib import Path

os.environ.setdefault("QT_SCALE_FACTOR", "1")

import napari
import numpy as np
from imageio.v3 import imwrite
from qtpy.QtCore import QEventLoop, Qt, QTimer

from napari_dip.viewer.samples import fluorescence

IMAGES = Path(__file__).parent / "images"
CORNER = slice(64, 320)  # a part of the sample in which a pixel is large enough to be seen
WIDTH = 290


def wait(condition, seconds: float = 600) -> None:
    """Run the event loop until `condition()`, or for some seconds."""
    end = time.monotonic() + seconds
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: (condition() or time.monotonic() > end) and loop.quit())
    timer.start(20)
    loop.exec()


def pause(seconds: float) -> None:
    """Run the event loop for some seconds."""
    wait(lambda: False, seconds)


def main() -> None:
    """Make both pictures."""
    IMAGES.mkdir(exist_ok=True)
    viewer = napari.Viewer()
    viewer.window.resize(1360, 640)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-dip", "Denoise")
    viewer.window._qt_window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
    states = []

    def state() -> None:
        pause(0.4)
        picture = viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        scale = picture.shape[1] / viewer.window._qt_window.width()
        states.append(picture[:, -round(scale * (WIDTH + 4)) :])

    state()
    _, (noisy, look, _) = fluorescence()
    viewer.add_image(noisy[CORNER, CORNER], **(look | {"name": "cell"}))
    wait(widget.controls.main.isEnabled)
    state()
    widget.controls.main.click()
    run = widget.controls.run
    wait(lambda: run.step is not None and run.step.iterate.iteration > 60)
    state()
    run.pause()
    state()
    run.resume()
    wait(lambda: run.done)
    state()

    # The two side by side: napari's grid, the original on the left.
    grid = getattr(viewer, "canvas", viewer).grid  # napari 0.9 moved it
    grid.stride = 1
    grid.enabled = True
    viewer.reset_view(margin=0.02)
    pause(0.5)
    imwrite(IMAGES / "denoise.png", viewer.screenshot(canvas_only=False, flash=False))

    widget.fold.expand(animate=False)
    state()
    viewer.theme = "light"
    state()
    imwrite(IMAGES / "denoise-states.png", np.concatenate(states, axis=1))
    viewer.close()


if __name__ == "__main__":
    main()
