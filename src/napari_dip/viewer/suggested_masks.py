"""A mask that is suggested: what seems damaged is looked for in the background, and a layer to correct."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from skimage.measure import label as connected

from napari_dip.given import pixels_of
from napari_dip.images.suggestions import FINDINGS, Suggestion, suggest_mask
from napari_dip.viewer.background import Work, in_background
from napari_dip.viewer.layers import axes_of
from napari_dip.viewer.masks import KEY, lies_over, new_mask

__all__ = ["Suggestion", "found", "suggested_before", "suggestion_layer", "when_suggested"]

# Which findings are counted by areas, not by pixels, and what one of each is called.
AREAS = (2, 4)
ONE = {1: "hot or dead pixel", 2: "saturated area", 3: "missing value", 4: "line dropout"}

# What is painted on a suggested mask gets a label of its own.
BY_HAND = max(FINDINGS) + 1


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


def suggested_before(viewer: Any, image: Image, suggestion: Suggestion) -> Labels | None:
    """Return a layer of `viewer` that holds the same suggestion for `image`, unedited; None without one."""
    for mask in viewer.layers:
        suggested = isinstance(mask, Labels) and "findings" in mask.metadata.get(KEY, {})
        if suggested and lies_over(mask, image) and np.array_equal(mask.data, suggestion.labels):
            return mask
    return None


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
