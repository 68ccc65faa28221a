"""Resolution by Fourier ring correlation: down to which period does an image agree with the truth?"""

from __future__ import annotations

import numpy as np

# Of a ring's amplitude, half is the truth's.
THRESHOLD = 0.5


def correlations(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rings' frequencies, in cycles a pixel, and the correlations on them."""
    window = np.outer(*(np.hanning(size) for size in truth.shape))
    a, b = (np.fft.fft2((picture - picture.mean()) * window) for picture in (image, truth))
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(size) for size in truth.shape), indexing="ij"))
    side = min(truth.shape)
    rings = np.rint(frequency * side).astype(int).ravel()

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(rings, values.ravel())[1 : side // 2]

    cross = total((a * b.conj()).real) / np.sqrt(total(abs(a) ** 2) * total(abs(b) ** 2))
    return np.arange(1, side // 2) / side, cross


def resolution(image: np.ndarray, truth: np.ndarray, threshold: float = THRESHOLD) -> float:
    """Return the period in pixels at which the correlation, smoothed over three rings, first falls below."""
    frequency, cross = correlations(image, truth)
    smooth = np.convolve(np.pad(cross, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    below = np.flatnonzero(smooth < threshold)
    if not below.size:
        return 1 / float(frequency[-1])
    at = int(below[0])
    if at == 0:
        return 1 / float(frequency[0])
    high, low = smooth[at - 1], smooth[at]
    part = (high - threshold) / (high - low)
    return 1 / float(frequency[at - 1] + part * (frequency[at] - frequency[at - 1]))
