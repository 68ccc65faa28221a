"""Results outlive a crash, and nothing is left of them when napari ends in order."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from napari_dip.viewer import denoise, unsaved
from napari_dip.viewer.widgets.denoise import DenoiseWidget

# Another process restores an image and ends, in order or not.
PROCESS = """
import os, sys
from pathlib import Path
import numpy as np
import platformdirs
platformdirs.user_state_path = lambda *args, **kwargs: Path(sys.argv[1])
from napari.layers import Image
from napari_dip.viewer import unsaved
pixels = np.arange(12, dtype="u2").reshape(3, 4)
layer = Image(pixels, name="cell/1 [denoised]", scale=(2, 3), translate=(5, 7))
unsaved.keep(layer).join()
assert unsaved.left_behind() == []
if sys.argv[2] == "crash":
    os._exit(1)
"""


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_state_path", lambda *args, **kwargs: tmp_path)
    return tmp_path


def end(state, how):
    subprocess.run([sys.executable, "-c", PROCESS, state, how], check=how != "crash")


def test_what_a_crash_left_is_offered_and_opened_as_it_was(state, viewer, open_task, click):
    end(state, "crash")
    widget = open_task(DenoiseWidget, viewer)
    offer = widget.left_behind
    assert offer.isVisibleTo(widget)
    assert "ended before this result was saved: cell_1 [denoised], " in offer.says.text()
    click(offer.open)
    (layer,) = viewer.layers
    assert layer.name == "cell_1 [denoised]"
    np.testing.assert_array_equal(layer.data, np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(layer.scale, (2, 3))
    np.testing.assert_array_equal(layer.translate, (5, 7))
    assert not offer.isVisibleTo(widget)
    assert unsaved.left_behind() == []


def test_a_copy_says_where_a_layer_lies_whatever_its_axes_are_without_a_warning(state, viewer, recwarn):
    pixels = np.arange(24, dtype="u2").reshape(2, 3, 4)
    place = {"scale": (3, 2, 0.5), "translate": (1, 5, 7), "axis_labels": ("c", "y", "x")}
    layers = [
        viewer.add_image(pixels, name="channels", units=("pixel", "um", "um"), **place),
        viewer.add_image(pixels, name="no names", scale=(3, 2, 0.5)),
    ]
    for layer in layers:
        unsaved.keep(layer).join()
    viewer.layers.clear()
    unsaved.reopen(list(state.rglob("*.npz")), viewer)
    assert not [warned for warned in recwarn if warned.category is UserWarning]
    for layer in layers:
        again = viewer.layers[layer.name]
        np.testing.assert_array_equal(again.data, pixels)
        np.testing.assert_array_equal(again.extent.world, layer.extent.world)
        assert (again.units, again.axis_labels) == (layer.units, layer.axis_labels)


def test_a_copy_that_another_program_has_taken_meanwhile_is_not_offered(state):
    gone = state / "unsaved" / "1-1" / "cell 1f.npz"
    gone.parent.mkdir(parents=True)
    gone.symlink_to(state / "nothing")
    assert unsaved.left_behind() == []
    assert unsaved.name_of(gone).startswith("cell, ")


def test_it_can_be_discarded_and_then_nothing_is_left(state, viewer, open_task, click):
    end(state, "crash")
    widgets = [open_task(DenoiseWidget, viewer) for _ in range(2)]
    click(widgets[0].left_behind.discard)
    assert not any(widget.left_behind.isVisibleTo(widget) for widget in widgets)
    assert not list(state.rglob("*.npz"))


def test_an_end_in_order_leaves_nothing(state):
    end(state, "order")
    assert unsaved.left_behind() == [] and not list(state.rglob("*.npz"))


def test_a_result_is_copied_and_what_is_being_used_is_not_offered(state, viewer, noisy, wait_until):
    run = denoise(viewer, viewer.add_image(noisy, name="cell"), iterations=3)
    result = run.wait().image
    wait_until(lambda: list(state.rglob("cell*.npz")))
    (copy,) = state.rglob("cell*.npz")
    viewer.layers.clear()
    unsaved.reopen([copy], viewer)
    (layer,) = viewer.layers
    np.testing.assert_array_equal(layer.data, result)
    assert layer.metadata["napari_dip"]["settings"] == run.result.settings
    assert unsaved.left_behind() == []


def test_a_copy_takes_the_place_of_one_under_another_name(state, viewer, noisy):
    layer, other = (viewer.add_image(noisy, name=name) for name in ("cell", "other"))
    unsaved.keep(other).join()
    for name in ("cell [denoised 1/4]", "cell [denoised 2/4]", "cell [denoised]"):
        layer.name = name
        unsaved.keep(layer).join()
    names = sorted(copy.name.rpartition(" ")[0] for copy in state.rglob("*.npz"))
    assert names == ["cell [denoised]", "other"]


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "float64", "int64", ">u2"])
def test_a_copy_is_of_any_type_and_shape_and_lies_as_the_layer_did(state, viewer, dtype):
    pixels = np.random.default_rng(0).integers(0, 2, (2, 1, 2, 3, 4, 5)).astype(dtype)
    colours = np.random.default_rng(0).random((6, 7, 4))
    layers = [
        viewer.add_image(pixels, name="large", scale=(1, 2, 3, 4, 0.5, 0.25)),
        viewer.add_image(colours, name="turned", rotate=30, shear=[0.2], affine=np.diag([2, 3, 1])),
    ]
    for layer in layers:
        unsaved.keep(layer).join()
    viewer.layers.clear()
    unsaved.reopen(list(state.rglob("*.npz")), viewer)
    for layer in layers:
        again = viewer.layers[layer.name]
        np.testing.assert_array_equal(again.data, layer.data)
        assert (again.data.dtype, again.rgb) == (layer.data.dtype, layer.rgb)
        np.testing.assert_allclose(
            again.data_to_world((2,) * layer.ndim), layer.data_to_world((2,) * layer.ndim)
        )


def test_a_copy_that_is_damaged_is_told_of_and_stays(state, viewer):
    layer = viewer.add_image(np.zeros((8, 8)), name="cell")
    unsaved.keep(layer).join()
    (copy,) = state.rglob("*.npz")
    for damaged in (copy.read_bytes()[:-40], b"", b"nothing of the kind"):
        copy.write_bytes(damaged)
        with pytest.raises(OSError, match=r"cell .*npz in .* can't be read: .* It is left as it is"):
            unsaved.reopen([copy], viewer)
        assert copy.exists() and len(viewer.layers) == 1


def test_what_cannot_be_copied_does_no_harm(state, viewer):
    (state / "unsaved").write_text("no folder")
    unsaved.keep(viewer.add_image(np.zeros((8, 8), "f4"))).join()
    assert unsaved.left_behind() == []
    assert (state / "unsaved").read_text() == "no folder"
    assert os.listdir(state) == ["unsaved"]
