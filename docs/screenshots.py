"""Make the documentation's pictures of the window, in docs/images.

    python tools/screen.py python docs/screenshots.py [denoise | detail | inpaint | super-resolution ...]

denoise.png            the window at the end of a run, the noisy image beside its result
detail.png             a result made smoother by the slider, as it came out, and with more detail
inpaint.png            scratches painted over with the mouse, more of them while the run goes on; and the end
super-resolution.png   a stack of beads, coarse in Z, and the result, both in 3-D

docs/states.py makes those of the widgets alone, in each of their states.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_SCALE_FACTOR", "1")
os.environ["NAPARI_CONFIG"] = ""  # whatever docks whoever runs this has moved

import napari
import numpy as np
from imageio.v3 import imwrite
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from skimage import data
from skimage.draw import bezier_curve
from skimage.morphology import dilation, disk

from napari_dip.viewer.samples import beads, fluorescence

IMAGES = Path(__file__).parent / "images"
CORNER = slice(64, 320)  # a part of the sample in which a pixel is large enough to be seen
WIDTH = 290


def wait(condition, seconds: float = 3600) -> None:
    """Run the event loop until `condition()`, or for some seconds."""
    end = time.monotonic() + seconds
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: (condition() or time.monotonic() > end) and loop.quit())
    timer.start(20)
    loop.exec()


def pause(seconds: float) -> None:
    """Run the event loop for some seconds."""
    wait(lambda: False, seconds)


def window(task: str) -> tuple:
    """Open napari with a widget in a narrow dock."""
    viewer = napari.Viewer()
    viewer.window.resize(1360, 640)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-dip", task)
    viewer.window._qt_window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
    return viewer, widget


def whole(viewer) -> np.ndarray:
    """Return a picture of the window."""
    return viewer.screenshot(canvas_only=False, flash=False)[..., :3]


def side_by_side(viewer) -> None:
    """Show the layers in napari's grid, the lowest on the left."""
    grid = getattr(viewer, "canvas", viewer).grid  # napari 0.9 moved it
    grid.stride = 1
    grid.enabled = True
    viewer.reset_view(margin=0.02)
    pause(0.5)


def denoise() -> None:
    """Make denoise.png."""
    viewer, widget = window("Denoise")
    _, (noisy, look, _) = fluorescence()
    viewer.add_image(noisy[CORNER, CORNER], **(look | {"name": "cell"}))
    wait(widget.controls.main.isEnabled)
    widget.controls.main.click()
    run = widget.controls.run
    wait(lambda: run.done)
    wait(widget.controls.detail.slider.isEnabled)
    side_by_side(viewer)
    imwrite(IMAGES / "denoise.png", whole(viewer))
    viewer.close()


def detail() -> None:
    """Make detail.png."""
    viewer, widget = window("Denoise")
    _, (noisy, look, _) = fluorescence()
    viewer.add_image(noisy[CORNER, CORNER][:160, :160], **(look | {"name": "cell"}))
    wait(widget.controls.main.isEnabled)
    widget.controls.main.click()
    run = widget.controls.run
    wait(lambda: run.done)
    slider, states = widget.controls.detail.slider, []
    wait(slider.isEnabled)
    for position in (0, 35, -80):
        slider.setValue(position)
        pause(0.4)
        states.append(viewer.screenshot(size=(640, 640), flash=False)[..., :3])
    picture = whole(viewer)
    scale = picture.shape[1] / viewer.window._qt_window.width()
    states.append(picture[:640, -round(scale * (WIDTH + 4)) :])
    states.insert(0, states.pop(2))  # from smooth to detailed
    imwrite(IMAGES / "detail.png", np.concatenate(states, axis=1))
    viewer.close()


SCRATCHES = (
    ((30, 20), (60, 90), (40, 150)),
    ((90, 40), (140, 60), (200, 30)),
    ((215, 90), (190, 160), (230, 235)),
)
LATE = ((70, 120), (120, 150), (150, 235))


def scratched(picture: np.ndarray) -> np.ndarray:
    """Return a picture with white scratches, 4 pixels wide."""
    where = np.zeros(picture.shape[:2], bool)
    for curve in (*SCRATCHES, LATE):
        (a, b), (c, d), (e, f) = curve
        rows, columns = bezier_curve(a, b, c, d, e, f, 1.0)
        where[rows, columns] = True
    return np.where(dilation(where, disk(2))[..., None], np.uint8(250), picture)


def paint(viewer, curve, layer) -> None:
    """Press the mouse on the canvas, draw along a curve, and let go."""
    canvas = viewer.window._qt_viewer.canvas.native
    camera = getattr(viewer, "scene", viewer).camera
    start, middle, end = (np.array(point, float) for point in curve)

    def position(t: float) -> QPoint:
        point = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        y, x = (np.asarray(layer.data_to_world(point)) - camera.center[-2:]) * camera.zoom
        return QPoint(round(canvas.width() / 2 + x), round(canvas.height() / 2 + y))

    QTest.mouseMove(canvas, position(0))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=position(0))
    for t in np.linspace(0, 1, 30):
        pause(0.03)
        QTest.mouseMove(canvas, position(t))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=position(1))


def inpaint() -> None:
    """Make inpaint.png."""
    viewer, widget = window("Inpaint")
    viewer.add_image(scratched(data.immunohistochemistry()[100:356, 120:376]), name="tissue")
    wait(lambda: widget.ready)
    widget.paint.click()
    pause(0.5)
    mask = viewer.layers.selection.active
    mask.brush_size = 7
    for curve in SCRATCHES:
        paint(viewer, curve, mask)
    wait(widget.controls.main.isEnabled, 10)
    widget.controls.main.click()
    run = widget.controls.run
    wait(lambda: run.step is not None and run.step.iterate.iteration > 30)
    paint(viewer, LATE, mask)  # the run goes on meanwhile
    pause(1.0)
    during = whole(viewer)
    wait(lambda: run.done)
    QTest.mouseMove(viewer.window._qt_viewer.canvas.native, QPoint(5, 5))  # the brush is put away
    pause(0.3)
    mask.mode, mask.visible = "pan_zoom", False
    viewer.layers.selection.active = run.layer
    side_by_side(viewer)
    imwrite(IMAGES / "inpaint.png", np.concatenate([during, whole(viewer)]))
    viewer.close()


def super_resolution() -> None:
    """Make super-resolution.png."""
    viewer, widget = window("Super-resolution")
    for picture, look, _ in beads()[-1:]:
        viewer.add_image(picture, **(look | {"name": "beads"}))
    wait(lambda: widget.ready)
    widget.finer.setCurrentIndex(widget.finer.findData("Z"))
    wait(widget.controls.main.isEnabled, 10)
    widget.controls.main.click()
    run = widget.controls.run
    wait(lambda: run.done)
    viewer.dims.ndisplay = 3
    side_by_side(viewer)
    getattr(viewer, "scene", viewer).camera.angles = (10, 25, 60)
    pause(0.5)
    imwrite(IMAGES / "super-resolution.png", whole(viewer))
    viewer.close()


PICTURES = {"denoise": denoise, "detail": detail, "inpaint": inpaint, "super-resolution": super_resolution}


def main() -> None:
    """Make the pictures that are asked for, or all."""
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()


if __name__ == "__main__":
    main()
