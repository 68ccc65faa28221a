"""Make the pictures of each widget in each state, as docs/images/states-*.png.

    python tools/screen.py python docs/states.py [denoise | stack | inpaint ...] [--into FOLDER]

Of each scene a sheet: from left to right nothing open, before a run, during it, paused, finished, failed;
above in napari's dark theme, below in the light one. states-200.png has the end of each at 200%, as a
high-resolution screen shows it. tests/viewer/test_states.py compares the widgets with the upper row: make the
pictures anew, and look at them, whenever a widget looks otherwise.

Texts with a time in them are held still, and so is each run while its picture is taken.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("QT_SCALE_FACTOR", "1")
os.environ["NAPARI_CONFIG"] = ""  # whatever docks whoever runs this has moved

import napari
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from qtpy.QtCore import QEventLoop, QPoint, QTimer
from qtpy.QtGui import QFontInfo, QFontMetrics, QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QStyle,
    QStyleOptionComboBox,
    QWidget,
)

from napari_dip.images.jpeg import quantisation_at
from napari_dip.images.synthetic import beads, fluorescence
from napari_dip.job import Job
from napari_dip.viewer.widgets.layer_choice import LayerChoice
from napari_dip.viewer.widgets.opening import WIDGETS
from napari_dip.viewer.widgets.task import TaskWidget
from napari_dip.viewer.words import time_left

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT, GAP = 280, 900, 8
# A run is looked at in this iteration, and ends at that one.
LOOKED_AT, LAST = 11, 16
STATES = ("empty", "idle", "running", "paused", "finished", "failed")
# So often in a row a widget must look the same to be at rest: on a busy machine rows move late.
STILL = 3
SECONDS = re.compile(r"\d+(\.\d+)?\N{NO-BREAK SPACE}s\b")


# ----------------------------------------------------------------------------------------------- what is open


def _cells(viewer: Any, **look: Any) -> Any:
    noisy, _ = fluorescence((48, 48))
    return viewer.add_image(noisy, **({"name": "cells", "scale": (0.1, 0.1), "units": ("um", "um")} | look))


def _choose(box: Any, value: object) -> None:
    box.setCurrentIndex(next(at for at in range(box.count()) if box.itemData(at) == value))


def denoise(viewer: Any, widget: Any) -> None:
    """Cells."""
    _cells(viewer)


def stack(viewer: Any, widget: Any) -> None:
    """A movie of two moments in two channels, restored at one plane after the other."""
    noisy, _ = fluorescence((24, 24))
    movie = np.stack([noisy, noisy[::-1]])
    viewer.add_image(np.stack([movie, movie + 20], 1), name="movie", axis_labels=("t", "c", "y", "x"))


def inpaint(viewer: Any, widget: Any) -> None:
    """Cells with two scratches, each under a label of its own."""
    image = _cells(viewer)
    mask = np.zeros(image.data.shape, np.uint8)
    mask[10:12, 4:40], mask[20:40, 30:32] = 1, 2
    widget.mask_layer.layer = viewer.add_labels(
        mask, name="cells [mask]", scale=image.scale, units=image.units
    )


def super_resolution(viewer: Any, widget: Any) -> None:
    """Beads, whose slices are four pixels apart."""
    noisy, _ = beads((16, 20, 20))
    place = {"scale": (0.4, 0.1, 0.1), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    viewer.add_image(noisy[::4], name="beads", **place)


def deconvolution(viewer: Any, widget: Any) -> None:
    """Cells whose blur comes from the optics, and a guide."""
    image = _cells(viewer)
    guide = _cells(viewer, name="brighter channel")
    widget.layer.layer = image
    widget.guide.layer = guide
    _choose(widget.blur.how, "optics")


def deblock(viewer: Any, widget: Any) -> None:
    """Cells as a JPEG of which the quality is known."""
    noisy, _ = fluorescence((48, 48))
    viewer.add_image((noisy / noisy.max() * 255).astype(np.uint8) // 16 * 16, name="photo.jpg")
    _choose(widget.compression, "quality")
    widget.quality.setValue(10)
    assert widget.settings()["table"] == quantisation_at(10)


SCENES: dict[str, tuple[str, Callable[[Any, Any], None]]] = {
    "denoise": ("denoise", denoise),
    "stack": ("denoise", stack),
    "inpaint": ("inpaint", inpaint),
    "super-resolution": ("super-resolve", super_resolution),
    "deconvolution": ("deconvolve", deconvolution),
    "deblock": ("deblock", deblock),
}


# -------------------------------------------------------------------------------------- from state to state


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    """Run the event loop until `condition()`."""
    end = time.monotonic() + seconds
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: (condition() or time.monotonic() > end) and loop.quit())
    timer.start(5)
    loop.exec()
    if not condition():
        raise TimeoutError(f"what was waited for did not come within {seconds} s")


@contextmanager
def held() -> Iterator[threading.Event]:
    """Have a run stand still after the iteration LOOKED_AT, until the event is set; all of them are told."""
    go_on = threading.Event()
    walk = Job.__iter__

    def steps(job: Job) -> Iterator[Any]:
        for step in walk(job):
            yield step
            if step.iterate.iteration == LOOKED_AT:
                go_on.wait()

    said = time_left(12, at_least=False)
    with (
        patch.object(Job, "__iter__", steps),
        patch("napari_dip.viewer.walk.NEWS_EVERY", 0.0),
        patch("napari_dip.viewer.words.time_left", lambda *_: said),
    ):
        yield go_on
        go_on.set()


def walk_through(viewer: Any, widget: TaskWidget, scene: Callable[[Any, Any], None]) -> Iterator[str]:
    """Bring a widget from state to state, as a user does, and say which it is in."""
    controls = widget.controls
    wait(lambda: widget.ready)
    yield "empty"

    scene(viewer, widget)
    for name, value in {"iterations": LAST, "finish": 1}.items():
        widget.advanced.inputs[name].setValue(value)
    ahead = getattr(widget, "_ahead", None)  # what a run would take comes a moment later
    wait(lambda: controls.main.isEnabled() and (ahead is None or ahead.told))
    yield "idle"

    with held() as go_on:
        controls.main.click()
        run = controls.run
        assert run is not None
        wait(lambda: run.step is not None and run.step.iterate.iteration == LOOKED_AT)
        yield "running"

        controls.pause.click()
        go_on.set()
        wait(lambda: run.step is not None and run.step.iterate.iteration == LOOKED_AT + 1)
        yield "paused"

        controls.pause.click()
        wait(lambda: run.done)
    wait(lambda: not run.adjustable or controls.detail.slider.isEnabled())
    yield "finished"

    memory = "napari_dip.engine.memory."
    with (
        patch(f"{memory}memory_of", lambda *_: 12 * 2**30),
        patch(f"{memory}available_memory", lambda device: 3 * 2**30),
    ):
        controls.main.click()
        run = controls.run
        assert run is not None
        wait(lambda: run.done)
    yield "failed"


# ------------------------------------------------------------------------------------- what can be read


def inside(widget: QWidget, *kinds: type[QWidget]) -> list[Any]:
    """Return the parts of a widget that are seen, of some kinds."""
    return [one for one in widget.findChildren(QWidget) if isinstance(one, kinds) and one.isVisible()]


def cut_off(widget: QWidget) -> list[str]:
    """Return the texts of which a part can't be seen; layers' names, which are anybody's, are shortened."""
    cut = []
    for one in inside(widget, QLabel, QAbstractButton, QComboBox, QAbstractSpinBox):
        if isinstance(one, QComboBox):
            option = QStyleOptionComboBox()
            one.initStyleOption(option)
            style, part = one.style(), QStyle.SubControl.SC_ComboBoxEditField
            assert style is not None
            width = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, one).width()
            named = isinstance(one, LayerChoice)
            texts = [] if named else [one.itemText(at) for at in range(one.count())]
        elif isinstance(one, QAbstractSpinBox):
            texts, width = [one.text()], one.lineEdit().width()
        else:
            texts, width = [one.text()], one.contentsRect().width()
        if isinstance(one, QLabel) and one.wordWrap():
            if one.heightForWidth(one.width()) > one.height():
                cut.append(one.text())
            texts = one.text().split()
        cut += [text for text in texts if one.fontMetrics().horizontalAdvance(text) > width]
        if one.mapTo(widget, QPoint(one.width(), 0)).x() > widget.width():
            cut.append(f"{one.accessibleName() or texts} beyond the edge")
    return cut


