"""Whatever becomes of the layers, a run is not lost, and runs leave nothing behind."""

import gc
import subprocess
import sys
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


RELOAD = """
import napari, numpy as np
from npe2 import PluginManager
from napari_dip.viewer import denoise

viewer, plugins = napari.Viewer(show=False), PluginManager.instance()
image = np.random.default_rng(0).poisson(50, (32, 32)).astype("uint16")
_, widget = viewer.window.add_plugin_dock_widget("napari-dip", "Denoise")
run = denoise(viewer, viewer.add_image(image, name="cell"), **SHORT)
for _ in range(2):
    plugins.disable("napari-dip")
    plugins.enable("napari-dip")
print(run.wait().iterations)
viewer.window.remove_dock_widget("all")
_, another = viewer.window.add_plugin_dock_widget("napari-dip", "Denoise")
print(another is not widget, another.layer.layer.name, [layer.name for layer in viewer.layers])
viewer.close()
"""


def test_the_plugin_may_be_switched_off_and_on_during_a_run():
    # In a process of its own: pytest's napari has a manager of plugins that forgets no command.
    done = subprocess.run(
        [sys.executable, "-c", RELOAD.replace("SHORT", repr(SHORT))],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["6", "True cell ['cell', 'cell [denoised]']"]
