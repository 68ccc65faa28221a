"""Deconvolution: sharper, in its place, true to what was measured."""

import json

import numpy as np
import pytest
from scipy.signal import fftconvolve

import napari_dip as dip
from napari_dip.api import plan_deconvolve
from napari_dip.images.files import Description, write
from napari_dip.images.psf import GaussianPSF

SHORT = {"iterations": 6, "precision": "float32", "device": "cpu"}


def blurred(seed=0, size=48, peak=200.0):
    """Beads and bars seen through a Gaussian, counted, and their truth; light comes from outside too."""
    rng = np.random.default_rng(seed)
    psf = GaussianPSF(3.5).array(2)
    around = psf.shape[0] // 2
    whole = np.full((size + 2 * around,) * 2, 0.05)
    for y, x in rng.integers(0, size + around, (size**2 // 150, 2)):
        whole[y : y + 3, x : x + 3] = rng.uniform(0.4, 1.0)
    whole[:, around - 3] = whole[-around - 2 :, 10:40] = 1.0
    counted = rng.poisson(peak * fftconvolve(whole, psf, mode="valid").clip(0))
    return counted.astype("uint16"), peak * whole[around:-around, around:-around], psf


def test_results_are_nearer_to_the_truth_than_richardson_and_lucys():
    from skimage.restoration import richardson_lucy

    errors = []
    for seed in range(5):  # one alone is up to chance, and to the processor
        counted, truth, psf = blurred(seed, size=32)
        result = dip.deconvolve(counted, psf, iterations=160, precision="float32", device="cpu")
        assert result.image.dtype == counted.dtype and result.image.shape == counted.shape
        padded = np.pad(counted / 200, 9, mode="reflect")
        rivals = [200 * richardson_lucy(padded, psf, n, clip=False)[9:-9, 9:-9] for n in (5, 10, 20, 40)]
        rival = min(np.mean((one - truth) ** 2) for one in rivals)
        errors.append([np.mean((one - truth) ** 2) / rival for one in (result.image, counted)])
    assert np.mean(errors, axis=0)[0] < 0.9 and np.min(errors, axis=0)[1] > 1


@pytest.mark.parametrize(
    ("psf", "words"),
    [(-2, "psf must be a width above 0.* but one is -2"), ((2.0, 0), "but one is 0"), (40, "40 pixels wide")],
)
def test_a_width_that_no_blur_has_is_refused(psf, words):
    with pytest.raises(ValueError, match=words):
        plan_deconvolve(np.eye(24), psf)


def test_a_bead_that_is_not_in_the_middle_is_warned_of():
    image = np.random.default_rng(0).poisson(20, (24, 24))
    bead = np.zeros((9, 9))
    bead[4, 6] = 1.0
    with pytest.warns(UserWarning, match="lies 0 x 2 pixels beside its middle"):
        dip.deconvolve(image, bead, iterations=2)


def test_few_planes_that_share_their_noise_are_measured_without_a_warning(recwarn):
    plane = np.random.default_rng(0).poisson(20, (24, 24)).astype("uint16")
    dip.deconvolve(np.stack([plane] * 2), np.ones((3, 3, 3)), axes="ZYX", **SHORT | {"iterations": 2})
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]


def test_an_even_psf_moves_nothing():
    counted, _, psf = blurred()
    even = np.pad(psf, [(1, 0), (1, 0)])  # the point at size // 2, as fftshift has it
    first, second = (plan_deconvolve(counted, one, **SHORT).settings["psf"] for one in (psf, even))
    assert first == second


@pytest.mark.parametrize(
    ("shape", "axes", "psf", "size"),
    [
        ((20, 24), None, 2.0, (3, 3)),
        ((2, 20, 24), None, (2.0, 3.0), (3, 5)),
        ((6, 18, 20), None, (3.0, 2.0, 2.0), (5, 3, 3)),
        ((6, 18, 20), None, np.ones((3, 3, 5)), (3, 3, 5)),
        ((20, 24, 3), None, np.ones((4, 4)), (5, 5)),
    ],
)
def test_the_result_has_the_images_shape(shape, axes, psf, size):
    image = np.random.default_rng(0).integers(0, 200, shape).astype("uint8")
    result = dip.deconvolve(image, psf, axes=axes, **SHORT | {"iterations": 2})
    assert result.image.shape == shape and result.image.dtype == image.dtype
    assert result.iterations == 2 * (shape[0] if shape[0] == 2 else 1)


def test_the_settings_of_a_result_make_it_again():
    image = np.random.default_rng(0).poisson(20, (16, 20)).astype("uint16")
    for psf in (2.5, np.random.default_rng(1).random((4, 3)), {"wavelength": 0.6, "pixel_size": 0.2}):
        first = dip.deconvolve(image, psf, **SHORT)
        again = dip.deconvolve(image, **json.loads(json.dumps(first.settings)))
        np.testing.assert_array_equal(again.image, first.image)


def test_tiles_lie_in_their_places():
    counted, truth, psf = blurred(size=160)
    strip = (slice(None), slice(60, 84))
    result = dip.deconvolve(counted[strip], psf, tile=144, **SHORT | {"iterations": 30})
    assert max(result.history["run"]) == 1

    def likeness(shift):
        return np.corrcoef(np.roll(result.image, shift, 0).ravel(), truth[strip].ravel())[0, 1]

    assert max(range(-3, 4), key=likeness) == 0


def test_widths_are_in_the_units_of_the_file(tmp_path):
    units = Description("ZYX", (2.0, 0.5, 0.5), (0.0,) * 3, ("micrometer",) * 3)
    write(tmp_path / "a.ome.tif", np.random.default_rng(0).random((6, 16, 16)), units)
    job = plan_deconvolve(tmp_path / "a.ome.tif", (3.0, 1.0, 1.0))
    assert job.settings["psf"] == {"name": "gaussian", "fwhm": [1.5, 2.0, 2.0]}


def test_widths_and_optics_are_in_the_units_of_the_layer():
    layer = pytest.importorskip("napari.layers").Image(np.random.default_rng(0).random((6, 16, 16)))
    layer.scale, layer.units = (300, 100, 100), ("nm", "nm", "nm")
    job = plan_deconvolve(layer, (600, 250, 250), axes="ZYX")
    assert job.settings["psf"] == {"name": "gaussian", "fwhm": [2.0, 2.5, 2.5]}
    job = plan_deconvolve(layer, {"numerical_aperture": 1.2, "refractive_index": 1.33}, axes="ZYX")
    assert job.settings["psf"]["pixel_size"] == [0.3, 0.1, 0.1]
    other = {
        "numerical_aperture": 1.2,
        "wavelength": 0.5,
        "refractive_index": 1.33,
        "pixel_size": [0.9, 0.1, 0.1],
    }
    with pytest.warns(
        UserWarning, match=r"a pixel is \(0.9, 0.1, 0.1\) micrometres wide, and the image says"
    ):
        assert plan_deconvolve(layer, other, axes="ZYX").settings["psf"]["pixel_size"] == [0.9, 0.1, 0.1]
    with pytest.raises(ValueError, match="need a pixel_size in micrometres"):
        plan_deconvolve(np.eye(16), {"numerical_aperture": 1.2})


def test_a_psf_may_be_a_layer_or_a_file(tmp_path):
    from imageio.v3 import imwrite

    layers = pytest.importorskip("napari.layers")
    psf = (255 * GaussianPSF(3.0).array(2) / GaussianPSF(3.0).array(2).max()).astype("uint8")
    imwrite(tmp_path / "psf.png", psf)
    asked = [plan_deconvolve(np.eye(16), one) for one in (psf, layers.Image(psf), tmp_path / "psf.png")]
    assert asked[0].settings["psf"] == asked[1].settings["psf"] == asked[2].settings["psf"]


@pytest.mark.parametrize(
    ("psf", "words"),
    [
        ((1.0, 2.0, 3.0), "psf has 3 entries, but the image has 2 spatial axes"),
        (0.0, "psf must be a width above 0"),
        (np.ones((3, 3, 3)), "the image has 2 spatial axes"),
        ({"fwhm": 2, "width": 3}, "'width' is not known"),
        ("airy", "psf 'airy' does not exist|there is no file"),
    ],
)
def test_a_psf_that_cannot_be_used_is_refused_in_a_sentence(psf, words):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=words):
        plan_deconvolve(np.eye(16), psf)
