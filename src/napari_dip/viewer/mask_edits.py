"""A mask that is edited: told of each edit, and taken over by a live run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps.standardize_color import transform_color
from napari.utils.notifications import show_warning
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_dip.given import pixels_of
from napari_dip.images.prints import print_of
from napari_dip.viewer.layers import unwrap
from napari_dip.viewer.masks import raise_up, read_mask

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = ["MaskWatch", "follow_mask"]

# Pixels, of the outline that is left of a mask while the pixels in it are filled in.
OUTLINE = 1

# Milliseconds after an edit at which it is told, with all that follow meanwhile.
TOLD_AFTER = 50
# Telling takes at most this part of the main thread's time, however large the mask is.
TELLING_PART = 0.2

# What a layer emits when its pixels may have changed. A stroke of the brush under way and a fill emit
# `labels_update`; a stroke's end and `Labels.data_setitem`, `paint`; undo, redo, `Layer.refresh` and the
# vertices of shapes, `set_data`, which also comes when another plane is shown; a new array, `data`, as shapes
# do when one is added, moved or removed.
EDITED = ("labels_update", "paint", "set_data", "data")
MOVED = ("scale", "translate", "rotate", "shear", "affine")


class MaskWatch:
    """Tells that a mask may have changed: soon, and while a stroke is being drawn, not only at its end.

    Parameters
    ----------
    mask
        The layer that is edited.
    image
        The layer that it lies over; what moves one against the other is a change of the mask too.

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted in the main thread, some times a second at the most.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, mask: Layer, image: Layer) -> None:
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOLD_AFTER)
        self._timer.timeout.connect(self._tell)
        edited = [getattr(mask.events, name) for name in EDITED if hasattr(mask.events, name)]
        moved = [getattr(layer.events, name) for layer in (mask, image) for name in MOVED]
        self._events = edited + moved
        for event in self._events:
            event.connect(self._on_edit)

    def let_go(self) -> None:
        """Watch no more."""
        with suppress(RuntimeError):  # at the program's end Qt may have deleted it
            self._timer.stop()
        while self._events:
            self._events.pop().disconnect(self._on_edit)

    def _on_edit(self, event: object = None) -> None:
        # Later edits do not put it off, and it comes when the layer has taken the edit over: `paint` is
        # emitted before that.
        if not self._timer.isActive():
            self._timer.start()

    def _tell(self) -> None:
        began = time.perf_counter()
        self.changed.emit()
        taken = time.perf_counter() - began
        self._timer.setInterval(max(TOLD_AFTER, round(1000 * taken / TELLING_PART)))


class _Follower:
    """What lets a run follow its mask, for as long as it lives."""

    def __init__(self, run: Run, mask: Layer, labels: Any) -> None:
        self._run, self._mask, self._labels = run, unwrap(mask), labels
        self._now, _ = self._read()
        self._usable = self._now is not None
        self._sight = _InSight(self._mask, run._viewer)
        self._watch = MaskWatch(self._mask, run.source)
        self._watch.changed.connect(self._on_changed)
        run.updated.connect(self._on_updated)
        run.finished.connect(self._on_finished)

    def _read(self) -> tuple[np.ndarray | None, str]:
        """Return what the mask says of what the run restores, which may lie elsewhere by now."""
        region = self._run.region
        if tuple(pixels_of(region.source).shape) != region.shape:
            return None, "The image has another shape now."
        return read_mask(self._mask, replace(region).layer, self._labels)

    def _on_changed(self) -> None:
        mask, why_not = self._read()
        if why_not and self._usable:
            show_warning(f"The run keeps its last mask. {why_not}")
        self._usable = mask is not None
        if mask is None or (self._now is not None and np.array_equal(mask, self._now)):
            return  # nothing usable, or nothing new: another plane was shown
        self._now = mask
        self._run.change_mask(mask)

    def _on_updated(self) -> None:
        if self._run.layer is not None:
            self._sight.keep(self._run.layer)

    def _on_finished(self) -> None:
        self._run.masked = "" if self._now is None else print_of(self._now)
        self._watch.let_go()
        self._sight.give_back()
        _FOLLOWERS.remove(self)


