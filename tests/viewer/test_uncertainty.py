"""How sure a result is, as a layer."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dip.viewer import denoise
from napari_dip.viewer.how_sure import ask_how_sure
from napari_dip.viewer.removed import show_removed

SHORT = {"iterations": 12, "seed": 1, "device": "cpu", "precision": "float32"}


def test_it_is_a_layer_that_lies_where_the_result_does_and_the_result_stays(viewer, noisy, notifications):
    source = viewer.add_image(noisy, name="cell", scale=(0.5, 0.25), translate=(3, 4), units="um")
    run = denoise(viewer, source, **SHORT)
    before = run.wait().image.copy()
    again = ask_how_sure(viewer, run)
    assert again.of is run
    assert again.wait().uncertainty is run.result.uncertainty
    assert [layer.name for layer in viewer.layers] == ["cell", "cell [denoised]", "cell [uncertainty]"]
    layer = viewer.layers["cell [uncertainty]"]
    np.testing.assert_array_equal(layer.data, run.result.uncertainty)
    np.testing.assert_array_equal(run.layer.data, before)
    np.testing.assert_array_equal(layer.data_to_world((5, 7)), source.data_to_world((5, 7)))
    assert layer.units == source.units
    assert layer.metadata["napari_dip"]["runs"] == 3
    assert (layer.data > 0).all()
    assert "within their value in the layer [uncertainty]" in notifications[-1].message
    # What is known is shown again without another run.
    layer.visible = False
    assert ask_how_sure(viewer, run) is None
    assert layer.visible and len(viewer.layers) == 3
    viewer.layers.remove(layer)
    assert ask_how_sure(viewer, run) is None
    layer = viewer.layers["cell [uncertainty]"]
    # It is not another choice's.
    run.adjust(0.5)
    assert not layer.visible
    layer.visible = True
    run.adjust(0)
    assert layer.visible  # by the user


def test_it_is_told_of_the_automatic_detail_alone(viewer, noisy, open_denoise):
    viewer.add_image(noisy, name="cell")
    widget = open_denoise()
    run = denoise(viewer, "cell", **SHORT)
    run.wait()
    menu = widget.controls.more

    def entry():
        menu._fill()
        return next((one for one in menu._entries.actions() if one.text() == "How sure is it?"), None)

    assert entry().isEnabled()
    run.adjust(1)
    assert not entry().isEnabled() and "move Detail to Automatic" in entry().toolTip()
    with pytest.raises(ValueError, match=r"call run.adjust\(0\)"):
        ask_how_sure(viewer, run)
    run.adjust(0)
    assert entry().isEnabled()
    again = ask_how_sure(viewer, run)
    again.stop()
    again.wait()
    assert len(menu.recent) == 1  # the one of the user's, as it was
    viewer.layers.remove(run.layer)
    assert entry() is None


def test_of_a_result_that_was_removed_meanwhile_nothing_is_shown(viewer, noisy):
    viewer.add_image(noisy, name="cell")
    run = denoise(viewer, "cell", **SHORT)
    run.wait()
    again = ask_how_sure(viewer, run)
    viewer.layers.remove(run.layer)
    assert again.wait().uncertainty is run.result.uncertainty is not None
    assert [layer.name for layer in viewer.layers] == ["cell"]


def test_the_menu_offers_it_and_the_controls_come_back_to_the_result(
    viewer, noisy, open_denoise, wait_until, monkeypatch
):
    viewer.add_image(noisy, name="cell")
    widget = open_denoise()
    run = denoise(viewer, "cell", **SHORT)
    run.wait()
    menu = widget.controls.more
    menu._fill()
    entry = next(action for action in menu._entries.actions() if action.text() == "How sure is it?")
    monkeypatch.setattr(widget.controls.plot, "isVisible", lambda: True)  # the window is not shown
    entry.trigger()
    again = widget.controls.run
    assert again.of is run
    again.stop()
    wait_until(lambda: again.done)
    assert widget.controls.run is run
    assert len(widget.controls.plot._data.getOriginalDataset()[0]) == len(run.trace) > 0
    assert show_removed(viewer, run) in viewer.layers


def test_of_a_run_that_was_asked_for_it_the_layer_comes_with_the_result(viewer, noisy):
    run = denoise(viewer, viewer.add_image(noisy, name="cell"), uncertainty=2, **SHORT)
    run.wait()
    np.testing.assert_array_equal(viewer.layers["cell [uncertainty]"].data, run.result.uncertainty)
    assert viewer.layers["cell [uncertainty]"].metadata["napari_dip"]["runs"] == 2


def test_opacity_tells_nothing_of_colours(viewer, noisy):
    colours = np.stack([noisy] * 4, axis=-1).astype("uint8")
    colours[..., 3] = 255
    run = denoise(viewer, viewer.add_image(colours, rgb=True), uncertainty=2, **SHORT)
    run.wait()
    told = viewer.layers["colours [uncertainty]" if "colours [uncertainty]" in viewer.layers else -1].data
    assert told.shape == noisy.shape and (told > 0).all()
    removed = show_removed(viewer, run).data
    np.testing.assert_allclose(removed, run.result.removed[..., :3].mean(axis=-1))


def test_what_cannot_be_told_is_said(viewer, noisy):
    run = denoise(viewer, viewer.add_image(noisy), stopping="fixed", **SHORT)
    run.wait()
    with pytest.raises(ValueError, match="held out pixels"):
        ask_how_sure(viewer, run)
