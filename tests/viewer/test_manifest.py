"""The manifest as napari reads it: every command can be imported, every widget is where users look for it."""

from __future__ import annotations

import pytest
from app_model.types import MenuItem
from napari._app_model import get_app_model
from npe2 import PluginManifest
from qtpy.QtWidgets import QDockWidget

MANIFEST = PluginManifest.from_distribution("napari-dip")
WIDGETS = [widget.display_name for widget in MANIFEST.contributions.widgets]


@pytest.fixture
def viewer(viewer_with_plugin):
    return viewer_with_plugin


def test_every_command_can_be_imported():
    MANIFEST.validate_imports()


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_is_in_the_filter_menu_and_opens_from_there(viewer, name):
    app = get_app_model()
    title = f"{name} (Deep Image Prior)"
    # By its title: napari names the action napari-dip:Denoise in 0.6, and as the manifest does in 0.9.
    items = [item for item in app.menus.get_menu("napari/layers/filter") if isinstance(item, MenuItem)]
    (command,) = [item.command for item in items if item.command.title == title]
    app.commands.execute_command(command.id).result()
    assert viewer.window._qt_window.findChild(QDockWidget, title) is not None
