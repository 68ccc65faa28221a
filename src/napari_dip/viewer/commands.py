"""What can be done from napari's command palette and a layer's menu: the manifest's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari.viewer
from napari.layers import Image
from napari.utils.notifications import show_error, show_info

from napari_dip.viewer.known_runs import live_runs, run_of
from napari_dip.viewer.layers import find_image, unwrap
from napari_dip.viewer.troubles import EXPECTED
from napari_dip.viewer.widgets.opening import open_widget

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = [
    "copy_python",
    "deblock_layer",
    "deconvolve_layer",
    "denoise_layer",
    "how_sure",
    "inpaint_layer",
    "pause",
    "show_removed",
    "stop",
    "super_resolve_layer",
]

NO_RUN = "No run is under way."
NO_RESULT = "Select the result of a run of this session first."


def denoise_layer(viewer: napari.viewer.Viewer) -> None:
    """Denoise the selected layer, as it is set in the widget."""
    layer = _selected(viewer)
    if layer is not None:
        open_widget(viewer, "denoise").start_on(layer)


def inpaint_layer(viewer: napari.viewer.Viewer) -> None:
    """Open *Inpaint* on the selected layer."""
    _open_on_selected(viewer, "inpaint")


def super_resolve_layer(viewer: napari.viewer.Viewer) -> None:
    """Open *Super-resolution* on the selected layer."""
    _open_on_selected(viewer, "super-resolve")


def deconvolve_layer(viewer: napari.viewer.Viewer) -> None:
    """Open *Deconvolution* on the selected layer."""
    _open_on_selected(viewer, "deconvolve")


def deblock_layer(viewer: napari.viewer.Viewer) -> None:
    """Open *Remove JPEG artefacts* on the selected layer."""
    _open_on_selected(viewer, "deblock")


def stop(viewer: napari.viewer.Viewer) -> None:
    """Stop the run that is under way, and keep its best result."""
    run = _live(viewer)
    if run is not None:
        run.stop()


def pause(viewer: napari.viewer.Viewer) -> None:
    """Pause the run that is under way, or let it go on."""
    run = _live(viewer)
    if run is not None:
        (run.resume if run.paused else run.pause)()


def show_removed(viewer: napari.viewer.Viewer) -> None:
    """Add a layer with what was taken away from the image of the selected result."""
    from napari_dip.viewer.removed import show_removed

    run = _done(viewer)
    if run is not None:
        try:
            show_removed(viewer, run)
        except EXPECTED as error:
            show_error(str(error))


def how_sure(viewer: napari.viewer.Viewer) -> None:
    """Add a layer with how far each pixel of the selected result may be from the truth."""
    from napari_dip.viewer.how_sure import ask_how_sure

    run = _done(viewer)
    if run is not None:
        try:
            ask_how_sure(viewer, run)
        except EXPECTED as error:
            show_error(str(error))


def copy_python(viewer: napari.viewer.Viewer) -> None:
    """Copy a script that makes the selected result again."""
    from napari_dip.viewer.widgets.more import copy

    run = _done(viewer)
    if run is not None:
        copy(run.as_python(), "a script")


def _open_on_selected(viewer: Any, task: str) -> None:
    layer = _selected(viewer)
    if layer is not None:
        open_widget(viewer, task).choose_layer(layer)


def _selected(viewer: Any) -> Image | None:
    try:
        return find_image(viewer, None)
    except (ValueError, TypeError) as error:
        show_error(str(error))
        return None


def _live(viewer: Any) -> Run | None:
    """Return the run of the selected layer that is live, or the one that computes."""
    runs, active = live_runs(viewer), unwrap(viewer).layers.selection.active
    if not runs:
        show_info(NO_RUN)
        return None
    return next((run for run in runs if active is not None and active is run.layer), runs[0])


def _done(viewer: Any) -> Run | None:
    """Return the run that made the selected layer."""
    run = run_of(unwrap(viewer).layers.selection.active)
    if run is None or not run.done or run.result is None:
        show_info(NO_RESULT)
        return None
    return run
