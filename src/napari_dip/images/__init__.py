"""What pictures need around the engine: their axes, intensities and noise. No napari, no Qt, no torch."""

from napari_dip.images.axes import Axes
from napari_dip.images.intensities import Intensities, check_image
from napari_dip.images.noise import Noise, estimate_noise

__all__ = ["Axes", "Intensities", "Noise", "check_image", "estimate_noise"]
