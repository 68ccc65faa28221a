"""What napari's users expect of a plugin: the command palette, a layer's menu, a window that remembers."""

from __future__ import annotations

import json

import pytest
from app_model.types import MenuItem, SubmenuItem
from napari._app_model import get_app_model
from npe2 import PluginManifest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import QApplication, QDockWidget

import napari_dip as dip
from napari_dip.viewer import context_menu
from napari_dip.viewer.known_runs import run_of
from napari_dip.viewer.remembered import file, recall, remember
from napari_dip.viewer.widgets.opening import DOCK, WIDGETS
from napari_dip.viewer.widgets.task import OPEN

MANIFEST = PluginManifest.from_distribution("napari-dip")


@pytest.fixture
def viewer(viewer_with_plugin):
    return viewer_with_plugin


def command(name):
    """Do what napari does when a command is chosen."""
    get_app_model().commands.execute_command(f"napari-dip.{name}").result()


def listed(menu):
    return [item for item in get_app_model().menus.get_menu(menu) if isinstance(item, MenuItem)]


def open_in(viewer):
    return [widget for widget in OPEN if widget.viewer is viewer]


def test_the_palette_and_a_layer_s_menu_have_every_tool_and_none_that_needs_a_path(viewer):
    rules = {item.command.id: item.command for item in listed(get_app_model().menus.COMMAND_PALETTE_ID)}
    asked = {one.id: one.title for one in MANIFEST.contributions.commands if ".sample." not in one.id}
    widgets = {one.command: one.display_name for one in MANIFEST.contributions.widgets}
    assert asked.keys() - rules.keys() <= widgets.keys()  # which napari 0.6 calls otherwise
    for name in ("napari-dip.read", "napari-dip.write"):
        assert not rules[name].enablement.eval({})
    for name in context_menu.ENTRIES:
        assert rules[name].enablement.eval({"active_layer_type": "image"})
        assert not rules[name].enablement.eval({"active_layer_type": "labels"})

    assert MANIFEST.on_activate == "napari_dip.viewer.context_menu:put_entries"
    context_menu.put_entries()
    context_menu.put_entries()
    (mine,) = [
        item
        for item in get_app_model().menus.get_menu(context_menu.MENU)
        if isinstance(item, SubmenuItem) and item.submenu == context_menu.SUBMENU
    ]
    assert mine.title == MANIFEST.display_name
    assert mine.when.eval({"active_layer_type": "image"})
    assert not mine.when.eval({"active_layer_type": "points"})
    entries = {item.command.id: item.command.title for item in listed(context_menu.SUBMENU)}
    assert entries == context_menu.ENTRIES == {name: asked[name] for name in entries}

    # The docks that the commands open are those that the menus open.
    assert [name for _, name in WIDGETS.values()] == list(widgets.values())
    assert DOCK.format("Denoise") == f"Denoise ({MANIFEST.display_name})"


def test_denoise_this_layer_opens_the_widget_and_begins_when_torch_is_there(
    viewer, noisy, wait_until, notifications
):
    viewer.add_image(noisy, name="other")
    cell = viewer.add_image(noisy, name="cell")
    command("stop")
    assert notifications[-1].message == "No run is under way."
    command("denoise_layer")
    (widget,) = open_in(viewer)
    assert viewer.window._qt_window.findChild(QDockWidget, "Denoise (Deep Image Prior)").isAncestorOf(widget)
    wait_until(lambda: widget.controls.run is not None)
    run = widget.controls.run
    assert run.source is cell
    command("pause")
    assert run.paused
    command("pause")
    assert not run.paused
    viewer.layers.selection.active = cell
    command("denoise_layer")
    assert open_in(viewer) == [widget] and widget.controls.run is run
    assert notifications[-1].message.startswith("A run is under way")
    wait_until(lambda: run.layer is not None)
    command("stop")
    wait_until(lambda: run.done)
    assert run.result.stopped_by == "user"

    viewer.layers.selection.active = run.layer
    command("copy_python")
    assert QApplication.clipboard().text() == run.as_python()
    command("show_removed")
    assert viewer.layers[-1].name == "cell [removed]"
    viewer.layers.selection.active = cell
    command("copy_python")
    assert notifications[-1].message.startswith("Select the result of a run")
    assert run_of(run.layer) is run
    viewer.layers.selection.clear()
    command("denoise_layer")
    assert "no image layer is selected" in notifications[-1].message
    assert widget.controls.run is run


