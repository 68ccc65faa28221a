"""Every widget in every state: what is there, whether it can be read and reached by Tab, and looks as it did.

docs/states.py brings the widgets into their states, and makes the pictures that they are compared with: at an
eighth of their size, where letters are grey. With other fonts than theirs rows are of other heights, and only
what does not depend on that is compared: which rows and buttons there are, and that every text fits.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.utils.shortcuts import default_shortcuts
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QScrollArea, QSlider
from scripts import load
from skimage.metrics import structural_similarity

from napari_dip.viewer.widgets.run_controls import PAUSE, START, STOP

states = load("docs/states.py")

FORMS = {
    "denoise": "Image, Preset, Then",
    "stack": "Image, Axes, Stack, Planes, Preset, Result, Then",
    "inpaint": "Image, Mask, , Labels, Damage, , Preset, Then",
    "super-resolution": "Image, Axes, Make finer, Factor, , Measured by, Axial FWHM, Preset, Result, Then",
    "deconvolution": "Image, Blur, Aperture (NA), Wavelength, Medium, Microscope, Pixel size, "
    "Guide, Preset, Then",
    "deblock": "Image, Compression, Quality, Preset, Then",
}
VERBS = {
    **dict.fromkeys(("denoise", "stack"), "Denoise"),
    "inpaint": "Inpaint",
    "super-resolution": "Super-resolve",
    "deconvolution": "Deconvolve",
    "deblock": "Remove artefacts",
}
KEEP = "Stop and keep"
# What is said below the buttons, how full the bar is, and whether there are a slider, a menu and curves.
SAID = {
    "empty": ("Open an image, or try", 0, ""),
    "idle": ("", 0, ""),
    "running": ("about 12\N{NO-BREAK SPACE}s left", 0.7, "plot"),
    "paused": ("paused", 0.7, "plot"),
    "finished": ("Finished: reached its limit of iterations", 1, "detail more plot"),
    "failed": ("Not finished: A run on ", 0, "more"),
}
# Pictures made twice come to 0.997 or more, ones without the progress bar to 0.86 or less.
ALIKE = 0.96


def buttons(scene, state):
    """Which buttons there are: name and whether it can be pressed."""
    verb, stack = VERBS[scene], scene == "stack"
    if state == "empty":
        return {verb: False, "Pause": False}
    if state in ("running", "paused"):
        compare = {"Compare settings": False} if stack else {}
        return {KEEP: True, "Pause" if state == "running" else "Continue": True} | compare
    there = {verb: True} | ({"Try this plane": True, "Compare settings": True} if stack else {"Pause": False})
    automatic = {"Automatic": False} if state == "finished" and scene in ("denoise", "stack") else {}
    return there | automatic | ({"More": True} if state in ("finished", "failed") else {})


def labels_of(widget):
    """The labels of the form's rows, from top to bottom, and whether all their fields can be used."""
    form, found = widget.rows, []
    for row in range(form.rowCount()):
        field = form.itemAt(row, form.ItemRole.FieldRole)
        label = form.itemAt(row, form.ItemRole.LabelRole)
        if field is not None and form.isRowVisible(row):
            found.append("" if label is None else label.widget().text())
    return ", ".join(found)


def buttons_of(widget):
    form = states.inside(widget.form, QAbstractButton)
    found = [one for one in states.inside(widget.controls, QAbstractButton) if one not in form]
    return {one.text(): one.isEnabled() for one in found}


def tab_stops(widget):
    """What the Tab key comes to, in its order."""
    chain, here = [], widget.nextInFocusChain()
    while here is not widget:
        if widget.isAncestorOf(here) and here.isVisible() and here.isEnabled():
            tab = here.focusPolicy() & Qt.FocusPolicy.TabFocus and here.focusProxy() is None
            chain += [here] if tab else []
        here = here.nextInFocusChain()
    return chain


