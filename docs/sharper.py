"""Make the pictures of docs/deconvolution.md, guides.md and jpeg.md, in docs/images.

python docs/sharper.py [deconvolve | guided | deblock ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from drawn import cells, save
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage import data

import napari_dip as dip
from napari_dip.images.psf import Optics

SIZE = 128


def deconvolve() -> None:
    """Cells through an objective of low aperture, 100 photons at the brightest point, and the truth."""
    optics = {"numerical_aperture": 0.8, "wavelength": 0.52, "refractive_index": 1.0, "pixel_size": 0.1}
    psf = Optics(**optics).array(2)
    around = psf.shape[0] // 2
    truth = cells(SIZE + 2 * around)
    counted = np.random.default_rng(0).poisson(100 * fftconvolve(truth, psf, mode="valid").clip(0))
    sharp = dip.deconvolve(counted.astype("uint16"), optics, dtype="float32")
    save("deconvolve", [counted / 100, sharp.image / 100, truth[around:-around, around:-around]])


def guided() -> None:
    """Six photons of a stain, by itself and guided by another one, and the guide."""
    rng = np.random.default_rng(0)
    truth = cells(SIZE)
    rings = np.zeros((SIZE, SIZE))
    for y, x in rng.integers(10, SIZE - 10, (9, 2)):
        distance = np.hypot(*(np.indices(rings.shape) - np.reshape((y, x), (2, 1, 1))))
        rings += np.exp(-((distance - 6) ** 2))
    counted = rng.poisson(6 * truth).astype("uint16")
    guide = rng.poisson(300 * (0.6 * gaussian_filter(truth, 0.5) ** 0.7 + 0.3 * rings.clip(0, 1)))
    alone = dip.denoise(counted, dtype="float32")
    helped = dip.denoise(counted, guide=guide, dtype="float32")
    save("guided", [counted / 6, alone.image / 6, helped.image / 6, guide / guide.max()])


def deblock() -> None:
    """A part of the camera picture in a JPEG file of quality 10, freed of its blocks, and the original."""
    truth = data.camera()[64 : 64 + SIZE, 192 : 192 + SIZE]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "camera.jpg"
        Image.fromarray(truth).save(path, quality=10)
        restored = dip.deblock(path)
        save("deblock", [np.asarray(Image.open(path)) / 255, restored.image / 255, truth / 255])


PICTURES = {"deconvolve": deconvolve, "guided": guided, "deblock": deblock}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
