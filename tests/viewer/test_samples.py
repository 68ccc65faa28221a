"""*File > Open Sample > Deep Image Prior*, as napari opens it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest

from napari_dip.images.synthetic import PIXEL_SIZE, beads

MANIFEST = PluginManifest.from_distribution("napari-dip")
SAMPLES = [sample.key for sample in MANIFEST.contributions.sample_data]


@pytest.fixture
def viewer():
    manager = PluginManager.instance()
    if MANIFEST.name not in manager:
        manager.register(MANIFEST)
    return ViewerModel()


def test_five_samples_are_offered():
    assert SAMPLES == ["fluorescence", "retina", "deep_field", "beads", "jpeg"]


@pytest.mark.parametrize("key", SAMPLES)
def test_a_sample_opens_as_a_noisy_plane_or_volume(viewer, key):
    layers = viewer.open_sample("napari-dip", key)
    shown = [layer for layer in layers if layer.visible]
    assert [layer.ndim for layer in shown] == [3 if key == "beads" else 2]
    assert viewer.layers.selection.active is shown[0]  # ready for a task
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


def test_the_bead_stack_lies_over_its_truth(viewer):
    truth, coarse = viewer.open_sample("napari-dip", "beads")
    assert not truth.visible
    assert coarse.visible
    assert coarse.data.dtype == np.uint16
    np.testing.assert_allclose(coarse.scale, (4 * PIXEL_SIZE, PIXEL_SIZE, PIXEL_SIZE))
    for layer in (truth, coarse):
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
        assert layer.axis_labels == ("z", "y", "x")
    # From corner to corner, and a slice with the middle of the planes that it was made from.
    np.testing.assert_allclose(truth.data_to_world((-0.5,) * 3), coarse.data_to_world((-0.5,) * 3))
    ends = [np.array(layer.data.shape) - 0.5 for layer in (truth, coarse)]
    np.testing.assert_allclose(truth.data_to_world(ends[0]), coarse.data_to_world(ends[1]))
    np.testing.assert_allclose(truth.data_to_world((21.5, 7, 9)), coarse.data_to_world((5, 7, 9)))


def test_structures_of_the_bead_stack_lie_over_those_of_its_truth():
    coarse, truth = (volume.astype(float) for volume in beads())
    # Shifted by a plane either way, the truth explains the stack less.
    seen = [np.roll(truth, shift, 0).reshape(16, 4, 96, 96).mean(1)[1:-1] for shift in (-1, 0, 1)]
    errors = [np.square(shifted - coarse[1:-1]).mean() for shifted in seen]
    assert errors[1] < min(errors[0], errors[2])
