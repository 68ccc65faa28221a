"""What was removed, as a layer."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_dip.viewer import denoise, inpaint
from napari_dip.viewer.over_results import SEE_BELOW
from napari_dip.viewer.removed import show_removed
from napari_dip.viewer.words import looks_like_noise

SHORT = {"iterations": 12, "seed": 1}


def test_it_is_the_image_less_the_result_and_follows_the_detail(viewer, noisy, notifications):
    source = viewer.add_image(noisy, name="cell", scale=(0.5, 0.25), translate=(3, 4), units="um")
    run = denoise(viewer, source, **SHORT)
    result = run.wait()
    listeners = len(run.updated)
    layer = show_removed(viewer, run)
    assert layer.name == "cell [removed]"
    np.testing.assert_array_equal(layer.data, noisy.astype("f4") - result.image)
    np.testing.assert_array_equal(layer.data_to_world((5, 7)), source.data_to_world((5, 7)))
    assert layer.units == source.units
    np.testing.assert_allclose(layer.contrast_limits, (-3 * result.noise, 3 * result.noise), rtol=1e-5)
    assert layer.metadata["napari_dip"]["structure"] == result.structure
    assert notifications[-1].message == f"{looks_like_noise(result.structure)} {SEE_BELOW}"

    run.adjust(-0.5)
    np.testing.assert_array_equal(layer.data, noisy.astype("f4") - run.result.image)
    shown = layer.data
    viewer.layers.remove(layer)
    run.adjust(0)
    assert layer.data is shown
    assert len(run.updated) == listeners  # the run does not keep what is gone


def test_it_is_there_once_and_b_shows_the_result_below(viewer, noisy, qtbot):
    run = denoise(viewer, viewer.add_image(noisy, name="cell"), **SHORT)
    run.wait()
    layer = show_removed(viewer, run)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyPress(canvas, Qt.Key.Key_B)
    assert (layer.visible, run.layer.visible) == (False, True)
    qtbot.keyRelease(canvas, Qt.Key.Key_B)
    assert layer.visible
    layer.visible, layer.name, viewer.layers.selection.active = False, "residue", run.layer
    assert show_removed(viewer, run) is layer
    assert layer.visible and viewer.layers.selection.active is layer
    second = denoise(viewer, "cell", **SHORT)
    second.wait()
    assert show_removed(viewer, second) is not layer
    viewer.layers.remove(layer)
    assert show_removed(viewer, run) is not layer


def test_of_colours_the_mean_is_shown(viewer, noisy):
    colours = np.stack([noisy // 4] * 3, -1).astype("uint8")
    run = denoise(viewer, viewer.add_image(colours, rgb=True), **SHORT)
    run.wait()
    assert show_removed(viewer, run).data.shape == noisy.shape


def test_what_cannot_be_told_is_said(viewer, noisy):
    mask = np.zeros(noisy.shape, bool)
    mask[10:12] = True
    layers = viewer.add_image(noisy), viewer.add_labels(mask.astype("uint8"))
    run = inpaint(viewer, *layers, iterations=3)
    run.wait()
    with pytest.raises(ValueError, match="finished denoising"):
        show_removed(viewer, run)


def test_words_tell_noise_from_structure():
    assert "looks like noise" in looks_like_noise(-0.1)
    assert "Detail went with the noise" in looks_like_noise(0.12)
