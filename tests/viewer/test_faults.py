"""Whatever becomes of the layers, a run is not lost, and runs leave nothing behind."""

import gc
import threading

import numpy as np
import pytest

import napari_dip as dip
from napari_dip.viewer import denoise

SHORT = {
    "iterations": 6,
    "device": "cpu",
    "precision": "float32",
    "stopping": "fixed",
    "network": {"name": "subpixel", "channels": [4, 4]},
}
LONG = SHORT | {"iterations": 100_000}
STAGES = {
    "as it begins": lambda run: True,
    "before its first picture": lambda run: run.step is not None,
    "while it is shown": lambda run: run.layer is not None,
}


@pytest.mark.parametrize("stage", [*STAGES, "while it is paused", "when it is done"])
def test_all_layers_may_be_deleted_at_any_stage(viewer, noisy, wait_until, notifications, stage):
    guide = viewer.add_image(noisy[::-1], name="guide")
    run = denoise(viewer, viewer.add_image(noisy, name="cell"), guide=guide, **LONG)
    wait_until(lambda: STAGES.get(stage, STAGES["while it is shown"])(run))
    if stage == "while it is paused":
        run.pause()
    if stage == "when it is done":
        run.stop()
        run.wait()
    viewer.layers.clear()
    if stage == "while it is paused":
        run.resume()
    if not run.done:
        run.stop()
    result = run.wait()
    assert result.stopped_by == "user" and result.image.shape == noisy.shape
    # Of a run that was deleted after its end nothing comes back, but its handle has all.
    begun = stage != "when it is done" and result.iterations > 0
    assert [layer is run.layer for layer in viewer.layers] == [True] * begun
    if result.detail is not None:
        run.adjust(-0.5)
    assert notifications == []


def test_runs_in_a_row_leave_no_thread_and_no_layer_behind(viewer, noisy):
    layer = viewer.add_image(noisy)
    expected = dip.denoise(noisy, **SHORT).image

    def once():
        run = denoise(viewer, layer, **SHORT)
        np.testing.assert_array_equal(run.wait().image, expected)
        viewer.layers.remove(run.layer)

    once()
    threads = threading.active_count()
    for _ in range(5):
        once()
    gc.collect()
    assert threading.active_count() <= threads + 1 and list(viewer.layers) == [layer]
