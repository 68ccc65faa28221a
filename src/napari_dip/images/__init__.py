"""What pictures need around the engine: their axes, intensities, noise, files. No napari, no Qt, no torch."""
