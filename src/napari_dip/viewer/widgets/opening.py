"""The widget of a task in a viewer, opened where it is not yet."""

from __future__ import annotations

from typing import Any

from napari_dip.viewer.layers import unwrap
from napari_dip.viewer.widgets.deblocking import DeblockWidget
from napari_dip.viewer.widgets.deconvolution import DeconvolutionWidget
from napari_dip.viewer.widgets.denoise import DenoiseWidget
from napari_dip.viewer.widgets.docks import dock_of
from napari_dip.viewer.widgets.inpaint import InpaintWidget
from napari_dip.viewer.widgets.super_resolution import SuperResolutionWidget
from napari_dip.viewer.widgets.task import OPEN, TaskWidget

__all__ = ["open_widget"]

# What the manifest calls the widgets; and what napari calls a dock that its menus show and hide.
WIDGETS: dict[str, tuple[type[TaskWidget], str]] = {
    "denoise": (DenoiseWidget, "Denoise"),
    "inpaint": (InpaintWidget, "Inpaint"),
    "super-resolve": (SuperResolutionWidget, "Super-resolution"),
    "deconvolve": (DeconvolutionWidget, "Deconvolution"),
    "deblock": (DeblockWidget, "Remove JPEG artefacts"),
}
DOCK = "{} (Deep Image Prior)"


def open_widget(viewer: Any, task: str) -> TaskWidget:
    """Return the widget of a task, in sight."""
    viewer = unwrap(viewer)
    kind, name = WIDGETS[task]
    there = (widget for widget in OPEN if widget.viewer is viewer and type(widget) is kind)
    widget, dock = next(((one, dock) for one in there if (dock := dock_of(one)) is not None), (None, None))
    if widget is None or dock is None:
        widget = kind(viewer)
        dock = viewer.window.add_dock_widget(widget, name=DOCK.format(name))
    dock.show()
    dock.raise_()  # of docks that share a place
    return widget
