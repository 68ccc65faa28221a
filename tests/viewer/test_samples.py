"""*File > Open Sample > Deep Image Prior*, as napari opens it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest

from napari_dip.images.synthetic import PIXEL_SIZE

MANIFEST = PluginManifest.from_distribution("napari-dip")
SAMPLES = [sample.key for sample in MANIFEST.contributions.sample_data]


@pytest.fixture
def viewer():
    manager = PluginManager.instance()
    if MANIFEST.name not in manager:
        manager.register(MANIFEST)
    return ViewerModel()


def test_three_samples_are_offered():
    assert SAMPLES == ["fluorescence", "retina", "deep_field"]


@pytest.mark.parametrize("key", SAMPLES)
def test_a_sample_opens_as_a_noisy_plane(viewer, key):
    layers = viewer.open_sample("napari-dip", key)
    shown = [layer for layer in layers if layer.visible]
    assert [layer.ndim for layer in shown] == [2]
    assert viewer.layers.selection.active is shown[0]  # ready for Denoise
    low, high = shown[0].contrast_limits
    assert np.mean((shown[0].data >= low) & (shown[0].data <= high)) > 0.6


def test_the_fluorescence_sample_brings_its_truth_and_its_pixel_size(viewer):
    truth, noisy = viewer.open_sample("napari-dip", "fluorescence")
    assert not truth.visible
    assert noisy.visible
    assert noisy.data.dtype == np.uint16
    for layer in (truth, noisy):
        np.testing.assert_allclose(layer.scale, PIXEL_SIZE)
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    assert noisy.data.mean() == pytest.approx(truth.data.mean(), rel=0.01)
