"""Another layer as a guide: where it is offered, what is refused, what the result is, and its script."""

from __future__ import annotations

import json

import numpy as np
import pytest
from forms import set_advanced
from napari.layers import Image
from qtpy.QtCore import Qt

import napari_dip as dip
from napari_dip.images.files import Description, write
from napari_dip.viewer.as_code import command_of, python_of
from napari_dip.viewer.widgets.super_resolution import SuperResolutionWidget

SHORT = {"iterations": 2, "device": "cpu", "precision": "float32"}


def pixels(*shape):
    return np.random.default_rng(1).poisson(300, shape).astype("uint16")


def same_image(one, other):
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_a_guide_of_a_part_is_refused_but_for_that_part(viewer, noisy, open_denoise, wait_until):
    cell = viewer.add_image(noisy, name="cell")
    viewer.add_image(pixels(32, 20), name="half")
    widget = open_denoise()
    widget.layer.layer = cell
    for layer, shift, refused in (("half", 0, "covers 62% of the image layer"), ("shifted", 2, "")):
        if layer == "shifted":
            viewer.add_image(pixels(32, 32), name=layer, translate=(0, shift))
        widget.layer.layer = cell
        widget.guide.layer = viewer.layers[layer]
        assert refused in widget.controls.status.text()
        assert widget.controls.main.isEnabled() is not bool(refused)
    with pytest.raises(ValueError, match="guide layer 'half' covers"):
        dip.denoise(cell, guide=viewer.layers["half"], **SHORT)
    part = Image(noisy[:, :20])
    assert dip.denoise(part, guide=viewer.layers["half"], **SHORT).image.shape == (32, 20)


def test_a_guide_is_asked_for_where_there_is_another_image_and_chosen_by_keys(
    viewer, noisy, open_denoise, qtbot, click, wait_until
):
    cell = viewer.add_image(noisy, name="cell", translate=(2, 3))
    widget = open_denoise()
    set_advanced(widget, **SHORT)
    assert widget.guide.isHidden()
    click(widget.controls.main)
    wait_until(lambda: widget.controls.run.done)
    assert widget.guide.isHidden()  # a result of its own is no reason to ask
    bright = viewer.add_image(pixels(72, 80), name="bright", scale=(0.5, 0.5), translate=(0, 1))
    widget.layer.layer = cell
    assert not widget.guide.isHidden() and widget.guide.layer is None
    assert [widget.guide.itemText(i) for i in range(widget.guide.count())] == [
        *("None", "bright", "cell [denoised]")
    ]
    assert "0.5 (preset)" not in widget.advanced.inputs["tv"].specialValueText()
    before = widget.advanced.inputs["tv"].specialValueText()
    qtbot.keyClick(widget.guide, Qt.Key.Key_Down)
    assert widget.guide.layer is bright
    assert widget.what.text() == "A plane of 32 x 32 pixels, guided by 'bright'"
    assert widget.advanced.inputs["tv"].specialValueText() != before  # the preset of a guided run
    viewer.layers.selection.active = bright
    assert widget.layer.layer is cell  # which of the two is meant is chosen here

    click(widget.controls.main)
    run = widget.controls.run
    wait_until(lambda: run.done)
    expected = dip.denoise(cell, guide=bright, **SHORT)
    same_image(run.layer.data, expected.image)
    assert run.result.settings["guided_by"] == expected.settings["guided_by"]
    assert run.layer.metadata["napari_dip"]["guide"] == "bright"
    json.dumps(run.layer.metadata["napari_dip"])

    widget.guide.setCurrentIndex(0)
    more = widget.controls.more
    widget.run_again(more.recent[0])
    again = widget.controls.run
    wait_until(lambda: again.done)
    same_image(again.layer.data, run.layer.data)
    assert len(more.recent) == 2
    viewer.layers.remove(bright)
    assert len(more.recent) == 1 and widget.guide.isHidden()


def test_what_cannot_be_a_guide_is_said_until_it_is_moved_into_place(viewer, noisy, open_task):
    cell = viewer.add_image(noisy, name="cell")
    away = viewer.add_image(noisy, name="away", translate=(100, 0))
    movie = viewer.add_image(pixels(5, 32, 32), name="movie")
    widget = open_task(SuperResolutionWidget, viewer)
    widget.layer.layer = cell
    assert widget.controls.main.isEnabled()
    widget.guide.layer = away
    assert not widget.controls.main.isEnabled()
    assert widget.controls.status.text().startswith("The guide layer 'away' doesn't meet the image layer")
    away.translate = (0, 0)
    assert widget.controls.main.isEnabled()
    assert widget.what.text() == "A plane of 32 x 32 pixels becomes 64 x 64, guided by 'away'"
    widget.guide.layer = movie
    assert "don't lie plane on plane" in widget.controls.status.text()
    widget.layer.layer = movie
    assert widget.guide.layer is None and widget.controls.main.isEnabled()


def test_a_plane_with_a_guide_says_itself_as_a_script(viewer, noisy, open_denoise, wait_until, tmp_path):
    paths = [str(tmp_path / f"{name}.ome.tif") for name in ("faint", "bright")]
    for path, planes in zip(paths, (np.stack([noisy, noisy[::-1]]), pixels(2, 32, 32)), strict=True):
        write(path, planes, Description.plain("TYX"))
    (faint,), (bright,) = (viewer.open(path, plugin="napari-dip") for path in paths)
    widget = open_denoise()
    set_advanced(widget, **SHORT)
    widget.layer.layer = faint
    widget.guide.layer = bright
    viewer.dims.set_current_step(0, 1)
    run = widget.try_one()
    wait_until(lambda: run.done)
    script = python_of(run)
    assert f'guide="{paths[1]}",\n    planes=1,' in script
    names = {}
    exec(script.replace("denoised", "again"), names)
    same_image(names["restored"].image, run.layer.data)
    assert " --planes 1 " in command_of(run)
    bright.data = bright.data + 1  # is not what is in the file any more
    assert "guide = ...  # the guide: the layer 'bright'\n" in python_of(run)


def test_the_console_takes_a_layers_name_and_the_planes_that_lie_where_the_images_do(viewer, noisy):
    movie = viewer.add_image(np.stack([noisy] * 3), name="movie", translate=(2, 0, 0))
    guide = viewer.add_image(pixels(6, 16, 16), name="guide", scale=(1, 2, 2), translate=(0, 0.5, 0.5))
    run = dip.viewer.denoise(viewer, "movie", planes=1, guide="guide", warm=False, **SHORT)
    run.wait()
    assert run.guide is guide
    alone = Image(guide.data[3], scale=(2, 2), translate=(0.5, 0.5))
    expected = dip.denoise(Image(noisy), guide=alone, **SHORT)
    same_image(run.layer.data[0], expected.image)
    assert "guide = ...  # the guide: the layer 'guide', on the image's pixels" in run.as_python()
    guide.data = guide.data[:4]
    with pytest.raises(ValueError, match="don't lie plane on plane"):
        dip.viewer.denoise(viewer, movie, guide=guide, **SHORT)
