"""A result in a notebook: a small picture of it, and some facts."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "as_html", "picture_of", "small"]

LARGEST = 256
"""Pixels along the longer side of a picture, at most."""

# Percentiles of the intensities that are shown black and white.
CONTRAST = (0.5, 99.5)
LEFT = 'style="text-align: left"'


def as_html(image: Any, axes: str, facts: Mapping[str, str]) -> str:
    """Return a table of facts beside a small picture of an image, where one can be made.

    Parameters
    ----------
    image
        The array, or None for no picture.
    axes
        A letter for each of its axes.
    facts
        What is said, and what about it.
    """
    picture = ""
    try:
        if image is not None:
            data = base64.b64encode(picture_of(image, axes)).decode()
            picture = f'<td><img alt="the result" src="data:image/png;base64,{data}"></td>'
    except Exception:  # a file that is gone, say: no reason for a notebook to show nothing at all
        picture = ""
    rows = "".join(
        f"<tr><th {LEFT}>{escape(name)}</th><td {LEFT}>{escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><tr>{picture}<td><table>{rows}</table></td></tr></table>"


def picture_of(image: Any, axes: str) -> bytes:
    """Return a PNG picture of an image's plane, of a stack the middle one."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(small(image, axes)).save(file, format="PNG")
    return file.getvalue()


def small(image: Any, axes: str) -> NDArray[np.uint8]:
    """Return a plane of an image, of 256 pixels at most along each side, with its contrast stretched.

    Parameters
    ----------
    image
        Its array, of which no more than a plane is read.
    axes
        A letter for each of its axes; the last two are Y and X where they are not said.
    """
    shape = image.shape
    axes = axes if len(axes) == len(shape) else "Q" * (len(shape) - 2) + "YX"
    coloured = axes[-1] in "CS" and shape[-1] in (3, 4)
    kept = {axes.rindex("Y"), axes.rindex("X"), *([len(shape) - 1] if coloured else [])}
    index = tuple(slice(None) if axis in kept else size // 2 for axis, size in enumerate(shape))
    plane = np.asarray(image[index])
    if axes.index("X") < axes.index("Y"):
        plane = plane.swapaxes(0, 1)
    step = -(-max(plane.shape[:2]) // LARGEST)
    plane = _binned(plane[..., :3] if coloured else plane, step)
    low, high = np.percentile(plane[np.isfinite(plane)], CONTRAST)
    scaled = (np.nan_to_num(plane, nan=low) - low) / max(high - low, 1e-30)
    shown: NDArray[np.uint8] = (255 * scaled.clip(0, 1)).round().astype(np.uint8)
    return shown


def _binned(plane: NDArray[Any], step: int) -> NDArray[np.float64]:
    """Return the means of squares of `step` pixels; what is left over at the ends is not seen."""
    height, width = (size // step * step for size in plane.shape[:2])
    if not height or not width:  # a line
        return plane[::step, ::step].astype(float)
    blocks = plane[:height, :width].astype(float)
    blocks = blocks.reshape(height // step, step, width // step, step, *plane.shape[2:])
    means: NDArray[np.float64] = blocks.mean(axis=(1, 3))
    return means
