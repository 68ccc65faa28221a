"""How far each pixel of a result may be from the truth, as a layer."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_info

from napari_dip.given import KEY
from napari_dip.restoration import Restoration, origin
from napari_dip.viewer.layers import same_place
from napari_dip.viewer.over_results import SEE_BELOW, over_result
from napari_dip.viewer.words import how_sure

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = ["USUAL", "show_uncertainty", "typical"]

# That tell it where nobody says a number, the result's own among them.
USUAL = 3
SHOWS = "uncertainty"

# Of the pixels, this percentage is told apart in the layer; few are much less sure than all others.
SHOWN = 99.5


def show_uncertainty(viewer: Any, run: Run, result: Restoration) -> Image:
    """Add a layer with a result's uncertainty, which lies where the result does, and say what it means.

    Asked for again, it is shown again. It is hidden when another detail is chosen: it is not that choice's.

    Parameters
    ----------
    viewer
        Where it goes.
    run
        The run that has made the result, with a layer.
    result
        What of it, with its uncertainty.

    Returns
    -------
    napari.layers.Image
        The standard deviation of each pixel's error, in the image's units; of colours their root mean square.
    """
    assert run.layer is not None and result.uncertainty is not None
    found = result.uncertainty
    if run.layer.rgb:  # of opacity nothing is told
        found = np.sqrt(np.mean(found[..., :3] ** 2, axis=-1))
    middle, most = typical(found)

    def made() -> Image:
        assert run.layer is not None
        record = origin(result.task) | {
            "source": run.source.name,
            "shows": SHOWS,
            "values": "standard deviation of the error, in the image's units",
            "runs": result.settings.get("uncertainty", USUAL),
        }
        layer = Image(
            found,
            name=f"{run.source.name} [uncertainty]",
            colormap="viridis",
            contrast_limits=(0, most or 1.0),
            metadata={KEY: record},
            **same_place(run.layer),
        )
        _hide_when_adjusted(run, layer)
        return layer

    layer = over_result(viewer, run, SHOWS, made)
    show_info(f"{how_sure(middle, most)} {SEE_BELOW}")
    return layer


def _hide_when_adjusted(run: Run, layer: Image) -> None:
    # The run's handle may outlive the layer, and must not keep it.
    detail, away, its_layer = run.detail, False, weakref.ref(layer)

    def hide() -> None:
        nonlocal away
        layer, before, away = its_layer(), away, run.detail != detail
        if layer is None:
            run.updated.disconnect(hide)
        elif away and not before:  # from then on it is as the user will have it
            layer.visible = False

    run.updated.connect(hide)


def typical(uncertainty: Any) -> tuple[float, float]:
    """Return the median of some standard deviations and about their largest."""
    told = np.asarray(uncertainty)
    told = told[np.isfinite(told)]
    if not told.size:
        return 0.0, 0.0
    middle, most = np.percentile(told, (50, SHOWN))
    return float(middle), float(most)
