"""The layer in which a run's result grows: when it is drawn, what it is called, what it says of itself."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer

from napari_dip.given import KEY
from napari_dip.viewer.before import show_before_on_key
from napari_dip.viewer.result_layers import provenance, result_layer, result_name
from napari_dip.viewer.unsaved import EVERY, keep

if TYPE_CHECKING:
    from napari_dip.job import Job
    from napari_dip.restoration import Restoration
    from napari_dip.viewer.regions import Region

__all__ = ["Growing", "Unseen"]

# Seconds from one picture to the next, at least.
PICTURE_EVERY = 0.25
GONE = (
    "The run of '{name}' goes on without its layer, which comes back with the result at the end. "
    "To end it now, press 'Stop and keep'."
)
# Drawing takes at most this part of the time: it and torch fight for the processor's cores.
DRAWING_PART = 0.05


@dataclass(frozen=True)
class InFile:
    """What a layer of a result in a file shows.

    Parameters
    ----------
    file
        The file.
    source, where
        The layer that was restored, and which part of it.
    shape
        The result's.
    """

    file: Path
    source: weakref.ref[Image]
    where: tuple[slice, ...]
    shape: tuple[int, ...]


# Layers of results in files, with what they show, and what they were called last.
IN_FILES: weakref.WeakKeyDictionary[Image, tuple[InFile, str]] = weakref.WeakKeyDictionary()


class Growing:
    """A result's layer, which comes into the viewer with the first picture.

    Parameters
    ----------
    viewer
        Where it goes.
    source
        The layer that is restored.
    guide
        The layer that guides the run, or None.
    region
        What of the source is restored.
    job
        The restoration.
    made
        Called with the layer before it comes into the viewer.

    Attributes
    ----------
    layer
        None before the first picture.
    """

    def __init__(
        self,
        viewer: Any,
        source: Image,
        guide: Image | None,
        region: Region,
        job: Job,
        made: Callable[[Image], object],
    ) -> None:
        self._viewer, self._source, self._guide, self._region = viewer, source, guide, region
        self._made = made
        self._job: Job | None = job
        self._task = job.task.name
        shown = (weakref.ref(source), region.where, job.shape)
        self._in_file = None if job.file is None else InFile(job.file, *shown)
        self.layer: Image | None = None
        self._due = 0.0
        self._copy_due = time.monotonic() + EVERY
        self._said_gone = False
        self._called, self._name = "", ""  # what the result was called, and what napari made of it

    def wants_picture(self, now: float) -> bool:
        """Whether it is time for another picture, which `draw` then is given."""
        due = now >= self._due and (self.layer is None or self.layer.visible)
        if due:
            self._due = float("inf")  # until this one is drawn
        return due

    def draw(self, picture: np.ndarray, progress: str) -> None:
        """Show a picture."""
        began = time.perf_counter()
        if self.layer is None:
            self._show(picture, progress)
        elif self.layer in self._viewer.layers:
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        # A timer of 0 comes before the paint that the refresh has asked for; one begun there comes after it.
        QTimer.singleShot(0, lambda: QTimer.singleShot(0, lambda: self._drawn(began)))

    def say_if_gone(self) -> None:
        """Say, once, that the run goes on where its layer was removed."""
        if self.layer is not None and not self._said_gone and self.layer not in self._viewer.layers:
            self._said_gone = True
            show_info(GONE.format(name=self._source.name))

    def _drawn(self, began: float) -> None:
        now = time.perf_counter()
        self._due = now + max(PICTURE_EVERY, (now - began) / DRAWING_PART)

    def _show(self, picture: np.ndarray, progress: str) -> None:
        """Put a picture into a layer of its own, or into that of the run whose file this one goes on with."""
        assert self._job is not None
        earlier = self._earlier()
        if earlier is None:
            self.layer = result_layer(self._region.layer, picture, self._job)
            self._called = self.layer.name = self._what_it_is(progress)
            show_before_on_key(self.layer, self._source, self._viewer)
        else:
            self.layer, self._name = earlier, IN_FILES[earlier][1]
            earlier.data = picture
        self._made(self.layer)
        if earlier is None:
            self._viewer.add_layer(self.layer)
            self._is_called()
        self.rename(progress)

    def _earlier(self) -> Image | None:
        """Return the layer that shows what an earlier run has made of the file that this one writes."""
        layers = self._viewer.layers if self._in_file is not None else ()
        return next((layer for layer in layers if IN_FILES.get(layer, (None,))[0] == self._in_file), None)

    def _is_called(self) -> None:
        """Remember what napari, which makes names unique, made of the layer's."""
        assert self.layer is not None
        self._name = self.layer.name
        if self._in_file is not None:
            IN_FILES[self.layer] = self._in_file, self._name

    def rename(self, progress: str) -> None:
        """Say on the layer how far it is, unless the user has given it a name."""
        called = self._what_it_is(progress)
        if self.layer is not None and called != self._called and self.layer.name == self._name:
            self._called = self.layer.name = called
            self._is_called()

    def _what_it_is(self, progress: str) -> str:
        return result_name(self._source.name, self._task, progress, self._region.said)

    def keep_now_and_then(self) -> None:
        """Copy what there is for the case that napari crashes, if the last copy is old."""
        if self.layer is not None and time.monotonic() > self._copy_due:
            self._copy_due = time.monotonic() + EVERY
            keep(self.layer)

    def finish(self, result: Restoration, progress: str = "") -> Image:
        """Show the result in the end, also where the layer was removed meanwhile; return the layer.

        The `progress` is what there is of it, where the run has ended early.
        """
        if self.layer is None:
            self._show(result.image, progress)
        assert self.layer is not None
        if self.layer.data is not result.image:
            self.layer.data = result.image
        if self.layer not in self._viewer.layers:
            self._viewer.add_layer(self.layer)
        self.rename(progress)
        self._note(result)
        keep(self.layer)
        self.layer.refresh()
        return self.layer

    def adjust(self, result: Restoration) -> None:
        """Show the result with another detail."""
        if self.layer is not None:
            self.layer.data = result.image
            self._note(result)

    def _note(self, result: Restoration) -> None:
        """Say on the layer how what it shows came about."""
        assert self.layer is not None
        guided = {} if self._guide is None else {"guide": self._guide.name}
        record = self._region.record | guided
        self.layer.metadata[KEY] = provenance(self._source, self._task, result, record)

    def let_go(self) -> None:
        """Forget the viewer and the job: a run's handle may outlive them, and must not keep them."""
        self._viewer = self._job = None


class Unseen(Growing):
    """Of a run that has no picture of its own: nothing to see until it is done."""

    def wants_picture(self, now: float) -> bool:
        return False

    def adjust(self, result: Restoration) -> None:
        pass
