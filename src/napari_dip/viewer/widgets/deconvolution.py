"""The *Deconvolution* widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtWidgets import QFormLayout

from napari_dip.viewer.widgets.blur_choice import BlurChoice
from napari_dip.viewer.widgets.look_ahead import LookAhead, takes
from napari_dip.viewer.widgets.preset_choice import TO_COMPARE_WITH
from napari_dip.viewer.widgets.task import TaskWidget
from napari_dip.viewer.words import sharpened

if TYPE_CHECKING:
    from napari_dip.job import Job

__all__ = ["DeconvolutionWidget"]

PRESETS = {
    "fast": ("Fast", "Ends as soon as there is little more to gain: the quickest."),
    "best": (
        "Best",
        "Goes on for longer, and for volumes with a larger network: finer detail, several times slower.",
    ),
    **TO_COMPARE_WITH,
}


class DeconvolutionWidget(TaskWidget):
    """Choose a layer and what has blurred it, press *Deconvolve*, and watch the result grow."""

    TASK = "deconvolve"
    VERB = "Deconvolve"
    EXPLANATION = "Take the microscope's blur away, and the noise: the result, blurred again, is the image."
    PRESETS = PRESETS

    def add_rows(self, form: QFormLayout) -> None:
        self.blur = BlurChoice(self.viewer)
        self.blur.add_to(form)
        self._ahead = LookAhead(self._ask, self)
        self._ahead.answered.connect(self.describe)
        self.blur.changed.connect(self.refresh)
        self.stacks.changed.connect(self.show_preset)
        self.preset.currentIndexChanged.connect(self.refresh)
        self.advanced.changed.connect(self.refresh)
        self.tie(self.blur.let_go)

    def settings(self) -> dict[str, Any]:
        self._show_blur()
        return {"psf": self.blur.psf()} | super().settings()

    def plan(self, layer: Image, settings: dict[str, Any]) -> Job:
        from napari_dip.api import plan_deconvolve

        return plan_deconvolve(layer, **settings)

    def presets(self) -> str:
        return "deconvolve volumes" if self.form.volumes() else self.TASK

    @property
    def asks_for_layers(self) -> bool:
        return self.blur.asks_for_a_layer or super().asks_for_layers

    def obstacle(self) -> str:
        return self.blur.problem or self._ahead.why_not

    def details(self) -> str:
        return self._ahead.told

    def refresh(self) -> None:
        """Say anew what will be restored; what it takes is found out in the background, and follows."""
        self._show_blur()
        self._ahead.anew()
        self.controls.tell("")  # of what was in the way before
        super().refresh()

    def _show_blur(self) -> None:
        layer = self.layer.layer if self.ready else None
        axes = None if self.stacks.chosen is None or self.stacks.problem else self.stacks.axes()
        self.blur.show(layer, axes)

    def _ask(self) -> Callable[[], str] | None:
        if self.layer.layer is None or not self.ready or self.in_the_way:
            return None
        settings, part = self.settings(), self.stacks.region().layer
        return lambda: _look(part, settings)


def _look(layer: Image, settings: dict[str, Any]) -> str:
    """Return what a run would do, and take."""
    from napari_dip.api import plan_deconvolve
    from napari_dip.tasks import Deconvolve

    job = plan_deconvolve(layer, **settings)
    assert isinstance(job.task, Deconvolve)
    spread = job.task.psf.array(len(job.axes.spatial)).shape
    if max(spread[-2:]) == 1:
        raise ValueError(
            "this point spread is narrower than a pixel, and there is no blur to be taken away: check the "
            "pixel size, or denoise the image instead."
        )
    told = f"{sharpened(spread)}, {takes(job)}"
    return f"{told}. {job.task.doubt}" if job.task.doubt else told
