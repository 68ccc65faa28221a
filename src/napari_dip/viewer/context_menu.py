"""What the plugin puts into the menu that opens on a layer in the layer list.

napari takes nothing for that menu from a manifest. It takes it from a program, and so the entries are there
from the first time on that something of this plugin is used in a session.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ENTRIES", "put_entries"]

MENU, SUBMENU = "napari/layers/context", "napari-dip/layers/context"
ENTRIES = {
    "napari-dip.denoise_layer": "Denoise this layer",
    "napari-dip.inpaint_layer": "Inpaint this layer…",
    "napari-dip.super_resolve_layer": "Make this layer finer…",
    "napari-dip.deconvolve_layer": "Deconvolve this layer…",
    "napari-dip.deblock_layer": "Remove this layer's JPEG artefacts…",
}
"""Commands of the manifest, and what they are called there."""


def put_entries(context: Any = None) -> None:
    """Put the entries there, when napari activates the plugin; without them the rest works as well."""
    try:
        from app_model.expressions import parse_expression
        from app_model.types import CommandRule, MenuItem, SubmenuItem
        from napari._app_model import get_app_model

        menus = get_app_model().menus
        if SUBMENU in menus:
            return
        entries = [
            (SUBMENU, MenuItem(command=CommandRule(id=name, title=title), order=order))
            for order, (name, title) in enumerate(ENTRIES.items())
        ]
        submenu = SubmenuItem(
            submenu=SUBMENU,
            title="Deep Image Prior",
            group="2_deep_image_prior",
            when=parse_expression("active_layer_type == 'image'"),
        )
        menus.append_menu_items([*entries, (MENU, submenu)])
    except Exception:  # napari's own business, which it may do otherwise some day
        return
