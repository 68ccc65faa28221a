"""How far each pixel of a result may be from the truth, as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_info

from napari_dip.given import KEY
from napari_dip.restoration import Restoration, origin
from napari_dip.viewer.layers import same_place
from napari_dip.viewer.words import how_sure

__all__ = ["USUAL", "show_uncertainty", "typical"]

# That tell it where nobody says a number, the result's own among them.
USUAL = 3

# Of the pixels, this percentage is told apart in the layer; few are much less sure than all others.
SHOWN = 99.5


def show_uncertainty(viewer: Any, source: Image, result_layer: Image, result: Restoration) -> Image:
    """Add a layer with a result's uncertainty, which lies where the result does, and say what it means.

    Parameters
    ----------
    viewer
        Where it goes.
    source, result_layer
        The layer that was restored, and the one with its result.
    result
        With its uncertainty.

    Returns
    -------
    napari.layers.Image
        The standard deviation of each pixel's error, in the image's units; of colours their root mean square.
    """
    found = result.uncertainty
    assert found is not None
    if result_layer.rgb:
        found = np.sqrt(np.mean(found**2, axis=-1))
    middle, most = typical(found)
    record = origin(result.task) | {
        "source": source.name,
        "shows": "uncertainty",
        "values": "standard deviation of the error, in the image's units",
        "runs": result.settings.get("uncertainty", USUAL),
    }
    layer = Image(
        found,
        name=f"{source.name} [uncertainty]",
        colormap="viridis",
        contrast_limits=(0, most or 1.0),
        metadata={KEY: record},
        **same_place(result_layer),
    )
    viewer.add_layer(layer)
    show_info(how_sure(middle, most))
    return layer


def typical(uncertainty: Any) -> tuple[float, float]:
    """Return the median of some standard deviations and about their largest."""
    told = np.asarray(uncertainty)
    told = told[np.isfinite(told)]
    if not told.size:
        return 0.0, 0.0
    middle, most = np.percentile(told, (50, SHOWN))
    return float(middle), float(most)
