"""Masks of known damage, for the benchmarks of inpainting."""

from __future__ import annotations

import numpy as np
from skimage.draw import line


def half(shape: tuple[int, int]) -> np.ndarray:
    """Half of the pixels, at random."""
    return np.random.default_rng(0).random(shape) < 0.5


def text(shape: tuple[int, int]) -> np.ndarray:
    """Lines of letters with strokes 3 to 4 pixels wide, and six scratches 3 to 6 pixels wide."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("L", shape[::-1], 0)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(26)
    for number, top in enumerate(range(12, shape[0] - 40, 64)):
        pen.text(
            (6 + 9 * (number % 3), top), "It was there\u2026 or was it?", font=font, fill=255, stroke_width=1
        )
    mask = np.asarray(page) > 127
    rng = np.random.default_rng(1)
    for width in (3, 3, 4, 4, 5, 6):
        (r0, r1), (c0, c1) = (rng.integers(0, size, 2) for size in shape)
        mask |= scratch(shape, (r0, c0), (r1, c1), width)
    return mask


def scratch(shape: tuple[int, int], start: tuple[int, int], end: tuple[int, int], width: int) -> np.ndarray:
    """A straight line of this width."""
    from scipy.ndimage import distance_transform_edt

    mask = np.zeros(shape, bool)
    mask[line(*start, *end)] = True
    return np.asarray(distance_transform_edt(~mask) <= (width - 1) / 2)


def hole(shape: tuple[int, int], side: int = 48) -> np.ndarray:
    """A square in the middle."""
    mask = np.zeros(shape, bool)
    mask[tuple(slice((size - side) // 2, (size + side) // 2) for size in shape)] = True
    return mask


DAMAGE = {"half": half, "text": text, "hole": hole}
