"""Every widget in every state: what is there, whether it can be read and reached by Tab, and looks as it did.

docs/states.py brings the widgets into their states, and makes the pictures that they are compared with. Which
rows there are does not depend on the machine's fonts. The pictures do, a little: they are compared at an
eighth of their size, where letters are grey.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import napari
import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QScrollArea,
    QSlider,
    QStyle,
    QStyleOptionComboBox,
    QWidget,
)
from skimage.metrics import structural_similarity

from napari_dip.viewer.widgets.layer_choice import LayerChoice

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("states", ROOT / "docs" / "states.py")
states = importlib.util.module_from_spec(spec)
spec.loader.exec_module(states)

FORMS = {
    "denoise": "Image, Preset, Then",
    "stack": "Image, Axes, Stack, Planes, Preset, Result, Then",
    "inpaint": "Image, Mask, , Labels, Damage, , Preset, Then",
    "super-resolution": "Image, Axes, Make finer, Factor, Measured by, Axial FWHM, Preset, Result, Then",
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
STOP = "Stop and keep"
# What is said below the buttons, how full the bar is, and whether there are a slider, a menu and curves.
SAID = {
    "empty": ("Open an image, or try", 0, ""),
    "idle": ("", 0, ""),
    "running": ("about 12\N{NO-BREAK SPACE}s left", 0.5, "plot"),
    "paused": ("paused", 0.5, "plot"),
    "finished": ("Finished: reached its limit of iterations", 1, "detail more plot"),
    "failed": ("Not finished: A run on ", 0, "more"),
}
# Of pictures that are alike, and of two that a person would call different: see the last test but one.
ALIKE = 0.8


def buttons(scene, state):
    """Which buttons there are: name and whether it can be pressed."""
    verb, stack = VERBS[scene], scene == "stack"
    if state == "empty":
        return {verb: False, "Pause": False}
    if state in ("running", "paused"):
        compare = {"Compare settings": False} if stack else {}
        return {STOP: True, "Pause" if state == "running" else "Continue": True} | compare
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


def inside(widget, *kinds):
    return [one for one in widget.findChildren(QWidget) if isinstance(one, kinds) and one.isVisible()]


def buttons_of(widget):
    form = inside(widget.form, QAbstractButton)
    found = [one for one in inside(widget.controls, QAbstractButton) if one not in form]
    return {one.text(): one.isEnabled() for one in found}


def cut_off(widget):
    """The texts of which a part can't be seen."""
    cut = []
    for one in inside(widget, QLabel, QAbstractButton, QComboBox, QAbstractSpinBox):
        width, metrics = one.width(), one.fontMetrics()
        if isinstance(one, QComboBox):
            option = QStyleOptionComboBox()
            one.initStyleOption(option)
            part = QStyle.SubControl.SC_ComboBoxEditField
            width = one.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, one).width()
            # Layers are called as anybody likes.
            texts = [] if isinstance(one, LayerChoice) else [one.itemText(at) for at in range(one.count())]
        elif isinstance(one, QAbstractSpinBox):
            texts, width = [one.text()], one.lineEdit().width()
        else:
            texts, width = [one.text()], one.contentsRect().width()
        if isinstance(one, QLabel) and one.wordWrap():
            if one.heightForWidth(one.width()) > one.height():
                cut.append(one.text())
            texts = one.text().split()
        cut += [text for text in texts if metrics.horizontalAdvance(text) > width]
        if one.mapTo(widget, QPoint(one.width(), 0)).x() > widget.width():
            cut.append(f"{one.accessibleName() or texts} beyond the edge")
    return cut


def tab_stops(widget):
    """What the Tab key comes to, in its order."""
    chain, here = [], widget.nextInFocusChain()
    while here is not widget:
        if widget.isAncestorOf(here) and here.isVisible() and here.isEnabled():
            chain += [here] if here.focusPolicy() & Qt.FocusPolicy.TabFocus else []
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
    """The picture in the documentation, of the dark theme."""
    with Image.open(states.IMAGES / f"states-{scene}.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    left = states.STATES.index(state) * (states.WIDTH + states.GAP)
    return pixels[: states.dark_rows(pixels), left : left + states.WIDTH]


@pytest.mark.parametrize("scene", states.SCENES)
def test_every_state_is_as_it_should_be_and_as_it_was(make_napari_viewer, scene):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(states.WIDTH + 100, states.HEIGHT)
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
        assert controls.bar.value() / 1000 == pytest.approx(full, abs=0.2)
        parts = {"plot": controls.plot, "detail": controls.detail, "more": controls.more}
        expected = set(there.split()) - (set() if scene in ("denoise", "stack") else {"detail"})
        assert {name for name, part in parts.items() if part.isVisible()} == expected, state
        print(scene, state, cut_off(widget))
        picture = states.picture(widget)
        likenesses[state] = likeness(picture[: len(stored(scene, state))], stored(scene, state))
        if state == "finished":
            widget.fold.expand(animate=False)
            QApplication.processEvents()
            print(cut_off(widget))
            content = widget.findChild(QScrollArea).widget()
            assert content.minimumSizeHint().width() <= 260 and widget.minimumSizeHint().width() <= 280
            stops = tab_stops(widget)
            assert out_of_order(widget, stops) == []
            fields = (QAbstractButton, QAbstractSpinBox, QComboBox, QSlider)
            assert {one for one in inside(widget, *fields) if one.isEnabled()} <= set(stops)
            widget.fold.collapse(animate=False)
            assert not inside(widget.advanced, QWidget)
    assert walked == list(states.STATES)
    if os.environ.get("QT_SCALE_FACTOR", "1") != "1" or not napari.__version__.startswith("0.9."):
        return  # the pictures are of this napari, at 100%
    print(likenesses)
    assert min(likenesses.values()) > ALIKE, likenesses