def made_with() -> str:
    """Return what pictures of the window depend on: the fonts, and whose window it is."""
    metrics = QFontMetrics(QApplication.font())
    size = f"{metrics.horizontalAdvance('Hamburgefonstiv')} x {metrics.lineSpacing()}"
    version = ".".join(napari.__version__.split(".")[:2])
    scale = os.environ.get("QT_SCALE_FACTOR", "1")
    return f"napari {version}, {QFontInfo(QApplication.font()).family()} {size}, at {scale}"


# ------------------------------------------------------------------------------------------------ pictures


def hold_still(widget: TaskWidget) -> None:
    """Take out of a widget what differs from time to time, and wait until all the rest has its place."""
    status = widget.controls.status
    focused = QApplication.focusWidget()
    if focused is not None:
        focused.clearFocus()
    widget.controls._show_curves()
    same = 0
    for _ in range(100):
        still = SECONDS.sub("12\N{NO-BREAK SPACE}s", status.text())
        status.setText(still)
        for _ in range(5):  # a label's height follows its width
            QApplication.processEvents()
        before = picture(widget)
        QTest.qWait(20)  # rows move a moment later where what is said takes another number of lines
        # The run may have had a last word meanwhile.
        same = same + 1 if status.text() == still and np.array_equal(picture(widget), before) else 0
        if same == STILL:
            return
    raise TimeoutError(f"the widget does not come to rest: {status.text()}")


