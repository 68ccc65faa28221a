"""Results that go to a file, shown as they grow."""

import numpy as np
import pytest
from forms import set_advanced
from qtpy.QtWidgets import QFileDialog

import napari_dip as dip
from napari_dip.api import plan_denoise
from napari_dip.job import Job
from napari_dip.viewer import denoise
from napari_dip.viewer.widgets.destination import FILE, MEMORY

SHORT = {
    "iterations": 12,
    "warm": False,
    "stopping": "fixed",
    "finish": 0,
    "device": "cpu",
    "precision": "float32",
}


@pytest.fixture
def stack(noisy):
    return np.stack([noisy, noisy + 5, noisy + 9])[:, :20, :24]


@pytest.fixture
def layer(viewer, stack):
    return viewer.add_image(stack, name="cells", scale=(2, 0.1, 0.1), translate=(1, 2, 3))


@pytest.fixture
def choose_file(monkeypatch, tmp_path):
    """Choose a file as a user does in the dialog."""

    def choose(widget, name, kind="OME-Zarr (*.ome.zarr)"):
        path = tmp_path / name if name else ""
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **kwargs: (str(path), kind))
        index = widget.destination.findText(FILE)
        widget.destination.setCurrentIndex(index)
        widget.destination.activated.emit(index)

    return choose


def test_a_file_is_of_one_image(viewer, layer, stack, open_denoise, choose_file):
    widget = open_denoise()
    choose_file(widget, "a.ome.zarr")
    assert widget.destination.path.name == "a.ome.zarr"
    layer.name = "renamed"
    assert widget.destination.path is not None
    other = viewer.add_image(stack + 100, name="other")
    widget.layer.layer = other
    assert widget.destination.path is None


def test_a_result_grows_in_a_file_and_in_a_layer_that_lies_where_it_should(viewer, layer, stack, tmp_path):
    run = denoise(viewer, layer, out=tmp_path / "a.ome.zarr", **SHORT)
    shown = []
    run.updated.connect(lambda: shown.append(None if run.layer is None else np.asarray(run.layer.data[0])))
    result = run.wait()
    expected = dip.denoise(stack, **SHORT).image
    assert np.array_equal(result.image.compute(), expected) and np.array_equal(run.layer.data, expected)
    assert any(plane is not None for plane in shown)
    assert run.layer.name == "cells [denoised]"
    (opened,) = viewer.open(tmp_path / "a.ome.zarr", plugin="napari-dip")
    for corner in ((0, 0, 0), (2, 19, 23)):
        assert np.allclose(opened.data_to_world(corner), layer.data_to_world(corner))
    assert opened.metadata["napari_dip"]["settings"] == result.settings


def test_a_file_that_lacked_its_end_alone_is_shown_too(viewer, layer, stack, tmp_path, monkeypatch):
    settings = SHORT | {"iterations": 2, "out": tmp_path / "e.ome.zarr"}

    def crash(job):
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Job, "_record", crash)
        with pytest.raises(KeyboardInterrupt):
            list(plan_denoise(layer, **settings))
    run = denoise(viewer, layer, **settings)
    result = run.wait()
    assert run.step is None  # nothing was left to be done
    np.testing.assert_array_equal(run.layer.data, result.image)
    assert run.layer in viewer.layers and run.layer.name == "cells [denoised]"


def test_a_file_is_chosen_in_the_widget_and_what_was_stopped_goes_on(
    viewer, layer, stack, open_denoise, choose_file, click, wait_until, tmp_path
):
    widget = open_denoise()
    set_advanced(widget, **SHORT)
    choose_file(widget, "b")
    assert widget.destination.path == tmp_path / "b.ome.zarr"
    assert widget.destination.currentText() == "b.ome.zarr"
    click(widget.controls.main)
    run = widget.controls.run
    run.updated.connect(lambda: any(run.planes.done) and not run.stopping and run.stop())
    wait_until(lambda: run.done)
    assert run.result.stopped_by == "user" and not (tmp_path / "b.ome.zarr").exists()
    done = sum(run.planes.done)
    assert run.layer.name == f"cells [denoised {done} of 3]" and 0 < done < 3
    assert widget.what.text().endswith("continuing where an earlier run ended")
    before, run = run, widget.start()
    wait_until(lambda: run.done)
    expected = dip.denoise(stack, **SHORT).image
    assert np.array_equal(np.asarray(run.result.image), expected)
    # The layer of what was stopped goes on too.
    assert run.layer is before.layer and [one.name for one in viewer.layers] == ["cells", "cells [denoised]"]
    np.testing.assert_array_equal(np.asarray(run.layer.data), expected)
    assert run.layer.metadata["napari_dip"]["stopped_by"] == "iteration limit"
    assert (tmp_path / "b.ome.zarr").exists()
    assert widget.what.text().endswith("b.ome.zarr exists already: choose another name")
    assert widget.start() is None
    assert "exists already" in widget.controls.status.text()
    widget.destination.choose(None)
    assert widget.destination.currentText() == MEMORY


def test_a_stack_that_was_stopped_says_how_far_it_is_and_keeps_the_users_name(
    viewer, layer, wait_until, tmp_path
):
    def stop_after_one(**settings):
        run = denoise(viewer, layer, **SHORT, **settings)
        run.updated.connect(lambda: any(run.planes.done) and not run.stopping and run.stop())
        wait_until(lambda: run.done)
        return run

    run = stop_after_one()
    assert run.layer.name == f"cells [denoised {sum(run.planes.done)} of 3]"
    shown = stop_after_one(out=tmp_path / "f.ome.zarr").layer
    shown.name = "mine"
    run = denoise(viewer, layer, out=tmp_path / "f.ome.zarr", **SHORT)
    wait_until(lambda: run.done)
    assert run.layer is shown and shown.name == "mine" and all(run.planes.done)


def test_a_file_that_exists_is_told_and_nothing_is_overwritten(
    viewer, layer, open_denoise, choose_file, click, notifications, tmp_path
):
    (tmp_path / "c.ome.tif").write_text("mine")
    widget = open_denoise()
    choose_file(widget, "c", "OME-TIFF (*.ome.tif)")
    click(widget.controls.main)
    assert widget.controls.run is None
    assert "exists already" in notifications[-1].message
    assert (tmp_path / "c.ome.tif").read_text() == "mine"
    choose_file(widget, "")  # cancelled
    assert widget.destination.path == tmp_path / "c.ome.tif"
    widget.destination.setCurrentIndex(0)
    widget.destination.activated.emit(0)
    assert widget.destination.path is None


def test_only_stacks_are_offered_a_file(viewer, noisy, layer, open_denoise):
    widget = open_denoise()
    assert widget.destination.isVisibleTo(widget)
    viewer.add_image(noisy)
    assert not widget.destination.isVisibleTo(widget)


def test_planes_with_neighbours_are_a_choice_that_a_trial_keeps(viewer, layer, open_denoise, wait_until):
    widget = open_denoise()
    widget.stacks.how.setCurrentIndex(1)
    assert widget.what.text().endswith(", along with 1 neighbour on each side")
    assert widget.settings()["neighbours"] == 1
    widget.stacks.how.setCurrentIndex(2)
    assert widget.settings()["neighbours"] == 2
    widget.advanced.inputs["iterations"].setValue(2)
    run = widget.try_one()
    wait_until(lambda: run.done)
    assert run.error is None and run.result.image.shape == (1, 20, 24)
    run = widget.apply_to_all()
    wait_until(lambda: run.done)
    assert run.error is None and run.result.settings["neighbours"] == 2
    assert run.result.image.shape == (3, 20, 24)
