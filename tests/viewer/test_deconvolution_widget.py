"""The Deconvolution widget as a user meets it: what it proposes, asks, says beforehand, and makes."""

from __future__ import annotations

import numpy as np
import pytest
from forms import choose, set_advanced
from napari.layers import Image
from qtpy.QtWidgets import QApplication

import napari_dip as dip
from napari_dip.images.psf import GaussianPSF
from napari_dip.viewer.blurs import Grid, bead_problem
from napari_dip.viewer.layers import axes_of
from napari_dip.viewer.widgets.deconvolution import DeconvolutionWidget

SHORT = {"iterations": 3, "device": "cpu", "precision": "float32"}


@pytest.fixture
def open_deconvolution(viewer, open_task):
    return lambda: open_task(DeconvolutionWidget, viewer)


@pytest.fixture
def stack(viewer):
    """A stack of which the voxels' sizes are known."""
    voxels = np.random.default_rng(0).poisson(30, (5, 16, 18)).astype("uint16")
    place = {"scale": (300, 100, 100), "translate": (5, -3, 7), "units": ("nm",) * 3}
    return viewer.add_image(voxels, name="cell", axis_labels=("z", "y", "x"), **place)


def test_what_is_typed_is_kept_for_its_image_alone(viewer, open_deconvolution):
    for name in "ab":
        viewer.add_image(np.random.default_rng(0).poisson(30, (6, 16, 18)).astype("uint16"), name=name)
    widget = open_deconvolution()
    widget.layer.layer = viewer.layers["a"]
    blur, how = widget.blur, widget.stacks.how
    choose(how, None)  # volumes
    usual = blur.lateral.value(), blur.axial.value()
    blur.pixel.setValue(0.1)
    blur.step.setValue(0.3)
    blur.lateral.setValue(3.5)
    blur.axial.setValue(5.5)
    for way in (0, None, 0, None):
        choose(how, way)
        assert blur.lateral.value() == 3.5
    assert blur.axial.value() == 5.5
    widget.layer.layer = viewer.layers["b"]
    assert (blur.pixel.value(), blur.step.value()) == (0, 0)
    choose(how, None)
    assert (blur.lateral.value(), blur.axial.value()) == usual


def test_a_bead_has_the_images_pixels_in_any_unit():
    image = Image(np.zeros((20, 20)), scale=(0.1, 0.1), units=("um", "um"))
    grid = Grid.of(image, axes_of(image)[0])
    for scale, unit, good in ((100, "nm", True), (0.1, "nm", False), (1, "um", False), (1, "pixel", True)):
        bead = Image(np.zeros((9, 9)), scale=(scale,) * 2, units=(unit,) * 2)
        assert bool(bead_problem(bead, image, grid)) == (not good), (scale, unit)
    assert "pixels of 1 x 1 µm, but the image's are 0.1 x 0.1 µm" in bead_problem(
        Image(np.zeros((9, 9)), units=("um", "um")), image, grid
    )


def _pick(box, layer):
    box.layer = layer
    box.activated.emit(box.currentIndex())  # as a click or a key does


def _shown(widget):
    rows = ["lateral", "axial", "aperture", "light", "medium", "microscope", "bead"]
    rows += ["known_pixel", "known_step", "pixel", "step"]
    return {name for name in rows if not getattr(widget.blur, name).isHidden()}


def _asked(widget, layer):
    return widget.plan(layer, widget.settings()).settings["psf"]


def test_what_is_asked_for_and_proposed_becomes_the_argument_of_the_call(stack, open_deconvolution):
    widget = open_deconvolution()
    blur = widget.blur
    assert _shown(widget) == {"lateral", "axial"}
    assert (blur.lateral.text(), blur.axial.text()) == ("250 nm", "750 nm")
    blur.axial.setValue(600)
    assert blur.psf() == (600, 250, 250)
    assert _asked(widget, stack) == {"name": "gaussian", "fwhm": [2.0, 2.5, 2.5]}
    choose(widget.stacks.how, 0)  # plane by plane
    assert _shown(widget) == {"lateral"}
    assert blur.psf() == (250, 250)

    choose(blur.how, "optics")
    asked = {"numerical_aperture": 1.4, "wavelength": 0.52, "refractive_index": 1.515}
    assert blur.psf() == asked | {"microscope": "widefield"}
    assert _shown(widget) == {"aperture", "light", "medium", "microscope", "known_pixel"}
    choose(widget.stacks.how, None)
    assert "known_step" in _shown(widget)
    assert blur.known_pixel.text().startswith("0.1\xa0µm") and blur.known_step.text().startswith("0.3\xa0µm")
    blur.light.setValue(610)
    choose(blur.microscope, "confocal")
    asked |= {"wavelength": 0.61, "microscope": "confocal"}
    assert blur.psf() == asked
    stack.scale = (600, 200, 200)
    assert blur.known_pixel.text().startswith("0.2\xa0µm")
    assert _asked(widget, stack) == asked | {"name": "optics", "pixel_size": [0.6, 0.2, 0.2]}


