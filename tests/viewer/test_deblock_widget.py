"""The widget Remove JPEG artefacts: what it finds in the file, what can be chosen, what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from forms import choose, set_advanced
from PIL import Image
from qtpy.QtWidgets import QApplication
from skimage import data

import napari_dip as dip
from napari_dip.images.jpeg import quality_of, quantisation_at, quantisation_of
from napari_dip.viewer.widgets.deblocking import DeblockWidget

SHORT = {"iterations": 3, "device": "cpu", "precision": "float32"}


@pytest.fixture
def open_deblock(viewer, open_task):
    def open_it():
        widget = open_task(DeblockWidget, viewer)
        set_advanced(widget, **SHORT)
        return widget

    return open_it


@pytest.fixture
def grey(tmp_path):
    path = str(tmp_path / "face.jpg")
    Image.fromarray(data.coins()[96:136, 60:108]).save(path, quality=12)
    return path


def choices(widget):
    return [widget.compression.itemData(at) for at in range(widget.compression.count())]


def test_tables_and_qualities_are_one_another_s(tmp_path, grey):
    assert quantisation_of(grey) == quantisation_at(12)
    assert [quality_of(quantisation_at(quality)) for quality in (1, 50, 100)] == [1, 50, 100]
    assert quality_of([[5] * 8] * 8) is None


def test_a_click_takes_the_blocks_away_by_what_the_file_says(viewer, grey, open_deblock, click, wait_until):
    viewer.open(grey)
    widget = open_deblock()
    assert widget.compression.currentData() == "file" and widget.quality.isHidden()
    assert widget.what.text() == "A plane of 40 x 48 pixels, compressed at quality 12"
    assert widget.sheet.isHidden()
    click(widget.controls.main)
    run = widget.controls.run
    wait_until(lambda: run.done)
    assert run.layer.name == "face [deblocked]"
    expected = dip.deblock(grey, **SHORT)
    np.testing.assert_array_equal(run.layer.data, expected.image)
    assert run.result.settings["table"] == quantisation_at(12)
    part = dip.viewer.deblock(viewer, run.source, part=(slice(10, 20), slice(17, 43)), **SHORT)
    assert [(along.start, along.stop) for along in part.region.where] == [(8, 24), (16, 48)]  # whole blocks
    part.wait()
    expected = dip.deblock(run.source.data[8:24, 16:48], table=quantisation_at(12), **SHORT)
    np.testing.assert_array_equal(part.layer.data, expected.image)
    script = run.as_python()
    assert f'dip.deblock(\n    "{grey}",' in script and "table=" not in script
    run.source.data = run.source.data + 1
    assert widget.start() is None
    assert "is not what is in its file any more" in widget.controls.status.text()
    assert "table=[[" in run.as_python()


def test_what_no_file_says_is_chosen_by_hand_and_of_colours_not_at_all(
    make_napari_viewer, noisy, grey, open_task
):
    viewer = make_napari_viewer(show=True)
    pixels = np.asarray(Image.open(grey))
    viewer.add_image(pixels, name="a rather long name (1).jpg")
    widget = open_task(DeblockWidget, viewer)
    assert choices(widget) == ["quality", "unknown"] and widget.compression.currentData() == "unknown"
    assert widget.what.text().endswith("pixels, compression not known")
    assert widget.settings()["table"] is None
    choose(widget.compression, "quality")
    assert not widget.quality.isHidden()
    widget.quality.setValue(12)
    QApplication.processEvents()
    assert widget.controls.parentWidget().minimumSizeHint().width() <= 260
    assert widget.minimumSizeHint().width() <= 280
    assert widget.settings()["table"] == quantisation_at(12)
    viewer.add_image(np.stack([pixels] * 3, -1), name="colours")
    assert choices(widget) == ["unknown"] and widget.quality.isHidden()
    stack = viewer.add_image(np.stack([pixels] * 3), name="stack", axis_labels=("z", "y", "x"))
    assert choices(widget) == ["quality", "unknown"]
    assert widget.controls.main.isEnabled() and widget.stacks.how.currentData() == 0
    widget.stacks.chosen.neighbours = None
    widget.stacks.refresh()
    widget.refresh()
    assert widget.controls.status.text().startswith("JPEG compresses planes")
    assert widget.plan(stack.data[0], widget.settings() | {"axes": None}).task.table is None
    viewer.add_image(noisy, name="16 bits")
    assert choices(widget) == ["unknown"]
    assert widget.what.text().endswith("compression not known; more than the 8 bits of a JPEG file")