def out_of_order(widget, stops):
    """Neighbours among the stops of the Tab key of which the second is read before the first."""

    def place(one):
        return one.mapTo(widget, QPoint(0, one.height() // 2))

    found = []
    for one, other in itertools.pairwise(stops):
        way = place(other) - place(one)
        if way.x() <= 0 if abs(way.y()) < 8 else way.y() < 0:
            found.append((one, other))
    return found


def likeness(one, other):
    """How much two pictures are alike where letters are grey, 1 for the same."""
    side = (other.shape[1] // 8, other.shape[0] // 8)
    small = [
        np.asarray(Image.fromarray(picture).convert("L").resize(side, Image.Resampling.BOX), float)
        for picture in (one, other)
    ]
    return structural_similarity(*small, data_range=max(np.ptp(picture) for picture in small))


def stored(scene, state):
    """The picture in the documentation, of the dark theme; none where fonts are others than in it."""
    with Image.open(states.IMAGES / f"states-{scene}.png") as sheet:
        if sheet.text["made with"] != states.made_with():
            return None
        pixels = np.asarray(sheet.convert("RGB"))
    left = states.STATES.index(state) * (states.WIDTH + states.GAP)
    return pixels[: states.dark_rows(pixels), left : left + states.WIDTH]


@pytest.fixture(scope="module")
def viewer(qapp):
    """One window for all scenes: to open one takes as long as to walk through a scene."""
    viewer = states.open_viewer()
    yield viewer
    viewer.close()


@pytest.fixture(autouse=True)
def warm(monkeypatch):
    """Widgets that need not warm up: they look the same without, half a second earlier."""
    monkeypatch.setattr("napari_dip.viewer.warmup.warm_up", dict)


@pytest.mark.parametrize("scene", states.SCENES)
def test_every_state_is_as_it_should_be_and_as_it_was(viewer, scene):
    walked, likenesses = [], {}
    for state, widget in states.pictures(viewer, scene):
        walked.append(state)
        controls, live = widget.controls, state in ("running", "paused")
        if state != "empty":
            assert labels_of(widget) == FORMS[scene], state
        assert widget.form.isEnabled() != live
        assert buttons_of(widget) == buttons(scene, state), state
        said, full, there = SAID[state]
        assert said in controls.status.text()
        assert bool(controls.status.text()) == (state != "idle")
        full /= 4 if live and scene == "stack" else 1  # a plane of four
        assert controls.bar.value() / 1000 == pytest.approx(full, abs=0.1)
        parts = {"plot": controls.plot, "detail": controls.detail, "more": controls.more}
        expected = set(there.split()) - (set() if scene in ("denoise", "stack") else {"detail"})
        assert {name for name, part in parts.items() if part.isVisible()} == expected, state
        assert states.cut_off(widget) == [], state
        before = stored(scene, state)
        for _ in range(10 if before is not None else 0):
            likenesses[state] = likeness(states.picture(widget)[: len(before)], before)
            if likenesses[state] > ALIKE:
                break
            QTest.qWait(100)  # on a busy machine rows move late
        if state == "finished":
            widget.fold.expand(animate=False)
            states.hold_still(widget)
            assert states.cut_off(widget) == []
            content = widget.findChild(QScrollArea).widget()
            assert content.minimumSizeHint().width() <= 260 and widget.minimumSizeHint().width() <= 280
            stops = tab_stops(widget)
            assert out_of_order(widget, stops) == []
            fields = (QAbstractButton, QAbstractSpinBox, QComboBox, QSlider)
            assert {one for one in states.inside(widget, *fields) if one.isEnabled()} <= set(stops)
            widget.fold.collapse(animate=False)
    assert walked == list(states.STATES)
    assert min(likenesses.values(), default=1) > ALIKE, likenesses


def test_a_text_that_is_cut_off_and_a_row_that_vanishes_are_seen(viewer):
    viewer.layers.clear()
    dock, widget = states.open_scene(viewer, "denoise")
    states.wait(lambda: widget.ready)
    states.denoise(viewer, widget)
    states.hold_still(widget)
    before, form = states.picture(widget), labels_of(widget)
    assert states.cut_off(widget) == []
    widget.controls.pause.setText("Pause for a while")
    widget.preset.addItem("A preset with a name that is too long for a narrow dock")
    assert states.cut_off(widget) == [widget.preset.itemText(5), "Pause for a while"]
    widget.controls.pause.setText("Pause")
    widget.rows.setRowVisible(widget.preset, False)
    states.hold_still(widget)
    assert labels_of(widget) != form
    assert likeness(states.picture(widget), before) < ALIKE
    viewer.window.remove_dock_widget(dock)


def test_widgets_share_a_place_until_they_are_drawn_apart(viewer, qtbot):
    viewer.layers.clear()
    docks, widgets = [], []
    for name in ("denoise", "inpaint"):
        dock, widget = states.open_scene(viewer, name)
        docks, widgets = [*docks, dock], [*widgets, widget]
        states.wait(lambda widget=widget: widget.ready and widget.isVisible())

    def in_front():
        return [not dock.visibleRegion().isEmpty() for dock in docks]

    qtbot.waitUntil(lambda: in_front() == [False, True])
    window = viewer.window._qt_window
    assert window.tabifiedDockWidgets(docks[0]) == [docks[1]]
    assert [dock.windowTitle() for dock in docks] == ["Denoise", "Inpaint"]
    docks[0].raise_()
    qtbot.waitUntil(lambda: in_front() == [True, False])
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docks[0])
    docks[0].hide()
    docks[0].show()
    states.hold_still(widgets[0])
    assert window.tabifiedDockWidgets(docks[0]) == []
    for dock in docks:
        viewer.window.remove_dock_widget(dock)


def test_keys_start_pause_and_stop_a_run_while_the_focus_is_in_the_widget(viewer, qtbot):
    viewer.layers.clear()
    dock, widget = states.open_scene(viewer, "denoise")
    states.denoise(viewer, widget)
    states.wait(widget.controls.main.isEnabled)
    widget.advanced.inputs["iterations"].setValue(100_000)
    with qtbot.waitActive(viewer.window._qt_window):
        viewer.window._qt_window.activateWindow()
    widget.preset.setFocus()

    def press(key):
        qtbot.keyClick(widget.preset, key, Qt.KeyboardModifier.ControlModifier)

    assert "Ctrl+Return" in widget.controls.main.toolTip()
    press(Qt.Key.Key_Period)  # there is nothing to stop
    assert widget.controls.run is None
    press(Qt.Key.Key_Return)
    run = widget.controls.run
    assert run is not None and not run.done
    widget.controls.pause.setFocus()  # the form can't be used now
    qtbot.keyClick(widget.controls.pause, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert run.paused
    qtbot.keyClick(widget.controls.pause, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert not run.paused
    qtbot.keyClick(widget.controls.pause, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert widget.controls.run is run and not run.stopping
    qtbot.keyClick(widget.controls.pause, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    states.wait(lambda: run.done)
    assert run.result.stopped_by == "user"
    viewer.window.remove_dock_widget(dock)
    known = {str(key) for keys in default_shortcuts.values() for key in keys}
    known |= {rule.keybinding.to_text() for rule in get_app_model().keybindings}
    assert not known & {START, STOP, PAUSE}
