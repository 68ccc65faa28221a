"""What napari's users expect of a plugin: the command palette, a layer's menu, a window that remembers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from app_model.types import MenuItem, SubmenuItem
from napari._app_model import get_app_model
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget

import napari_dip as dip
from napari_dip.viewer import context_menu
from napari_dip.viewer.remembered import file, recall, remember
from napari_dip.viewer.widgets.inpaint import InpaintWidget
from napari_dip.viewer.widgets.opening import DOCK, WIDGETS
from napari_dip.viewer.widgets.task import OPEN

MANIFEST = PluginManifest.from_distribution("napari-dip")


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    manager = PluginManager.instance()
    if MANIFEST.name not in manager:
        manager.register(MANIFEST)
    return viewer


def command(name):
    """Do what napari does when a command is chosen."""
    get_app_model().commands.execute_command(f"napari-dip.{name}").result()


def listed(menu):
    return [item for item in get_app_model().menus.get_menu(menu) if isinstance(item, MenuItem)]


def open_in(viewer):
    return [widget for widget in OPEN if widget.viewer is viewer]


def test_the_palette_has_every_tool_and_action_and_calls_none_that_need_a_path(viewer):
    rules = {item.command.id: item.command for item in listed(get_app_model().menus.COMMAND_PALETTE_ID)}
    asked = [one.id for one in MANIFEST.contributions.commands if ".sample." not in one.id]
    assert {name for name in asked if name not in rules} <= {
        one.command for one in MANIFEST.contributions.widgets
    }  # which napari 0.6 calls otherwise
    for name in ("napari-dip.read", "napari-dip.write"):
        assert not rules[name].enablement.eval({})
    for name in context_menu.ENTRIES:
        assert rules[name].enablement.eval({"active_layer_type": "image"})
        assert not rules[name].enablement.eval({"active_layer_type": "labels"})


def test_the_docks_are_the_manifest_s():
    assert [name for _, name in WIDGETS.values()] == [
        one.display_name for one in MANIFEST.contributions.widgets
    ]
    title = next(iter(WIDGETS.values()))[1]
    assert DOCK.format(title) == f"{title} ({MANIFEST.display_name})"


def test_a_layer_s_menu_offers_the_tools_once_the_plugin_is_in_use(viewer):
    context_menu.put_entries()
    context_menu.put_entries()
    menus = get_app_model().menus
    (mine,) = [
        item
        for item in menus.get_menu(context_menu.MENU)
        if isinstance(item, SubmenuItem) and item.submenu == context_menu.SUBMENU
    ]
    assert mine.title == MANIFEST.display_name
    assert mine.when.eval({"active_layer_type": "image"})
    assert not mine.when.eval({"active_layer_type": "points"})
    titles = {one.id: one.title for one in MANIFEST.contributions.commands}
    entries = {item.command.id: item.command.title for item in listed(context_menu.SUBMENU)}
    assert entries == context_menu.ENTRIES == {name: titles[name] for name in entries}
    assert MANIFEST.on_activate == "napari_dip.viewer.context_menu:put_entries"


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
    viewer.layers.selection.clear()
    command("denoise_layer")
    assert "no image layer is selected" in notifications[-1].message
    assert widget.controls.run is run


@pytest.mark.parametrize("name", ["inpaint", "super_resolve", "deconvolve", "deblock"])
def test_other_tools_open_on_the_layer(viewer, noisy, name):
    first = viewer.add_image(noisy, name="first")
    viewer.add_image(noisy, name="second")
    viewer.layers.selection.active = first
    command(f"{name}_layer")
    (widget,) = open_in(viewer)
    assert name.replace("_", "-") == widget.TASK and widget.layer.layer is first
    # A widget whose dock is closed is opened anew.
    viewer.window.remove_dock_widget(widget)
    command(f"{name}_layer")
    assert any(viewer.window._qt_window.isAncestorOf(one) for one in open_in(viewer))


def test_the_window_remembers_what_was_chosen_for_each_task(viewer, open_denoise, open_task, qtbot, click):
    widget = open_denoise()
    qtbot.keyClick(widget.preset, Qt.Key.Key_Down)
    device = widget.advanced.device
    qtbot.keyClick(device, Qt.Key.Key_End)
    click(widget.fold._toggle_btn)
    chosen = {"preset": "best", "device": device.currentData(), "advanced": True}
    assert chosen["device"] is not None and recall("denoise") == chosen
    again = open_denoise()
    assert (again.preset.currentData(), again.advanced.device.currentData()) == ("best", chosen["device"])
    assert again.fold.isExpanded()
    assert again.settings()["preset"] == "best"
    other = open_task(InpaintWidget, viewer)
    assert other.preset.currentData() == "fast" and not other.fold.isExpanded()
    qtbot.keyClick(again.advanced.device, Qt.Key.Key_Home)
    click(again.fold._toggle_btn)
    assert recall("denoise") == {"preset": "best", "advanced": False}


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


def test_no_widget_fails_where_nothing_can_be_remembered(viewer, open_denoise, qtbot, monkeypatch, tmp_path):
    file().write_text(json.dumps({"version": 1, "tasks": {"denoise": {"preset": "gone", "device": "moon"}}}))
    widget = open_denoise()
    assert (widget.preset.currentData(), widget.advanced.device.currentData()) == ("fast", None)
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr("platformdirs.user_config_path", lambda *args, **kwargs: tmp_path / "a file")
    qtbot.keyClick(widget.preset, Qt.Key.Key_Down)
    assert widget.preset.currentData() == "best" and recall("denoise") == {}


def test_presets_saved_meanwhile_are_offered_and_an_own_one_is_remembered(viewer, open_denoise, qtbot):
    widget = open_denoise()
    widget.controls.main.setFocus()
    dip.presets.save("soft cells", {"tv": 25.0})
    assert widget.preset.findData("soft cells") < 0
    widget.preset.showPopup()
    assert widget.preset.findData("soft cells") > 0
    widget.preset.hidePopup()
    dip.presets.save("softer cells", {"tv": 35.0})
    widget.preset.focusInEvent(_focus())
    qtbot.keyClick(widget.preset, Qt.Key.Key_End)
    assert widget.preset.currentData() == "softer cells"
    assert "35 (preset)" in widget.advanced.inputs["tv"].specialValueText()
    assert open_denoise().preset.currentData() == "softer cells"
    dip.presets.delete("softer cells")
    assert open_denoise().preset.currentData() == "fast"


def _focus():
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QFocusEvent

    return QFocusEvent(QEvent.Type.FocusIn)


def test_a_run_s_layer_leads_to_the_run_for_as_long_as_that_is_known(viewer, noisy):
    from napari_dip.viewer.runs import run_of

    cell = viewer.add_image(noisy)
    run = dip.viewer.denoise(viewer, cell, iterations=2)
    run.wait()
    assert run_of(run.layer) is run
    assert run_of(cell) is run_of(None) is None
    np.testing.assert_array_equal(run.layer.data, run.result.image)