def test_a_usual_objective_is_proposed_for_a_medium_until_another_is_typed(stack, open_deconvolution):
    widget = open_deconvolution()
    blur = widget.blur
    choose(blur.how, "optics")
    for medium, aperture in [("Oil", 1.4), ("Water", 1.2), ("Air", 0.8), ("Glycerol", 1.3)]:
        choose(blur.medium, medium)
        assert blur.aperture.value() == aperture
        assert widget.controls.main.isEnabled()
    blur.aperture.setValue(1.1)
    choose(blur.medium, "Oil")
    assert blur.aperture.value() == 1.1
    choose(blur.medium, "Air")
    assert "must be below 1, the refractive index of air, but is 1.1" in widget.controls.status.text()
    assert not widget.controls.main.isEnabled()


def test_a_pixel_size_that_the_layer_does_not_say_is_asked_for(viewer, noisy, open_deconvolution, wait_until):
    layer = viewer.add_image(noisy)
    widget = open_deconvolution()
    assert widget.blur.lateral.text() == "2.50 pixel"
    choose(widget.blur.how, "optics")
    assert {"pixel"} == _shown(widget) & {"pixel", "step", "known_pixel", "known_step"}
    assert "doesn't say its pixel size" in widget.controls.status.text()
    assert not widget.controls.main.isEnabled()
    widget.blur.pixel.setValue(0.1)
    assert _asked(widget, layer)["pixel_size"] == [0.1, 0.1]
    wait_until(lambda: "sharpened by a point spread of 21 x 21 pixels, about" in widget.what.text())
    assert widget.controls.main.isEnabled()
    widget.blur.pixel.setValue(6.5)  # the camera's, and not the sample's
    wait_until(lambda: "narrower than a pixel" in widget.controls.status.text())


def test_what_cannot_be_used_is_told_in_a_sentence_and_mended(viewer, stack, open_deconvolution):
    widget = open_deconvolution()
    blur = widget.blur

    def told(words):
        assert words in widget.controls.status.text()
        assert not widget.controls.main.isEnabled()
        assert widget.start() is None

    blur.lateral.setValue(0)
    told("A width of 0 is no blur")
    blur.lateral.setValue(200)
    assert widget.controls.main.isEnabled()
    choose(blur.how, "layer")
    told("Choose the layer that shows a single bead")
    small = viewer.add_image(np.ones((3, 3, 3)), name="small")
    assert blur.bead.layer is small
    assert widget.controls.main.isEnabled()
    flat = viewer.add_image(np.ones((3, 3)), name="flat")
    assert widget.layer.layer is stack  # although another is selected
    _pick(blur.bead, stack)
    told("can't be the image itself")
    _pick(blur.bead, flat)
    told("'flat' has 2 axes, but the image is restored in volumes, of 3 axes")
    choose(widget.stacks.how, 0)
    assert widget.controls.main.isEnabled()
    _pick(blur.bead, viewer.add_image(np.ones((30, 30)), name="wide"))
    told("'wide' has 30 x 30 pixels in X and Y and is larger than the image, of 16 x 18")
    choose(blur.how, "width")
    assert widget.controls.main.isEnabled()


