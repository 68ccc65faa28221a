"""The window's side: live runs, layers, widgets. The only room that knows napari and Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari.layers
    import napari.viewer

    from napari_dip.viewer.runs import Run

__all__ = ["denoise"]


def denoise(
    viewer: napari.viewer.Viewer, layer: napari.layers.Image | str | None = None, **settings: Any
) -> Run:
    """Denoise a layer with a deep image prior, live: return at once, and show the result as it grows.

    Parameters
    ----------
    viewer
        The viewer of the layer, in which the result appears as a new layer.
    layer
        An image layer or its name; None for the active one.
    **settings
        As `napari_dip.denoise` takes them.

    Returns
    -------
    Run
        The handle: ``pause()``, ``resume()``, ``stop()`` (keeps the best estimate), ``wait()``, ``done`` and
        ``result``.

    Raises
    ------
    ValueError, TypeError
        If there is no such layer, or an argument can't be used.

    Examples
    --------
    >>> run = dip.viewer.denoise(viewer, "cell", preset="best")  # doctest: +SKIP
    >>> run.wait().image  # doctest: +SKIP
    """
    from napari_dip.api import plan_denoise
    from napari_dip.viewer.layers import find_image
    from napari_dip.viewer.runs import Run

    image = find_image(viewer, layer)
    return Run(viewer, image, plan_denoise(image, **settings), task="denoise")
