"""The generalised Anscombe transform and its exact unbiased inverse, for rivals that expect Gaussian noise.

References
----------
.. [1] Mäkitalo, Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian
   noise", IEEE Transactions on Image Processing 22(1), 2013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

from napari_dip.engine.noise import Noise

# Above so many photons the closed-form approximation is as good as the exact inverse.
MANY = 200.0


@dataclass(frozen=True)
class Anscombe:
    """The transform for one kind of noise: what comes out has Gaussian noise of standard deviation 1, nearly.

    In photons, ``p = (x - offset) / gain`` with a Gaussian part ``s = read_noise / gain``, it is
    ``2 * sqrt(p + 3/8 + s**2)``.
    """

    noise: Noise

    @property
    def _sigma(self) -> float:
        return self.noise.read_noise / self.noise.gain

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Transform an image."""
        return self._root((image - self.noise.offset) / self.noise.gain)

    def _root(self, photons: np.ndarray) -> np.ndarray:
        return 2 * np.sqrt(np.maximum(photons + 3 / 8 + self._sigma**2, 0))

    def inverse(self, transformed: np.ndarray) -> np.ndarray:
        """Return the image whose noisy versions have this mean after the transform."""
        few = np.concatenate([[0], np.geomspace(1e-3, MANY, 400)])
        means = self._mean(few)
        photons = np.interp(transformed, means, few)
        # Equation 10 of [1], for many photons.
        d = np.maximum(transformed, means[-1])
        root = np.sqrt(3 / 2)
        many = d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8 - self._sigma**2
        photons = np.where(transformed > means[-1], many, photons)
        return self.noise.gain * photons + self.noise.offset

    def _mean(self, photons: np.ndarray) -> np.ndarray:
        """Return the expected value of the transform where this many photons are expected."""
        counts = np.arange(int(MANY + 10 * np.sqrt(MANY)))
        nodes, weights = np.polynomial.hermite_e.hermegauss(31)
        of_counts = self._root(counts[:, None] + self._sigma * nodes) @ weights / weights.sum()
        return poisson.pmf(counts, photons[:, None]) @ of_counts
