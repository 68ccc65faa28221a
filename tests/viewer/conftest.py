"""A real viewer, a tiny noisy image, widgets that have warmed up, and a mouse on the canvas."""

from __future__ import annotations

import copy
import gc
import time

import napari
import numpy as np
import pytest
from napari._qt.qt_viewer import QtViewer
from napari.utils.notifications import notification_manager
from npe2 import PluginManager, PluginManifest
from npe2.manifest import _bases
from qtpy.QtCore import QEvent, QPoint, Qt

from napari_dip.viewer.known_runs import live_runs


@pytest.fixture(scope="session", autouse=True)
def opengl(qapp):
    """Have OpenGL say what it can do before there is a viewer.

    napari asks once, whatever canvas is current then: one that a test has closed does not answer. A screen
    that has just come up, or is very busy, may not answer at first.
    """
    from napari._vispy.utils import gl

    for wait in (0.1, 0.5, 2, 5, 10):
        try:
            gl.get_gl_extensions()
            break
        except AttributeError:  # vispy's, of the None for an answer
            qapp.processEvents()
            time.sleep(wait)
    gl.get_gl_extensions()
    gl.get_max_texture_sizes()


@pytest.fixture(scope="session", autouse=True)
def manifests_are_read_once():
    """Have npe2, which looks for plugins anew in each test, read what each of them says but once."""
    read = getattr(_bases, "_load_yaml_no_duplicates", None)
    if read is None:  # another npe2's
        yield
        return
    known = {}

    def remembered(stream):
        text = stream.read()
        if text not in known:
            known[text] = read(text)
        return copy.deepcopy(known[text])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_bases, "_load_yaml_no_duplicates", remembered)
        yield


@pytest.fixture(autouse=True)
def little_garbage_to_look_through():
    """Have Python look for garbage among a test's own objects, and not in each among a million others."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def noisy():
    y, x = np.mgrid[:32, :32]
    clean = 400 + 200 * np.sin(x / 5) * np.cos(y / 7)
    return np.random.default_rng(0).normal(clean, 30).astype("uint16")


class KeptViewer(napari.Viewer):
    """A viewer that is not closed at the end of the test that has asked for it."""

    def close(self):
        """Leave that to `kept`."""


@pytest.fixture(scope="session")
def kept():
    """The viewer that goes from test to test, once there is one."""
    viewers = []
    yield viewers
    for viewer in viewers:
        napari.Viewer.close(viewer)


@pytest.fixture
def viewer(make_napari_viewer, kept, qapp, wait_until):
    """An empty viewer, in a window that earlier tests have used: half of a test's time is a new one's."""
    if kept:
        (viewer,) = kept
    else:
        viewer = make_napari_viewer(ViewerClass=KeptViewer)
        kept.append(viewer)
    window = viewer.window._qt_window
    if window not in window._instances:
        window._instances.append(window)
    yield viewer
    for run in live_runs(viewer):
        run.stop()
    wait_until(lambda: not live_runs(viewer))
    viewer.window.remove_dock_widget("all")
    viewer.layers.clear()
    viewer.dims.reset()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QtViewer._instances.discard(viewer.window._qt_viewer)
    window._instances.remove(window)


@pytest.fixture
def viewer_with_plugin(make_napari_viewer):
    """A viewer that knows the plugin's menus, commands and files."""
    viewer = make_napari_viewer()
    manager, manifest = PluginManager.instance(), PluginManifest.from_distribution("napari-dip")
    if manifest.name not in manager:
        manager.register(manifest)
    return viewer


@pytest.fixture
def notifications():
    """What the user was told in this test."""
    records = []
    notification_manager.notification_ready.connect(records.append)
    yield records
    notification_manager.notification_ready.disconnect(records.append)


@pytest.fixture
def wait_until(qtbot):
    return lambda condition, timeout=30_000: qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)


@pytest.fixture
def click(qtbot):
    return lambda button: qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def open_task(wait_until):
    """Open a task's widget as the menu does, and wait until it has warmed up."""

    def open_widget(kind, viewer):
        widget = kind(viewer)
        viewer.window.add_dock_widget(widget, name=kind.VERB)
        wait_until(lambda: widget.ready)
        return widget

    return open_widget


@pytest.fixture
def open_denoise(viewer, open_task):
    from napari_dip.viewer.widgets.denoise import DenoiseWidget

    return lambda: open_task(DenoiseWidget, viewer)


@pytest.fixture
def open_inpaint(viewer, open_task):
    from napari_dip.viewer.widgets.inpaint import InpaintWidget

    return lambda: open_task(InpaintWidget, viewer)


@pytest.fixture
def drag(qtbot):
    """Press the mouse on a shown viewer's canvas, move it through points of the world, and let it go.

    Between two points `meanwhile` is called.
    """

    def on_canvas(viewer, point):
        canvas = viewer.window._qt_viewer.canvas.native
        camera = getattr(viewer, "scene", viewer).camera  # napari 0.9 moved it
        y, x = (np.asarray(point) - camera.center[-2:]) * camera.zoom
        return canvas, QPoint(round(canvas.width() / 2 + x), round(canvas.height() / 2 + y))

    def drag(viewer, *points, button=Qt.MouseButton.LeftButton, meanwhile=None):
        first, *others = points
        canvas, position = on_canvas(viewer, first)
        qtbot.mouseMove(canvas, position)
        qtbot.mousePress(canvas, button, pos=position)
        for point in others:
            if meanwhile is not None:
                meanwhile()
            canvas, position = on_canvas(viewer, point)
            qtbot.wait(20)  # moves that come too soon are taken as one
            qtbot.mouseMove(canvas, position)
        qtbot.wait(20)
        qtbot.mouseRelease(canvas, button, pos=position)

    return drag
