"""Another image layer as a run's guide: the same part of it as of the image, and why it can't be one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_dip.given import pixels_of
from napari_dip.images.guides import layer_guide, pixel_on_pixel
from napari_dip.viewer.layers import image_layers, unwrap
from napari_dip.viewer.words import sentence

if TYPE_CHECKING:
    from napari_dip.images.axes import Axes
    from napari_dip.viewer.regions import Region

__all__ = ["asked", "guide_problem", "same_part"]


def same_part(region: Region, guide: Image) -> Region | None:
    """Return which part of a guide lies over a region of an image, or None if their pixels differ."""
    if not pixel_on_pixel(guide, region.source):
        return None
    shape = tuple(pixels_of(guide).shape)
    where = region.where[: region.source.ndim][-guide.ndim :]
    colours = tuple(slice(0, size) for size in shape[guide.ndim :])
    return replace(region, source=guide, shape=shape, where=(*where, *colours))


def guide_in(region: Region, guide: Image) -> Image:
    """Return the guide for a region of an image.

    That is a layer of the same part, where the pixels of both are the same: whoever has the same part of both
    as arrays makes the same result. Otherwise it is the guide itself.
    """
    guide = unwrap(guide)
    part = same_part(region, guide)
    return guide if part is None else part.layer


def asked(
    viewer: Any, region: Region, settings: Mapping[str, Any]
) -> tuple[Image, dict[str, Any], Image | None]:
    """Return what a verb is called with for a region: a layer, and keywords; and the guide's layer, if any.

    The layer has the planes that go along with the region's too. The guide among the `settings` is a layer or
    its name, or whatever else the verb takes.
    """
    around = region.company(settings.get("neighbours"))
    keywords = {**settings, **region.among(around)}
    guide = settings.get("guide")
    if isinstance(guide, str):  # a layer's name, or the path of a file
        guide = next((layer for layer in image_layers(viewer) if layer.name == guide), guide)
    guide = unwrap(guide)
    if not isinstance(guide, Image):
        return around.layer, keywords, None
    return around.layer, keywords | {"guide": guide_in(around, guide)}, guide


def guide_problem(region: Region, guide: Image) -> str:
    """Return why a layer can't be the guide for a region of an image, in a sentence, or nothing."""
    problem = _problem(region.source, guide, region.axes)
    # What guides the whole guides each part of it, and to make that takes time.
    return problem if not problem or region.whole else _problem(region.layer, guide, region.axes)


def _problem(image: Image, guide: Image, axes: Axes) -> str:
    try:
        layer_guide(guide, image, axes, (1,) * len(axes.names))
    except (ValueError, TypeError) as error:
        return sentence(error)
    return ""
