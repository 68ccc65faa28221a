"""*File > Open Sample > Deep Image Prior*: noisy captures, synthetic images with their truth, a JPEG.

The captures and the photograph travel inside scikit-image, so nothing is downloaded.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from napari_dip.images import synthetic

LayerData = tuple[Any, dict[str, Any], str]


def fluorescence() -> list[LayerData]:
    """Cells with nuclei, filaments and puncta at 30 photons, and their truth as a hidden layer.

    See :func:`napari_dip.images.synthetic.fluorescence`.
    """
    noisy, truth = synthetic.fluorescence()
    grid = {
        "scale": (synthetic.PIXEL_SIZE, synthetic.PIXEL_SIZE),
        "units": ("micrometer", "micrometer"),
        "axis_labels": ("y", "x"),
        "contrast_limits": (synthetic.OFFSET, float(truth.max())),
        "colormap": "gray",
    }
    return [
        (truth, {**grid, "name": "Fluorescence, truth", "visible": False}, "image"),
        (noisy, {**grid, "name": "Fluorescence"}, "image"),
    ]


def retina() -> list[LayerData]:
    """Vessels and microaneurysms in the green channel of a fundus camera, with its noise.

    A detail of 07_dr.JPG from the High-Resolution Fundus Image Database (Budai et al., International
    Journal of Biomedical Imaging 2013, doi:10.1155/2013/154860), given under CC0 by Andreas Maier.
    """
    return [(data.microaneurysms(), {"name": "Retina", "axis_labels": ("y", "x")}, "image")]


def deep_field() -> list[LayerData]:
    """Galaxies as bright spots in a grainy dark: a detail of the Hubble eXtreme Deep Field, its red channel.

    The image was captured by NASA and may be used freely as public domain. It has been through JPEG,
    so its noise is slightly correlated between neighbouring pixels.
    """
    red = data.hubble_deep_field()[200:456, 200:456, 0]
    return [(red, {"name": "Deep field", "axis_labels": ("y", "x"), "contrast_limits": (0, 160)}, "image")]


def jpeg() -> list[LayerData]:
    """A photograph that was saved as a JPEG of quality 10, and the photograph as it was, hidden.

    The camera operator of scikit-image, given under CC0 by Lav Varshney.
    """
    original = data.camera()[64:320, 128:384]
    file = io.BytesIO()
    Image.fromarray(original).save(file, "JPEG", quality=10)
    look = {"axis_labels": ("y", "x"), "contrast_limits": (0, 255)}
    return [
        (original, {**look, "name": "Camera, original", "visible": False}, "image"),
        (np.asarray(Image.open(file)), {**look, "name": "Camera (JPEG, quality 10)"}, "image"),
    ]


def beads() -> list[LayerData]:
    """A stack of beads and filaments whose Z step is 4 times the pixel size, and its truth, hidden.

    See :func:`napari_dip.images.synthetic.beads`. The two lie over each other: the first planes of the truth,
    of which the first slice is made, lie around that slice's centre.
    """
    coarse, truth = synthetic.beads()
    factor, size = len(truth) // len(coarse), synthetic.PIXEL_SIZE
    look = {
        "units": ("micrometer",) * 3,
        "axis_labels": ("z", "y", "x"),
        "contrast_limits": (synthetic.OFFSET, synthetic.OFFSET + 0.4 * float(truth.max() - synthetic.OFFSET)),
        "colormap": "gray",
    }
    fine = {"scale": (size,) * 3, "translate": ((1 - factor) / 2 * size, 0, 0)}
    return [
        (truth, {**look, **fine, "name": "Beads, truth", "visible": False}, "image"),
        (coarse, {**look, "scale": (factor * size, size, size), "name": "Beads"}, "image"),
    ]
