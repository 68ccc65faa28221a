"""Layers that say which pixels are to be filled in: made to fit over an image, and watched while edited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils import CyclicLabelColormap
from napari.utils.notifications import show_warning
from psygnal import Signal
from qtpy.QtCore import QTimer
from skimage.measure import label as connected

from napari_dip.given import pixels_of
from napari_dip.images.axes import Axes
from napari_dip.images.damage import FINDINGS, Suggestion, suggest_mask, worst_damage
from napari_dip.images.masks import layer_mask
from napari_dip.viewer.background import Work, in_background
from napari_dip.viewer.layers import axes_of, unwrap

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = [
    "MASKS",
    "MaskWatch",
    "Suggestion",
    "damage_in",
    "filled_in",
    "follow_mask",
    "found",
    "label_entries",
    "mask_over",
    "new_mask",
    "paint_on",
    "read_mask",
    "suggestion_layer",
    "when_suggested",
]

# The kinds of layers that can be a mask.
MASKS = (Labels, Shapes)

# Which of the image's properties say where it lies, so that a mask with the same lies over it.
PLACE = ("scale", "translate", "rotate", "shear", "affine", "axis_labels", "units")

# What marks, in a layer's metadata, a mask that was made here.
KEY = "napari_dip_mask"

# Which findings are counted by areas, not by pixels, and what one of each is called.
AREAS = (2, 4)
ONE = {1: "hot or dead pixel", 2: "saturated area", 3: "missing value", 4: "line dropout"}

# What is painted on a suggested mask gets a label of its own.
BY_HAND = max(FINDINGS) + 1

# Of the labels from 0 on, again and again; seen on any image.
COLOURS = ("#00000000", "#ff5a36", "#ffc83d", "#3fa7ff", "#ff5cd6", "#3ddc84")

# A brush is this part of the image's shorter side, and no smaller than so many pixels.
BRUSH_PART, SMALLEST_BRUSH = 1 / 50, 3

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


def new_mask(image: Image, labels: np.ndarray | None = None, **look: Any) -> Labels:
    """Return a new layer over `image` with a pixel for each of its pixels, to mark what is to be filled in.

    A stack gets a mask with as many planes, so that each plane may have its own.

    Parameters
    ----------
    image
        An image layer.
    labels
        What is marked already, of the image's shape without its colours; None for nothing.
    **look
        More of what `napari.layers.Labels` takes.
    """
    if labels is None:
        labels = np.zeros(_grid(image), np.uint8)  # memory is taken where it is painted on
    _, state, _ = image.as_layer_data_tuple()
    place = {name: value for name, value in dict(state).items() if name in PLACE}
    usual = {
        "name": f"{image.name} mask",
        "opacity": 0.6,
        "metadata": {KEY: {"image": image.name}},
        "colormap": CyclicLabelColormap(colors=COLOURS),
    }
    layer = Labels(labels, **place, **(usual | look))
    layer.brush_size = max(SMALLEST_BRUSH, round(BRUSH_PART * min(layer.data.shape[-2:])))
    return layer


def mask_over(viewer: Any, image: Image, preferred: Layer | None = None) -> Labels | None:
    """Return a layer of `viewer` that `new_mask` made and that still lies over `image`, or None.

    Parameters
    ----------
    viewer
        The viewer.
    image
        An image layer.
    preferred
        The one that is returned if there are several; without it, the topmost.
    """
    masks = [
        layer for layer in reversed(viewer.layers) if isinstance(layer, Labels) and KEY in layer.metadata
    ]
    masks = [mask for mask in masks if _lies_over(mask, image)]
    return next((mask for mask in masks if mask is preferred), next(iter(masks), None))


def paint_on(viewer: Any, layer: Labels) -> None:
    """Select `layer` and take the brush in hand."""
    layer.visible = True
    viewer.layers.selection.active = layer
    if layer.selected_label == 0:
        layer.selected_label = 1
    layer.mode = "paint"


# ------------------------------------------------------------------------------------------ what a mask says


def read_mask(mask: Layer | None, image: Layer | None, labels: Any = None) -> tuple[np.ndarray | None, str]:
    """Return which pixels of `image` are to be filled in, or None and why there are none, in a sentence.

    Where there is no image or no mask, there is nothing to be said about it.
    """
    if mask is None or image is None:
        return None, ""
    try:
        return layer_mask(mask, image, labels), ""
    except (ValueError, TypeError) as error:
        return None, _sentence(error)


def label_entries(mask: Layer | None) -> dict[int, str]:
    """Return the labels that are there, each with what it is called and how many pixels it has."""
    if not isinstance(mask, Labels):
        return {}
    data = pixels_of(mask)
    counts: dict[int, int] = {}
    # Plane by plane: what is lazily loaded or memory-mapped need never be there as a whole.
    for index in np.ndindex(data.shape[:-2]):
        plane = np.asarray(data[index])
        for label, count in zip(*np.unique(plane[plane != 0], return_counts=True), strict=True):
            counts[int(label)] = counts.get(int(label), 0) + int(count)
    names = mask.metadata.get(KEY, {}).get("findings", {})
    return {
        label: f"{label}: {names[label]} ({count})"
        if label in names
        else f"{label} ({count} pixel{_s(count)})"
        for label, count in sorted(counts.items())
    }


def damage_in(mask: np.ndarray, axes: Axes) -> str:
    """Return the kind of damage that a run takes `mask`, as `read_mask` returns it, to be.

    Parameters
    ----------
    mask
        True where the image is to be filled in.
    axes
        The image's.
    """
    return worst_damage(mask, axes).kind


def filled_in(mask: np.ndarray) -> str:
    """Return how much of an image is to be filled in, in words."""
    percent = 100 * float(mask.mean())
    if percent < 0.1:
        number = int(np.count_nonzero(mask))
        return f"{number} pixel{_s(number)} to be filled in"
    return f"{percent:.1f}\N{NO-BREAK SPACE}% of it to be filled in"


# ------------------------------------------------------------------------------------------- a suggested mask


def when_suggested(
    image: Image, ready: Callable[[Suggestion], Any], failed: Callable[[Exception], Any]
) -> Work:
    """Look in the background for what seems damaged; then call one of these in the main thread.

    Return the worker, which the caller holds as long as it wants to be called.
    """
    axes, _ = axes_of(image)
    return in_background(suggest_mask, pixels_of(image), axes, then=ready, failed=failed)


def suggestion_layer(image: Image, suggestion: Suggestion) -> Labels:
    """Return a mask layer with what was found, each kind of it with a label and a name of its own."""
    names = {label: FINDINGS[label] for label in suggestion.counts} | {BY_HAND: "painted"}
    layer = new_mask(
        image,
        suggestion.labels,
        name=f"{image.name} suggested mask",
        metadata={KEY: {"findings": names}},
        # napari shows it in the status bar, of the pixel under the pointer
        features={"index": [0, *names], "found": ["nothing", *names.values()]},
    )
    layer.selected_label = BY_HAND
    return layer


def found(suggestion: Suggestion) -> str:
    """Return what was found, in a sentence."""
    if not suggestion.counts:
        return "Nothing that looks damaged was found."
    parts = []
    for label, count in suggestion.counts.items():
        number = _areas(suggestion.labels == label) if label in AREAS else count
        parts.append(f"{number} {FINDINGS[label] if number > 1 else ONE[label]}")
    return f"Found {', '.join(parts)}. Correct the mask with the brush and the eraser."


def _areas(mask: np.ndarray) -> int:
    """Return how many separate areas there are, plane by plane."""
    return sum(connected(mask[i], return_num=True)[1] for i in np.ndindex(mask.shape[:-2]) if mask[i].any())


# -------------------------------------------------------------------------------------------- a mask's edits


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
        self._usable = True
        self._now, _ = read_mask(self._mask, run.region.layer, labels)
        self._sight = _InSight(self._mask, run._viewer.layers)
        self._watch = MaskWatch(self._mask, run.source)
        self._watch.changed.connect(self._on_changed)
        run.updated.connect(self._on_updated)
        run.finished.connect(self._on_finished)

    def _on_changed(self) -> None:
        mask, why_not = read_mask(self._mask, self._run.region.layer, self._labels)
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
        self._watch.let_go()
        self._sight.give_back()
        _FOLLOWERS.remove(self)


class _InSight:
    """Keeps a mask in sight and in hand while its run goes on, and lets the result be seen under it."""

    def __init__(self, mask: Layer, layers: Any) -> None:
        self._mask, self._layers = mask, layers
        self._result: Image | None = None

    def keep(self, result: Image) -> None:
        """A result comes on top and is selected: put the mask's outline above it, and select it again."""
        if self._result is not None or not {self._mask, result} <= set(self._layers):
            return
        self._result = result
        self._raise(self._mask, result)
        if str(self._mask.mode) != "pan_zoom":
            self._layers.selection.active = self._mask
        if isinstance(self._mask, Labels) and self._mask.contour == 0:
            self._mask.contour = OUTLINE

    def give_back(self) -> None:
        """Put the result, which is whole now, on top, and the mask as it was."""
        if self._result is None:
            return
        if {self._mask, self._result} <= set(self._layers):
            self._raise(self._result, self._mask)
        if isinstance(self._mask, Labels) and self._mask.contour == OUTLINE:
            self._mask.contour = 0

    def _raise(self, layer: Layer, above: Layer) -> None:
        here, there = self._layers.index(layer), self._layers.index(above)
        if here < there:
            self._layers.move(here, there + 1)


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


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _sentence(error: Exception) -> str:
    """Return an error's words as a sentence that stands by itself."""
    words = str(error)
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _grid(image: Image) -> tuple[int, ...]:
    """Return the shape of an image layer without its colours."""
    data = pixels_of(image)
    return tuple(data.shape[: image.ndim])


def _lies_over(mask: Labels, image: Image) -> bool:
    return tuple(mask.data.shape) == _grid(image) and all(
        np.allclose(getattr(mask, name), getattr(image, name)) for name in ("scale", "translate")
    )