class _InSight:
    """Keeps a mask in sight and in hand while its run goes on, and lets the result be seen under it."""

    def __init__(self, mask: Layer, viewer: Any) -> None:
        self._mask, self._viewer = mask, viewer
        self._result: Image | None = None
        self._look_back: Callable[[], None] = _nothing

    def keep(self, result: Image) -> None:
        """A result comes on top and is selected: put the mask's outline above it, and select it again."""
        if self._result is not None or not {self._mask, result} <= set(self._viewer.layers):
            return
        self._result = result
        raise_up(self._viewer, self._mask, result)
        if str(self._mask.mode) != "pan_zoom":
            self._viewer.layers.selection.active = self._mask
        self._look_back = _outlined(self._mask)

    def give_back(self) -> None:
        """Put the result, which is whole now, on top, and the mask as it was."""
        if self._result is not None and {self._mask, self._result} <= set(self._viewer.layers):
            raise_up(self._viewer, self._result, self._mask)
        self._look_back()


def _outlined(mask: Layer) -> Callable[[], None]:
    """Show no more of a mask than its outline; return what shows the rest again, as far as it is still so."""
    if isinstance(mask, Labels):
        return _labels_outlined(mask)
    return _shapes_outlined(mask)


def _labels_outlined(mask: Labels) -> Callable[[], None]:
    if mask.contour != 0:
        return _nothing

    def back() -> None:
        if mask.contour == OUTLINE:
            mask.contour = 0

    mask.contour = OUTLINE
    return back


def _shapes_outlined(mask: Shapes) -> Callable[[], None]:
    """Shapes keep their colours, and lose what makes them opaque; so do those that are drawn meanwhile."""
    drawn_with = transform_color(mask.current_face_color)[0]
    before = np.array(mask.face_color)  # napari changes its own in place
    opacities = {tuple(colour[:3]): colour[3] for colour in (*before, drawn_with)}

    def show(of_shapes: Sequence[float], to_draw_with: float) -> None:
        faces = [[*colour[:3], alpha] for colour, alpha in zip(mask.face_color, of_shapes, strict=True)]
        to_draw = transform_color(mask.current_face_color)[0]
        to_draw[3] = to_draw_with
        mask.current_face_color = to_draw
        if faces:
            mask.face_color = np.array(faces)

    def back() -> None:
        now = [*mask.face_color]
        # Shapes that are there since before lie where they did, if none was removed.
        same = len(now) >= len(before) and all(
            np.array_equal(one[:3], other[:3]) for one, other in zip(now, before, strict=False)
        )
        old = [float(colour[3]) for colour in before] if same else []
        alphas = [float(one[3]) or opacities.get(tuple(one[:3]), 1.0) for one in now]
        for n, alpha in enumerate(old):
            alphas[n] = float(now[n][3]) or alpha
        drawn = transform_color(mask.current_face_color)[0]
        show(alphas, float(drawn[3]) or opacities.get(tuple(drawn[:3]), 1.0))

    show([0.0] * len(before), 0.0)
    return back


def _nothing() -> None:
    """Do nothing."""


# An event holds no strong reference to whom it tells.
_FOLLOWERS: list[_Follower] = []


def follow_mask(run: Run, mask: Layer, labels: Any = None) -> None:
    """Let a live run take over every edit of its mask, until it ends.

    Where the mask becomes unusable, as one that is empty is, the user is told once, and the run goes on with
    the last usable one; so it does when the layer is removed.

    Parameters
    ----------
    run
        A run that fills in pixels of its source.
    mask
        The Labels or Shapes layer that the run was begun with.
    labels
        Which labels count, as `napari_dip.images.masks.layer_mask` takes them.
    """
    run.mask = unwrap(mask), labels
    if not run.done:
        _FOLLOWERS.append(_Follower(run, mask, labels))