def test_other_tools_open_on_the_layer(viewer, noisy):
    first = viewer.add_image(noisy, name="first")
    viewer.add_image(noisy, name="second")
    viewer.layers.selection.active = first
    for task in ("inpaint", "super-resolve", "deconvolve", "deblock"):
        command(f"{task.replace('-', '_')}_layer")
        (widget,) = [one for one in open_in(viewer) if task == one.TASK]
        assert widget.layer.layer is first
    # A widget whose dock is closed is opened anew.
    viewer.window.remove_dock_widget(widget)
    command("deblock_layer")
    there = [one for one in open_in(viewer) if viewer.window._qt_window.isAncestorOf(one)]
    assert len(there) == 4 and widget not in there


def test_the_window_remembers_what_was_chosen_and_fails_nowhere(
    viewer, open_denoise, qtbot, click, monkeypatch, tmp_path
):
    file().write_text(json.dumps({"version": 1, "tasks": {"denoise": {"preset": "gone", "device": "moon"}}}))
    widget = open_denoise()
    device = widget.advanced.device
    assert (widget.preset.currentData(), device.currentData()) == ("fast", None)
    qtbot.keyClick(widget.preset, Qt.Key.Key_Down)
    qtbot.keyClick(device, Qt.Key.Key_End)
    click(widget.fold.toggleButton())
    chosen = {"preset": "best", "device": device.currentData(), "advanced": True}
    assert chosen["device"] is not None and recall("denoise") == chosen and recall("inpaint") == {}

    # Presets that are saved meanwhile are there when one is to be chosen.
    dip.presets.save("soft cells", {"tv": 25.0})
    assert widget.preset.findData("soft cells") < 0
    widget.preset.showPopup()
    assert widget.preset.findData("soft cells") > 0 and widget.preset.currentData() == "best"
    widget.preset.hidePopup()
    dip.presets.save("softer cells", {"tv": 35.0})
    widget.preset.focusInEvent(QFocusEvent(QEvent.Type.FocusIn))
    qtbot.keyClick(widget.preset, Qt.Key.Key_End)
    assert "35 (preset)" in widget.advanced.inputs["tv"].specialValueText()

    again = open_denoise()
    assert again.preset.currentData() == "softer cells" and again.fold.isExpanded()
    assert again.advanced.device.currentData() == chosen["device"]
    qtbot.keyClick(again.advanced.device, Qt.Key.Key_Home)
    click(again.fold.toggleButton())
    assert recall("denoise") == {"preset": "softer cells", "advanced": False}
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr("platformdirs.user_config_path", lambda *args, **kwargs: tmp_path / "a file")
    qtbot.keyClick(again.preset, Qt.Key.Key_Home)
    assert again.preset.currentData() == "fast" and recall("denoise") == {}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"version": 2, "tasks": {"denoise": {"preset": "best"}}}',
        '{"version": 1, "tasks": []}',
        '{"version": 1, "tasks": {"denoise": 3}}',
        '{"version": 1, "tasks": {"denoise": {"preset": ["best"], "advanced": 1, "device": {}}}}',
        '{"version": 1, "tasks": {"denoise": {"preset": "gone", "device": "moon"}}}',
        "\x00\xff",
    ],
)
def test_a_file_that_says_something_else_is_as_good_as_none(text):
    file().write_text(text, "latin-1")
    known = recall("denoise")
    assert set(known) <= {"preset", "device"} and "best" not in known.values()
    remember("denoise", preset="best")
    assert recall("denoise")["preset"] == "best"
