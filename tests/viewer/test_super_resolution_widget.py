"""The Super-resolution widget as a user meets it: what it proposes, asks, says beforehand, and makes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from forms import choose, set_advanced
from qtpy.QtWidgets import QApplication

import napari_dip.job
import napari_dip.outcome
from napari_dip.plan import Plan
from napari_dip.viewer.widgets.super_resolution import FINER, KERNELS, SuperResolutionWidget

SHORT = {"iterations": 5, "device": "cpu", "precision": "float32"}


@pytest.fixture
def open_super_resolution(viewer, open_task):
    return lambda: open_task(SuperResolutionWidget, viewer)


@pytest.fixture
def stack(viewer):
    """A stack of beads whose Z step is four times the pixel size."""
    grid = np.stack(np.meshgrid(np.arange(6) * 4.0, np.arange(24), np.arange(24), indexing="ij"), -1)
    bead = 1000 * np.exp(-0.5 * (((grid - (9.3, 11, 12.4)) / (3.4, 2, 2)) ** 2).sum(-1))
    return viewer.add_image(
        (100 + bead).astype("uint16"),
        name="beads",
        scale=(0.8, 0.2, 0.2),
        translate=(10, -3, 7),
        units=("um",) * 3,
        axis_labels=("z", "y", "x"),
    )


def _shown(widget):
    rows = {
        name: getattr(widget, name) for name in ("finer", "factor", "hint", "measured", "lateral", "axial")
    }
    return {name for name, row in (rows | {"stack": widget.stacks.how}).items() if not row.isHidden()}


# ---------------------------------------------------------------------------------------------- proposals


def test_a_plane_is_made_twice_as_fine_and_is_asked_nothing_about_z(viewer, noisy, open_super_resolution):
    viewer.add_image(noisy)
    widget = open_super_resolution()
    assert _shown(widget) == {"factor", "measured"}
    assert widget.finer.currentData() == "YX"
    assert widget.factor.value() == 2
    choose(widget.measured, "gaussian")
    assert _shown(widget) == {"factor", "measured", "lateral"}
    assert widget.lateral.text() == "1.00 pixel"


def test_the_z_factor_and_the_widths_are_proposed_from_the_scale(stack, open_super_resolution):
    widget = open_super_resolution()
    assert widget.finer.currentData() == "Z"
    assert widget.factor.value() == 4
    assert widget.hint.text().replace("\xa0", " ") == "Z step is 4 × the pixel size."
    choose(widget.measured, "gaussian")
    assert widget.axial.text() == "0.800 µm"
    choose(widget.finer, "ZYX")
    assert widget.factor.value() == 2
    assert widget.lateral.text() == "0.200 µm"
    choose(widget.finer, "Z")
    assert widget.factor.value() == 4


def test_a_factor_is_whole_and_in_range(viewer, open_super_resolution):
    layer = viewer.add_image(np.zeros((4, 16, 16)))
    widget = open_super_resolution()
    for step, factor in [(1, 2), (2.6, 3), (3.4, 3), (40, 8), (-5, 5)]:
        layer.scale = (step, 1, 1)
        assert widget.finer.currentData() == "YX"  # nothing says that the stack is one in depth
        choose(widget.finer, "Z")
        assert widget.factor.value() == factor


def test_a_scale_that_is_set_later_is_proposed_anew(viewer, open_super_resolution):
    layer = viewer.add_image(np.zeros((4, 16, 16)), axis_labels=("z", "y", "x"))
    widget = open_super_resolution()
    assert widget.finer.currentData() == "YX"
    layer.scale = (5, 1, 1)
    assert widget.finer.currentData() == "Z"
    assert widget.factor.value() == 5


def test_what_the_user_chose_outlives_what_happens_to_the_layers(stack, viewer, open_super_resolution):
    widget = open_super_resolution()
    widget.factor.setValue(3)
    widget.preset.setCurrentIndex(1)
    stack.name = "renamed"
    viewer.add_labels(np.zeros((4, 4), int))
    assert widget.factor.value() == 3


def test_slices_are_taken_as_seen_through_optics_unless_the_user_knows_better(
    stack, viewer, noisy, open_super_resolution
):
    widget = open_super_resolution()
    assert widget.measured.currentData() == "gaussian"
    choose(widget.finer, "YX")
    assert widget.measured.currentData() == "lanczos"
    choose(widget.measured, "box")
    widget.measured.activated.emit(widget.measured.currentIndex())  # as a click does
    choose(widget.finer, "Z")
    viewer.add_image(noisy)
    assert widget.measured.currentData() == "box"


# ---------------------------------------------------------------------------------------------- the choices


def test_choices_that_contradict_one_another_cannot_be_made(stack, open_super_resolution):
    widget = open_super_resolution()
    choose(widget.stacks.how, 0)
    for finer in FINER:
        choose(widget.finer, finer)
        assert ("stack" in _shown(widget)) == ("Z" not in finer)
        assert ("hint" in _shown(widget)) == ("Z" in finer)
        assert widget.form.volumes() == ("Z" in finer)


def test_z_is_offered_where_an_axis_can_be_depth(viewer, open_super_resolution):
    widget = open_super_resolution()
    for shape, labels, deep in [
        ((16, 16), None, False),
        ((3, 16, 16), None, True),
        ((3, 16, 16), ("t", "y", "x"), False),
        ((1, 16, 16), None, False),
        ((2, 3, 16, 16), ("t", "z", "y", "x"), True),
        ((16, 16, 3), None, False),
        ((5, 16, 16, 3), None, True),
    ]:
        kept = {"axis_labels": labels} if labels else {}
        viewer.add_image(np.zeros(shape, "uint8"), rgb=shape[-1] == 3, **kept)
        assert ("finer" in _shown(widget)) == deep, (shape, labels)


@pytest.mark.parametrize(
    ("finer", "volumes", "axes", "factor", "widths"),
    [
        ("YX", 0, "ZYX", [3, 3], [1.5, 1.5]),
        ("YX", None, "ZYX", [1, 3, 3], [None, 1.5, 1.5]),
        ("Z", 0, "ZYX", [3, 1, 1], [0.5, None, None]),
        ("ZYX", None, "ZYX", [3, 3, 3], [0.5, 1.5, 1.5]),
    ],
)
def test_the_plan_is_what_the_form_says(stack, open_super_resolution, finer, volumes, axes, factor, widths):
    widget = open_super_resolution()
    choose(widget.stacks.how, volumes)
    choose(widget.finer, finer)
    widget.factor.setValue(3)
    widget.lateral.setValue(0.3)
    widget.axial.setValue(0.4)
    for kernel in KERNELS:
        choose(widget.measured, kernel)
        job = widget.plan(stack, widget.settings())
        assert job.axes.names == axes
        assert job.settings["factor"] == factor
        assert {made["name"] for made in job.settings["kernel"]} == {kernel}
    made = [one["fwhm"] if f > 1 else None for one, f in zip(job.settings["kernel"], factor, strict=True)]
    assert made == pytest.approx(widths)


# --------------------------------------------------------------------------------------- what is told before


def test_the_sentence_tells_size_memory_and_tiles(
    viewer, noisy, stack, open_super_resolution, wait_until, monkeypatch
):
    widget = open_super_resolution()
    assert widget.what.text() == "A volume of 6 x 24 x 24 voxels becomes 24 x 24 x 24"  # at once
    wait_until(lambda: "MiB of memory" in widget.what.text())
    large = viewer.add_image(np.random.default_rng(0).random((2, 200, 200)).astype("float32"))
    assert widget.what.text() == "2 images, each a plane of 200 x 200 pixels that becomes 400 x 400"
    wait_until(lambda: "memory" in widget.what.text())
    assert "tiles" not in widget.what.text()
    needed = 0.9 * widget.plan(large, widget.settings()).memory
    monkeypatch.setattr(napari_dip.job, "available_memory", lambda device: needed)
    widget.factor.setValue(3)
    wait_until(lambda: "overlapping tiles" in widget.what.text())
    job = widget.plan(large, widget.settings())
    assert f"in {len(job.parts) // 2} overlapping tiles" in widget.what.text()
    monkeypatch.undo()
    set_advanced(widget, tile=150)
    wait_until(lambda: "in 4 overlapping tiles" in widget.what.text())


def test_the_window_goes_on_while_the_plan_is_made(stack, open_super_resolution, wait_until, monkeypatch):
    import threading

    import napari_dip.api

    planned, made_in = napari_dip.api.plan_super_resolve, []

    def plan(*args, **settings):
        made_in.append(threading.current_thread())
        return planned(*args, **settings)

    monkeypatch.setattr(napari_dip.api, "plan_super_resolve", plan)
    widget = open_super_resolution()
    for factor in (2, 3, 5):
        widget.factor.setValue(factor)
    wait_until(lambda: "memory" in widget.what.text())
    assert "becomes 30 x 24 x 24" in widget.what.text()
    assert threading.main_thread() not in made_in
    assert len(made_in) <= 2  # not one for each change


def test_bad_input_gives_a_sentence_and_the_widget_stays_usable(
    viewer, noisy, open_super_resolution, wait_until, notifications, monkeypatch
):
    layer = viewer.add_image(noisy)
    widget = open_super_resolution()
    wait_until(lambda: "memory" in widget.what.text())
    with monkeypatch.context() as patched:
        patched.setattr(napari_dip.outcome, "available_memory", lambda device: 100)
        widget.factor.setValue(16)
        wait_until(lambda: not widget.controls.main.isEnabled())
        assert "result of 512 x 512 pixels" in widget.controls.status.text()
        assert widget.what.text() == ""
    layer.data = np.full((16, 16), np.nan)
    widget.factor.setValue(3)
    wait_until(lambda: "finite" in widget.controls.status.text())
    assert not widget.controls.main.isEnabled()
    layer.data = noisy
    widget.factor.setValue(4)
    wait_until(lambda: "memory" in widget.what.text())
    assert widget.controls.status.text() == ""
    set_advanced(widget, **SHORT)
    run = widget.start()
    wait_until(lambda: run.done)
    assert run.result.image.shape == (128, 128)
    assert not notifications


def test_a_widget_that_is_closed_while_it_plans_ends_quietly(
    viewer, stack, open_super_resolution, qtbot, monkeypatch
):
    widget = open_super_resolution()
    at_once = Plan.memory
    monkeypatch.setattr(Plan, "memory", lambda *what: [time.sleep(0.5), at_once(*what)][1])
    widget.factor.setValue(3)
    qtbot.waitUntil(lambda: widget._ahead.worker is not None)
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.wait(700)
    stack.scale = (5, 1, 1)
    viewer.layers.remove(stack)


# ------------------------------------------------------------------------------------------------ the result


def _centre_of_mass(layer):
    weights = np.clip(np.asarray(layer.data, float) - 200, 0, None)
    points = np.argwhere(weights > 0)
    centre = np.average(points, axis=0, weights=weights[tuple(points.T)])
    return np.array(layer.data_to_world(centre))


def test_a_click_makes_the_slices_finer_and_the_bead_stays_in_its_place(
    viewer, stack, open_super_resolution, click, wait_until
):
    widget = open_super_resolution()
    set_advanced(widget, **SHORT | {"iterations": 40, "stopping": "fixed"})
    wait_until(lambda: "memory" in widget.what.text())
    click(widget.controls.main)
    run = widget.controls.run
    wait_until(lambda: run.done, timeout=90_000)
    result = viewer.layers["beads [super-resolved]"]
    assert result.data.shape == (24, 24, 24)
    np.testing.assert_allclose(result.scale, 0.2)
    assert result.units == stack.units
    for corner in np.ndindex(2, 2, 2):
        low = np.array(corner) * stack.data.shape - 0.5
        fine = np.array(corner) * result.data.shape - 0.5
        np.testing.assert_allclose(result.data_to_world(fine), stack.data_to_world(low), atol=1e-9)
    # To a fifth of a Z step.
    np.testing.assert_allclose(_centre_of_mass(result), _centre_of_mass(stack), atol=0.16)
    assert "Downsampled, the result differs from the image by " in widget.controls.status.text()


def test_a_time_series_is_made_finer_plane_by_plane(viewer, open_super_resolution, wait_until):
    series = np.random.default_rng(0).integers(0, 255, (2, 16, 18)).astype("uint8")
    layer = viewer.add_image(series, scale=(1, 0.2, 0.2), axis_labels=("t", "y", "x"))
    widget = open_super_resolution()
    assert widget.finer.currentData() == "YX"
    set_advanced(widget, **SHORT)
    run = widget.start()
    wait_until(lambda: run.done)
    assert run.layer.data.shape == (2, 32, 36)
    np.testing.assert_allclose(run.layer.scale, (1, 0.1, 0.1))
    np.testing.assert_allclose(run.layer.data_to_world((1, -0.5, -0.5)), layer.data_to_world((1, -0.5, -0.5)))


def test_a_colour_image_stays_one(viewer, open_super_resolution, wait_until):
    rgb = np.random.default_rng(0).integers(0, 255, (16, 18, 3)).astype("uint8")
    viewer.add_image(rgb, rgb=True)
    widget = open_super_resolution()
    assert widget.what.text() == "An RGB plane of 16 x 18 pixels becomes 32 x 36"
    set_advanced(widget, **SHORT)
    run = widget.start()
    wait_until(lambda: run.done)
    assert run.layer.rgb
    assert run.layer.data.shape == (32, 36, 3)


# ------------------------------------------------------------------------------------------------- the looks


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_wider_than_a_narrow_dock(make_napari_viewer, open_task, theme):
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    viewer.add_image(
        np.zeros((4, 16, 16)),
        scale=(4.4e-7, 1.1e-7, 1.1e-7),
        units=("m",) * 3,
        name="a rather long name of a layer in a stack (1).ome.tif",
    )
    widget = open_task(SuperResolutionWidget, viewer)
    choose(widget.finer, "ZYX")
    choose(widget.measured, "gaussian")
    widget.fold.expand(animate=False)
    QApplication.processEvents()
    assert widget.controls.parentWidget().minimumSizeHint().width() <= 260
    assert widget.minimumSizeHint().width() <= 280
