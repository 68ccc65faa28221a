"""The menu *More*: code, presets of the user's own, recent runs."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from forms import leave_to_preset, set_advanced
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QInputDialog, QMessageBox

import napari_dip
from napari_dip import presets
from napari_dip.images.files import Description, write
from napari_dip.viewer.as_code import command_of, python_of
from napari_dip.viewer.widgets.more import NO_COMMAND


def entries(menu):
    """What the menu, opened now, offers; of menus within it, what those offer."""
    menu.aboutToShow.emit()
    there = {action.text(): action for action in menu.actions() if action.text()}
    for text, action in list(there.items()):
        if action.menu() is not None:
            there |= {f"{text} > {one.text()}": one for one in action.menu().actions()}
    return there


def clipboard():
    return QApplication.clipboard().text()


@pytest.fixture
def done(viewer, open_denoise, wait_until):
    """Denoise a layer in a few iterations."""

    def done(layer, **settings):
        widget = open_denoise()
        widget.layer.layer = layer
        set_advanced(widget, **{"iterations": 4} | settings)
        assert widget.controls.more.isHidden()
        run = widget.start()
        wait_until(lambda: run.done)
        assert not widget.controls.more.isHidden()
        return widget, run

    return done


def test_a_layer_from_a_file_as_a_script_and_a_command(viewer, noisy, done, tmp_path, monkeypatch):
    path = str(tmp_path / "my cell.ome.tif")
    write(path, np.stack([noisy, noisy[::-1]]), Description.plain("CYX"))
    monkeypatch.chdir(tmp_path)
    _, second = viewer.open("my cell.ome.tif", plugin="napari-dip")
    widget, run = done(second, seed=5)
    run.adjust(-0.5)
    offered = entries(widget.controls.more.menu())
    command = offered["Copy as a command"]
    assert not command.isEnabled() and command.toolTip() == NO_COMMAND
    offered["Copy as Python"].trigger()
    script = clipboard()
    assert "[:, 1]" not in script and "[0][1]" in script and "seed=5" in script
    monkeypatch.chdir(tmp_path.parent)  # it can be run anywhere
    names = {}
    exec(script, names)
    np.testing.assert_array_equal(np.asarray(names["restored"].image), run.layer.data)
    offered["Copy settings (JSON)"].trigger()
    said = json.loads(clipboard())
    assert (said["task"], said["settings"]) == ("denoise", run.result.settings)


def test_a_layer_from_nowhere_has_a_place_in_the_script(viewer, noisy, done, notifications):
    layer = viewer.add_image(noisy, name="a\n'cell'")
    widget, run = done(layer)
    entries(widget.controls.more.menu())["Copy as Python"].trigger()
    script, found = re.subn(r"^image = \.\.\.  # the pixels of the layer .*$", "", clipboard(), flags=re.M)
    assert found == 1 and "Say in it where the pixels are" in str(notifications[-1])
    assert 'out="a-cell.denoised.ome.tif"' in script
    names = {"image": noisy}
    exec(script.replace("a-cell.denoised.ome.tif", str(presets.folder().parent / "a.ome.tif")), names)
    np.testing.assert_array_equal(np.asarray(names["restored"].image), run.layer.data)


def test_own_presets_are_saved_offered_used_and_deleted(
    viewer, noisy, done, monkeypatch, notifications, wait_until
):
    widget, run = done(viewer.add_image(noisy, name="cell"), tv=25)
    answers, asked = iter(["fast", " Soft   cells", "soft cells", "fast"]), []

    def answer(parent, title, label, echo, text):
        asked.append((label, text))
        return next(answers), len(asked) < 4

    monkeypatch.setattr(QInputDialog, "getText", answer)
    save = entries(widget.controls.more.menu())["Save settings as a preset…"]
    save.trigger()
    assert "comes with napari-dip" in asked[1][0] and asked[1][1] == "fast"
    assert notifications[-1].message == "'Soft cells' is among the presets now."
    assert presets.load("Soft cells")["tv"] == 25
    questions = []
    monkeypatch.setattr(QMessageBox, "question", lambda *args: questions.append(args[-1]))
    save.trigger()  # under a name that there is already, and then under none
    assert questions == ["Replace your preset 'Soft cells'?"] and len(asked) == 4
    at = widget.preset.findData("Soft cells")
    assert widget.preset.itemText(at) == "Soft cells (own)"
    leave_to_preset(widget)
    widget.preset.setCurrentIndex(at)
    assert "25 (preset)" in widget.advanced.inputs["tv"].specialValueText()
    again = widget.start()
    wait_until(lambda: again.done)
    np.testing.assert_array_equal(again.layer.data, run.layer.data)

    monkeypatch.setattr(QMessageBox, "question", lambda *args: QMessageBox.StandardButton.Yes)
    entries(widget.controls.more.menu())["Delete a preset > Soft cells…"].trigger()
    assert presets.names() == []
    assert widget.preset.findData("Soft cells") == -1
    assert widget.preset.currentData() == "fast"


def test_filling_in_names_the_mask_s_file(viewer, noisy, open_inpaint, wait_until, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mask = np.zeros(noisy.shape, "uint8")
    mask[10:13, 4:28], mask[20:22, 4:28] = 1, 2
    for name, array in (("cell", noisy), ("mask", mask)):
        write(f"{name}.ome.tif", array, Description.plain("YX"))
    (image,) = viewer.open("cell.ome.tif", plugin="napari-dip")
    (labels,) = viewer.open("mask.ome.tif", plugin="napari-dip", layer_type="labels")
    run = viewer_inpaint(viewer, image, labels)
    script = python_of(run)
    assert all(f'"{tmp_path / layer.source.path}"' in script for layer in (image, labels))
    assert "labels=2" in script
    names = {}
    exec(script, names)
    np.testing.assert_array_equal(np.asarray(names["restored"].image), run.layer.data)
    command = command_of(run)
    assert command.startswith("napari-dip inpaint ") and " --mask " in command and " --labels 2 " in command
    labels.data = np.roll(mask, 1)  # is not what is in the file any more
    missing = "mask = ...  # nonzero where pixels were filled in: the layer 'mask' as it was in the run"
    assert missing in python_of(run) and command_of(run) is None
    labels.data = mask
    assert missing not in python_of(run)
    image.data = noisy + 1
    other = viewer_inpaint(viewer, image, labels)
    image.data = noisy
    assert "image = ...  # the pixels of the layer 'cell' as they were in the run\n" in python_of(other)


def viewer_inpaint(viewer, image, labels):
    run = napari_dip.viewer.inpaint(viewer, image, labels, labels=2, iterations=4)
    run.wait()
    return run


def test_planes_of_a_stack_are_said(viewer, noisy, tmp_path):
    path = str(tmp_path / "movie.ome.tif")
    write(path, np.stack([noisy, noisy[::-1], noisy]), Description.plain("TYX"))
    (layer,) = viewer.open(path, plugin="napari-dip")
    run = napari_dip.viewer.denoise(viewer, layer, planes=slice(1, 3), neighbours=1, iterations=3)
    assert run.wait().planes == "1:3" and "planes" not in run.result.settings
    script = run.as_python()
    assert f'"{path}",\n    planes=slice(1, 3),' in script
    assert " --planes 1:3 " in command_of(run)
    names = {}
    exec(script, names)
    np.testing.assert_array_equal(np.asarray(names["restored"].image), run.layer.data)


def test_a_command_says_why_it_makes_another_result(viewer, noisy, open_denoise, wait_until, tmp_path):
    path = str(tmp_path / "movie.ome.tif")
    write(path, np.stack([noisy, noisy + 1, noisy]), Description.plain("TYX"))
    viewer.open(path, plugin="napari-dip")
    viewer.dims.set_current_step(0, 2)
    widget = open_denoise()
    set_advanced(widget, iterations=2)
    run = widget.start()
    wait_until(lambda: run.done)
    command = entries(widget.controls.more.menu())["Copy as a command"]
    assert "In the window the planes were restored in another order" in command.toolTip()


def test_a_part_of_some_planes_is_said(viewer, noisy, tmp_path):
    path = str(tmp_path / "movie.ome.tif")
    write(path, np.stack([noisy, noisy[::-1], noisy]), Description.plain("TYX"))
    (layer,) = viewer.open(path, plugin="napari-dip")
    part = (slice(0, 20), slice(8, 32))
    run = napari_dip.viewer.denoise(viewer, layer, planes=1, part=part, neighbours=1, iterations=3)
    run.wait()
    script = run.as_python()
    assert "[0][:, 0:20, 8:])  # the pixels of the layer 'movie', part" in script.replace("8:32", "8:")
    assert command_of(run) is None
    names = {}
    exec(script, names)
    np.testing.assert_array_equal(np.asarray(names["restored"].image), run.layer.data)


def test_runs_are_done_again_and_what_can_not_be_done_is_told(
    viewer, noisy, done, wait_until, monkeypatch, notifications
):
    layer = viewer.add_image(noisy, name="R&D")
    widget, run = done(layer, seed=2)
    leave_to_preset(widget)
    more = widget.controls.more
    again = [text for text in entries(more.menu()) if text.startswith("Run again > ")]
    assert len(again) == 1
    assert re.fullmatch(r"Run again > R&&D, fast with iterations \d+, seed 2, \d\d:\d\d", again[0])
    entries(more.menu())[again[0]].trigger()
    second = widget.controls.run
    assert second is not run
    assert not more.isEnabled()
    wait_until(lambda: second.done)
    np.testing.assert_array_equal(second.layer.data, run.layer.data)
    # What is the same is there once.
    assert len([text for text in entries(more.menu()) if text.startswith("Run again > ")]) == 1
    assert more.focusPolicy() & Qt.FocusPolicy.TabFocus
    viewer.layers.remove(layer)
    assert "Run again" not in entries(more.menu())

    def fail(run, runs):
        raise MemoryError("A run would take 9 GiB.")

    monkeypatch.setattr(type(second), "again", fail)
    entries(more.menu())["How sure is it?"].trigger()
    assert [(n.severity.value, n.message) for n in notifications[-1:]] == [
        ("error", "A run would take 9 GiB.")
    ]