def picture(widget: TaskWidget) -> np.ndarray:
    """Return what a widget looks like, as RGB."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    if hasattr(bits, "setsize"):
        bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def open_viewer() -> Any:
    """Open a window with room for a widget; its canvas is small, and soon drawn."""
    viewer = napari.Viewer()
    viewer.window.resize(WIDTH + 100, HEIGHT)
    return viewer


def open_scene(viewer: Any, name: str) -> tuple[Any, TaskWidget]:
    """Open the widget of a scene in a dock as narrow as docks are."""
    kind, title = WIDGETS[SCENES[name][0]]
    widget = kind(viewer)
    dock = viewer.window.add_dock_widget(widget, name=title)
    dock.setFixedWidth(WIDTH)
    return dock, widget


def pictures(viewer: Any, name: str) -> Iterator[tuple[str, TaskWidget]]:
    """Walk through the states of a scene, and hold each of them still."""
    viewer.layers.clear()
    dock, widget = open_scene(viewer, name)
    try:
        for state in walk_through(viewer, widget, SCENES[name][1]):
            hold_still(widget)
            yield state, widget
    finally:
        viewer.window.remove_dock_widget(dock)
        widget.deleteLater()


def sheet(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Lay pictures beside and above one another, without the empty place below what they show."""
    lines = []
    for row in rows:
        ends = [np.flatnonzero((one != one[-1:, :1]).any((1, 2))) for one in row]
        height = min(max(int(end[-1]) for end in ends) + 1 + 2 * GAP, *map(len, row))
        ground = row[0][-1, 0]
        parts = []
        for one in row:
            gap = np.broadcast_to(ground, (height, GAP, 3))
            parts += [one[:height], gap]
        lines.append(np.concatenate(parts[:-1], 1))
    return np.concatenate(lines)


def dark_rows(sheet: np.ndarray) -> int:
    """Return how high the upper row of a sheet is, which is dark."""
    light = sheet[:, 0].mean(-1) > 128
    return int(np.argmax(light)) if light.any() else len(sheet)


def write(path: Path, rgb: np.ndarray) -> None:
    """Write a picture with as many colours as a window has, in a third of the bytes."""
    said = PngInfo()
    said.add_text("made with", made_with())
    Image.fromarray(rgb).quantize(96, dither=Image.Dither.NONE).save(path, optimize=True, pnginfo=said)


def make(names: list[str], themes: list[str], states: list[str]) -> dict[str, list[list[np.ndarray]]]:
    """Return, for each scene, a row of pictures for each theme."""
    QApplication.setCursorFlashTime(0)
    made: dict[str, list[list[np.ndarray]]] = {name: [] for name in names}
    viewer = open_viewer()
    # What whoever makes the pictures has chosen in the window before is not in them.
    with (
        tempfile.TemporaryDirectory() as nothing,
        patch("platformdirs.user_config_path", lambda *_, **__: Path(nothing)),
    ):
        for theme in themes:
            viewer.theme = theme
            for name in names:
                made[name].append([])
                for state, widget in pictures(viewer, name):
                    cut = cut_off(widget)
                    if cut:
                        raise ValueError(f"{name}, {state}: there is no room for {cut}")
                    if state in states:
                        made[name][-1].append(picture(widget))
    viewer.close()
    return made


def main() -> None:
    """Make the sheets that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scenes", nargs="*", metavar="scene", help=", ".join(SCENES))
    parser.add_argument("--into", type=Path, default=IMAGES)
    parser.add_argument("--ends", type=Path, help="one sheet of each scene's end alone")
    given = parser.parse_args()
    names = given.scenes or list(SCENES)
    if given.ends:
        made = make(names, ["dark"], ["finished"])
        write(given.ends, sheet([[row[0] for (row,) in made.values()]]))
        return
    given.into.mkdir(exist_ok=True)
    for name, rows in make(names, ["dark", "light"], list(STATES)).items():
        write(given.into / f"states-{name}.png", sheet(rows))
    if not given.scenes:
        large = os.environ | {"QT_SCALE_FACTOR": "2"}
        command = [sys.executable, __file__, "--ends", str(given.into / "states-200.png")]
        subprocess.run(command, env=large, check=True)


if __name__ == "__main__":
    main()
