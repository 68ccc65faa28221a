"""How long does it take from an edit of the mask to its effect in the window, while a run goes on?

    python tools/screen.py python benchmarks/mask_edit.py [SIZE]

A bright scratch is left out of the mask at first; a stroke of the brush then covers a part of it. The time is
from the stroke to the first drawing of the result in which the scratch is gone there.
"""

from __future__ import annotations

import sys
import time

import napari
import numpy as np
from event_loop import until
from pictures import middle
from reporting import machine

import napari_dip as dip


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    image = (255 * middle("camera", size)).astype("uint8")
    image[size // 4 : size // 4 + 5] = 255
    viewer = napari.Viewer()
    viewer.window.resize(1360, 900)
    viewer.add_image(image, name="camera")
    mask = viewer.add_labels(np.zeros(image.shape, "uint8"), name="mask")
    mask.data[size // 2 : size // 2 + 5] = 1
    run = dip.viewer.inpaint(viewer, "camera", "mask")
    drawn = []

    def draw(event) -> None:
        drawn.append(time.perf_counter())

    viewer.window._qt_viewer.canvas._scene_canvas.events.draw.connect(draw)
    until(lambda: run.step is not None and run.step.iterate.iteration >= 20, 120)
    took = []
    mask.brush_size = 9
    row = size // 4 + 2
    for column in np.linspace(0.1, 0.9, 8) * size:
        column = int(column)
        until(lambda: False, 1)
        began = time.perf_counter()
        mask.paint((row, column), 1)

        def gone(column=column, began=began) -> bool:
            changed = abs(int(run.layer.data[row, column]) - 255) > 20
            return changed and any(when > began for when in drawn[-1:])

        until(gone, 10)
        took.append(time.perf_counter() - began)
    seconds = run.step.iterate.seconds / run.step.iterate.iteration
    print(
        f"{size} x {size}, {machine()}, {seconds:.2f} s an "
        f"iteration; from edit to effect {', '.join(f'{t:.2f}' for t in took)} s"
    )
    run.stop()
    run.wait()
    viewer.close()


if __name__ == "__main__":
    main()