def test_a_click_sharpens_by_the_bead_and_the_result_lies_over_the_image(
    viewer, noisy, open_deconvolution, click, wait_until
):
    image = viewer.add_image(noisy[:20, :24], name="cell", scale=(2, 2), translate=(3, 4), rotate=20)
    bead = viewer.add_image(GaussianPSF(2.0).array(2), name="bead")
    widget = open_deconvolution()
    assert widget.layer.layer is bead
    widget.layer.layer = image
    choose(widget.blur.how, "layer")
    assert widget.blur.bead.layer is bead
    set_advanced(widget, **SHORT)
    wait_until(lambda: "sharpened by a point spread of 5 x 5 pixels" in widget.what.text())
    click(widget.controls.main)
    run = widget.controls.run
    wait_until(lambda: run.done)
    result = viewer.layers["cell [deconvolved]"]
    assert result.data.shape == image.data.shape and result.data.dtype == image.data.dtype
    for corner in ((0, 0), (19, 23)):
        np.testing.assert_allclose(result.data_to_world(corner), image.data_to_world(corner))
    expected = dip.deconvolve(image.data, bead.data, **SHORT)
    np.testing.assert_array_equal(result.data, expected.image)
    assert "Blurred again, the result differs from the image by " in widget.controls.status.text()


def test_a_doubtful_bead_is_told_before_the_click(viewer, noisy, open_deconvolution, wait_until):
    image = viewer.add_image(noisy[:20, :24], name="cell")
    viewer.add_image(np.pad(GaussianPSF(2.0).array(2), ((0, 0), (0, 8))), name="bead")
    widget = open_deconvolution()
    widget.layer.layer = image
    choose(widget.blur.how, "layer")
    wait_until(lambda: widget.what.text().endswith("with its brightest pixel in the middle."))
    assert "of memory. The point spread lies 0 x 4 pixels beside its middle" in widget.what.text()
    assert widget.controls.main.isEnabled()
    viewer.layers["bead"].data = np.zeros((5, 5))  # what it is now is looked at
    wait_until(lambda: not widget.controls.main.isEnabled())


def test_the_console_begins_a_live_run_which_an_open_widget_follows(viewer, stack, open_deconvolution):
    viewer.add_image(GaussianPSF(2.0).array(3), name="bead")
    widget = open_deconvolution()
    run = dip.viewer.deconvolve(viewer, "cell", "bead", planes=None, **SHORT)
    assert not run.done
    assert widget.controls.run is run
    assert run.wait().settings["psf"]["name"] == "measured"
    assert run.layer.name == "cell [deconvolved]"
    with pytest.raises(ValueError, match="psf has 2 entries, but the image has 3 spatial axes"):
        dip.viewer.deconvolve(viewer, "cell", (200, 200))


def test_nothing_is_wider_than_a_narrow_dock_and_all_is_reached_by_tab(make_napari_viewer, open_task):
    viewer = make_napari_viewer(show=True)
    place = {"scale": (4.4e-7, 1.1e-7, 1.1e-7), "units": ("m",) * 3, "axis_labels": ("z", "y", "x")}
    layer = viewer.add_image(np.eye(16)[None].repeat(4, 0), name="a rather long name (1).ome.tif", **place)
    widget = open_task(DeconvolutionWidget, viewer)
    for units in ("m", "pixel"):
        layer.units = (units,) * 3
        for how in ("width", "optics", "layer"):
            choose(widget.blur.how, how)
            QApplication.processEvents()
            assert widget.controls.parentWidget().minimumSizeHint().width() <= 260
            assert widget.minimumSizeHint().width() <= 280
    choose(widget.blur.how, "optics")
    chain = [widget.blur.how]
    while chain[-1] is not widget.preset and len(chain) < 60:
        chain.append(chain[-1].nextInFocusChain())
    wanted = [widget.blur.how, widget.blur.aperture, widget.blur.light, widget.blur.medium]
    wanted += [widget.blur.microscope, widget.blur.pixel, widget.blur.step, widget.preset]
    assert [field for field in chain if field in wanted] == wanted


def test_a_bead_of_other_pixels_is_refused():
    image = Image(np.zeros((16, 18)), scale=(0.1, 0.1))
    grid = Grid.of(image, axes_of(image)[0])
    for scale, words in (
        ((1, 1), ""),
        ((0.1, 0.1), ""),
        ((0.1, 0.2), "has pixels of 0.1 x 0.2, but the image's"),
    ):
        said = bead_problem(Image(np.ones((5, 5)), scale=scale, name="bead"), image, grid)
        assert bool(said) == bool(words) and words in said
