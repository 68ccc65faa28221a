"""The *Denoise* widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_dip.viewer.alternatives import Alternative
from napari_dip.viewer.stacking import BESIDE
from napari_dip.viewer.widgets.preset_choice import ORIGINAL, TO_COMPARE_WITH
from napari_dip.viewer.widgets.task import TaskWidget

if TYPE_CHECKING:
    from napari_dip.job import Job

__all__ = ["DenoiseWidget"]

PRESETS = {
    "fast": ("Fast", "A small network: the quickest."),
    "best": ("Best", "A larger network that runs for longer: sometimes better, several times slower."),
    "ulyanov2018": ORIGINAL,
    **TO_COMPARE_WITH,
}


class DenoiseWidget(TaskWidget):
    """Choose a layer and a preset, press *Denoise*, and watch the result grow."""

    TASK = "denoise"
    VERB = "Denoise"
    EXPLANATION = "Remove the noise of this image, using nothing but the image itself."
    PRESETS = PRESETS
    ALTERNATIVES = (
        Alternative("Fast", "the preset, with the detail that is chosen automatically.", "fast"),
        Alternative("Smoother", "the same result, of which more is taken away.", "fast", -0.5),
        Alternative("Best", "the preset that takes its time, for finer detail.", "best"),
    )
    NEIGHBOURS = BESIDE

    def plan(self, layer: Image, settings: dict[str, Any]) -> Job:
        from napari_dip.api import plan_denoise

        return plan_denoise(layer, **settings)
