"""What a JPEG file knows of its picture: between which two numbers each cosine's part of a block lies."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy.fft import dctn, idctn

__all__ = ["BLOCK", "quality_of", "quantisation_at", "quantisation_of", "within_steps"]

BLOCK = 8
# JPEG's pixels are counted from here before they are transformed.
ZERO = 128.0
# A number is rounded to the same step within half a step on each side; a little less, so that it still is
# when the pixels have been rounded.
WITHIN = 0.48


def quantisation_of(path: str | os.PathLike[str] | io.BytesIO) -> list[list[int]] | None:
    """Return the steps of a grey JPEG file's cosines, 8 x 8, by rows; None for any other file.

    Colours are stored as brightness and two differences of fewer pixels, of which a restored picture's own
    can't be told.
    """
    try:
        opened = path if isinstance(path, io.BytesIO) else os.path.expanduser(path)
        with Image.open(opened, formats=("JPEG",)) as picture:
            if picture.mode != "L":
                return None
            table = next(iter(picture.quantization.values()))  # type: ignore[attr-defined]
    except (OSError, Image.DecompressionBombError):
        return None
    return np.reshape(table, (BLOCK, BLOCK)).tolist()  # type: ignore[no-any-return]


def quantisation_at(quality: int) -> list[list[int]]:
    """Return the steps of the cosines of a grey picture that most programs save at a quality, 1 to 100."""
    file = io.BytesIO()
    Image.new("L", (BLOCK, BLOCK)).save(file, "JPEG", quality=quality)
    file.seek(0)
    table = quantisation_of(file)
    assert table is not None
    return table


def quality_of(table: list[list[int]]) -> int | None:
    """Return the quality at which most programs take these steps, or None where it is none."""
    return next((quality for quality in range(100, 0, -1) if quantisation_at(quality) == table), None)


def within_steps(
    restored: ArrayLike, decoded: ArrayLike, table: ArrayLike, start: Sequence[int] = (0, 0)
) -> NDArray[np.float64]:
    """Return the picture nearest to a restored one that would have been stored as the same numbers.

    Parameters
    ----------
    restored, decoded : array_like, shape (..., Y, X)
        What was made of the picture, and how the file shows it, 0 to 255.
    table : array_like, shape (8, 8)
        The steps of the cosines.
    start : sequence of int
        Where the first pixel lies in the picture. Blocks that are cut off are left as they are.
    """
    result = np.array(restored, dtype=np.float64)
    shape = result.shape[-2:]
    first = [-at % BLOCK for at in start]
    last = [f + (size - f) // BLOCK * BLOCK for f, size in zip(first, shape, strict=True)]
    whole: tuple[Any, ...] = (..., *(slice(f, end) for f, end in zip(first, last, strict=True)))
    if any(end <= f for f, end in zip(first, last, strict=True)):
        return result
    steps = np.asarray(table, dtype=np.float64)
    stored = np.rint(_cosines(np.asarray(decoded, dtype=np.float64)[whole]) / steps)
    wanted = _cosines(result[whole]) / steps
    result[whole] = _pixels(wanted.clip(stored - WITHIN, stored + WITHIN) * steps)
    return result


def _cosines(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosines of each block, (..., blocks down, blocks across, 8, 8)."""
    *before, height, width = pixels.shape
    blocks = pixels.reshape(*before, height // BLOCK, BLOCK, width // BLOCK, BLOCK).swapaxes(-3, -2)
    return np.asarray(dctn(blocks - ZERO, axes=(-2, -1), norm="ortho"))


def _pixels(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    blocks: Any = (idctn(cosines, axes=(-2, -1), norm="ortho") + ZERO).swapaxes(-3, -2)
    *before, down, _, across, _ = blocks.shape
    return np.asarray(blocks.reshape(*before, down * BLOCK, across * BLOCK))
