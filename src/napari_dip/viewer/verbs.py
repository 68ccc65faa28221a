"""The verbs of the window: they return at once, and show the result as it grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import napari.layers
import napari.viewer

from napari_dip.api import plan_deblock, plan_deconvolve, plan_denoise, plan_inpaint, plan_super_resolve
from napari_dip.viewer.guides import asked
from napari_dip.viewer.jpegs import file_table, on_blocks
from napari_dip.viewer.layers import find_image, find_mask, image_layers, mask_layers
from napari_dip.viewer.mask_edits import follow_mask
from napari_dip.viewer.regions import Part, Planes, Region
from napari_dip.viewer.runs import Run

if TYPE_CHECKING:
    from napari_dip.job import Job

__all__ = ["deblock", "deconvolve", "denoise", "inpaint", "super_resolve"]


def denoise(
    viewer: napari.viewer.Viewer,
    layer: napari.layers.Image | str | None = None,
    *,
    planes: Planes = None,
    part: Part = None,
    **settings: Any,
) -> Run:
    """Denoise a layer with a deep image prior, live: return at once, and show the result as it grows.

    Parameters
    ----------
    viewer
        The viewer of the layer, in which the result appears as a new layer.
    layer
        An image layer or its name; None for the active one.
    planes
        Which planes (or volumes) of a stack: None for all; ``"current"`` for the one that the sliders show; a
        number or a slice along the stack's first axis, as ``5`` or ``slice(3, 8)``; or a tuple with one of
        these for each axis of the stack, as ``(slice(0, 4), 1)``. The result is a layer of these planes
        alone, which lies over them. They are restored as in the whole stack, along with their `neighbours`.
    part
        Of each plane (or volume): None for all of it; ``"visible"`` for the part that the canvas shows, or as
        much around its middle as is done soon, or for the shape that is selected; or a slice along each of
        its axes, as ``(slice(0, 256), slice(128, 384))``. It is restored much as in the whole image, but for
        the pixels near its edges.
    **settings
        As `napari_dip.denoise` takes them; the `guide` may be the name of an image layer too.

    Returns
    -------
    Run
        The handle: ``pause()``, ``resume()``, ``stop()`` (keeps the best estimate), ``wait()`` (in a notebook
        ``await run``), ``done``, ``result`` and ``as_python()``.

    Raises
    ------
    ValueError, TypeError
        If there is no such layer, there are no such planes, or an argument can't be used.

    Examples
    --------
    >>> run = dip.viewer.denoise(viewer, "cell", preset="best")  # doctest: +SKIP
    >>> run.wait().image  # doctest: +SKIP
    >>> trial = dip.viewer.denoise(viewer, "movie", planes="current", part="visible")  # doctest: +SKIP
    >>> run = dip.viewer.denoise(viewer, "movie", **trial.wait().settings)  # doctest: +SKIP
    """
    image = find_image(viewer, layer)
    region = _region(viewer, image, settings, planes, part)
    return _begin(viewer, region, plan_denoise, settings)


def inpaint(
    viewer: napari.viewer.Viewer,
    layer: napari.layers.Image | str | None = None,
    mask: napari.layers.Labels | napari.layers.Shapes | str | None = None,
    *,
    planes: Planes = None,
    part: Part = None,
    **settings: Any,
) -> Run:
    """Fill in pixels of a layer with a deep image prior, live; the mask may be edited meanwhile.

    Parameters
    ----------
    viewer
        The viewer of the layers, in which the result appears as a new layer.
    layer
        An image layer or its name; None for the active one.
    mask
        A Labels or Shapes layer or its name, nonzero where pixels are to be filled in; None for the topmost.
        Until the run ends, each edit of it takes effect at the next iteration. NaN and infinite pixels are
        filled in too; where there is no such layer, or nothing on it, these alone.
    planes
        Which planes (or volumes) of a stack, as `denoise` takes them.
    part
        Which part of each, as `denoise` takes it.
    **settings
        As `napari_dip.inpaint` takes them.

    Returns
    -------
    Run
        As `denoise` returns it.

    Raises
    ------
    ValueError, TypeError
        If there are no such layers, or an argument can't be used.

    Examples
    --------
    >>> run = dip.viewer.inpaint(viewer, "cell", "scratches")  # doctest: +SKIP
    """
    painted = find_mask(viewer, mask) if mask is not None or mask_layers(viewer) else None
    image = find_image(viewer, layer, guess=True)
    region = _region(viewer, image, settings, planes, part, painted)
    run = _begin(viewer, region, plan_inpaint, settings | {"mask": painted})
    if painted is not None:
        follow_mask(run, painted, settings.get("labels"))
    return run


def super_resolve(
    viewer: napari.viewer.Viewer,
    layer: napari.layers.Image | str | None = None,
    factor: int | Sequence[int] = 2,
    *,
    planes: Planes = None,
    part: Part = None,
    **settings: Any,
) -> Run:
    """Increase a layer's resolution with a deep image prior, live.

    Parameters
    ----------
    viewer
        The viewer of the layer, in which the result appears as a new layer that lies exactly over it.
    layer
        An image layer or its name; None for the active one.
    factor
        Enlargement, for all spatial axes or for each; ``(4, 1, 1)`` makes a volume finer in Z alone.
    planes
        Which planes (or volumes) of a stack, as `denoise` takes them.
    part
        Which part of each, as `denoise` takes it.
    **settings
        As `napari_dip.super_resolve` takes them.

    Returns
    -------
    Run
        As `denoise` returns it.

    Raises
    ------
    ValueError, TypeError
        If there is no such layer, or an argument can't be used.

    Examples
    --------
    >>> run = dip.viewer.super_resolve(viewer, "beads", (4, 1, 1))  # doctest: +SKIP
    """
    image = find_image(viewer, layer)
    region = _region(viewer, image, settings, planes, part)
    return _begin(viewer, region, plan_super_resolve, settings | {"factor": factor})


def deconvolve(
    viewer: napari.viewer.Viewer,
    layer: napari.layers.Image | str | None,
    psf: Any,
    *,
    planes: Planes = None,
    **settings: Any,
) -> Run:
    """Take a microscope's blur, and the noise, out of a layer with a deep image prior, live.

    Parameters
    ----------
    viewer
        The viewer of the layer, in which the result appears as a new layer that lies exactly over it.
    layer
        An image layer or its name; None for the active one.
    psf
        What the microscope makes of a point, as `napari_dip.deconvolve` takes it: a full width at half
        maximum in the layer's units, the optics, an array; or an image layer of a bead, or its name.
    planes
        Which planes (or volumes) of a stack, as `denoise` takes them.
    **settings
        As `napari_dip.deconvolve` takes them.

    Returns
    -------
    Run
        As `denoise` returns it.

    Raises
    ------
    ValueError, TypeError
        If there is no such layer, or an argument can't be used.

    Examples
    --------
    >>> run = dip.viewer.deconvolve(viewer, "cell", 0.25)  # doctest: +SKIP
    >>> optics = {"numerical_aperture": 1.4, "wavelength": 0.52, "refractive_index": 1.515}
    >>> run = dip.viewer.deconvolve(viewer, "cell", optics, preset="best")  # doctest: +SKIP
    """
    image = find_image(viewer, layer)
    if isinstance(psf, str):  # a layer's name, or the path of a file
        psf = next((bead for bead in image_layers(viewer) if bead.name == psf), psf)
    region = _region(viewer, image, settings, planes)
    return _begin(viewer, region, plan_deconvolve, settings | {"psf": psf})


def deblock(
    viewer: napari.viewer.Viewer,
    layer: napari.layers.Image | str | None = None,
    *,
    planes: Planes = None,
    part: Part = None,
    **settings: Any,
) -> Run:
    """Take JPEG's blocks and rings out of a layer with a deep image prior, live.

    Parameters
    ----------
    viewer
        The viewer of the layer, in which the result appears as a new layer.
    layer
        An image layer or its name; None for the active one.
    planes
        Which planes of a stack, as `denoise` takes them.
    part
        Which part of each, as `denoise` takes it; it is made to begin with a block of JPEG's.
    **settings
        As `napari_dip.deblock` takes them. Where no `table` is given, and the layer shows a grey JPEG file as
        it is, it is the file's.

    Returns
    -------
    Run
        As `denoise` returns it.

    Raises
    ------
    ValueError, TypeError
        If there is no such layer, or an argument can't be used.

    Examples
    --------
    >>> run = dip.viewer.deblock(viewer, "photo")  # doctest: +SKIP
    """
    image = find_image(viewer, layer)
    region = on_blocks(_region(viewer, image, settings, planes, part))
    if settings.get("table") is None:
        settings["table"] = file_table(image)
    return _begin(viewer, region, plan_deblock, settings)


def _region(viewer: Any, image: napari.layers.Image, settings: Mapping[str, Any], *what: Any) -> Region:
    """Return which planes, and which part of them, are meant, as `Region.in_viewer` takes it."""
    together = settings.get("channels") == "together"
    volumes = None if settings.get("neighbours") is None else False
    return Region.in_viewer(viewer, image, settings.get("axes"), *what, together=together, volumes=volumes)


def _begin(viewer: Any, region: Region, plan: Callable[..., Job], settings: dict[str, Any]) -> Run:
    """Begin a run of a region with the keywords of a verb's call."""
    layer, keywords, guide = asked(viewer, region, settings)
    return Run(viewer, region.source, plan(layer, **keywords), region=region, guide=guide)
