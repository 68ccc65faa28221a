"""Point spread functions: where the point lies, how wide it is, what they are in a file."""

import json

import numpy as np
import pytest
from scipy.ndimage import convolve
from scipy.special import j1

from napari_dip.engine.components import choose
from napari_dip.images.psf import PSFS, GaussianPSF, MeasuredPSF, Optics


def width(along):
    """Full width at half maximum, interpolated."""
    half, top = along.max() / 2, int(along.argmax())
    right = next(i for i in range(top, len(along)) if along[i] < half)
    part = (along[right - 1] - half) / (along[right - 1] - along[right])
    return 2 * (right - 1 + part - top)


@pytest.mark.parametrize("spread", [GaussianPSF(3.0), Optics(pixel_size=0.1), Optics(1.2, 0.6, 1.33, 0.15)])
@pytest.mark.parametrize("axes", [2, 3])
def test_a_psf_sums_to_1_and_has_its_peak_in_the_middle(spread, axes):
    psf = spread.array(axes)
    assert psf.ndim == axes and all(side % 2 for side in psf.shape)
    assert psf.sum() == pytest.approx(1, abs=1e-12)
    assert np.unravel_index(psf.argmax(), psf.shape) == tuple(side // 2 for side in psf.shape)
    assert np.allclose(psf, psf[(slice(None, None, -1),) * axes])


def test_a_gaussian_has_its_widths():
    psf = GaussianPSF((6.0, 4.0, 2.5)).array(3)
    for axis, fwhm in enumerate((6.0, 4.0, 2.5)):
        along = psf.sum(tuple(other for other in range(3) if other != axis))
        assert width(along) == pytest.approx(fwhm, rel=0.06)


def test_a_dry_objective_in_focus_makes_an_airy_disk():
    aperture, wavelength, pixel = 0.3, 0.5, 0.1
    psf = Optics(aperture, wavelength, 1.0, pixel).array(2)
    across = psf[psf.shape[0] // 2, psf.shape[1] // 2 :]
    v = 2 * np.pi * aperture / wavelength * pixel * np.arange(1, len(across))
    np.testing.assert_allclose(across[1:] / across[0], (2 * j1(v) / v) ** 2, atol=0.02)


def test_light_away_from_the_focus_spreads_and_is_not_lost_but_in_a_confocal_microscope():
    wide, confocal = (
        Optics(1.2, 0.5, 1.33, (0.3, 0.1, 0.1), kind).array(3) for kind in ("widefield", "confocal")
    )
    planes, sharp = wide.sum((1, 2)), confocal.sum((1, 2))
    assert planes[0] > 0.75 * planes[len(planes) // 2]
    assert sharp[0] < 0.1 * sharp[len(sharp) // 2]
    assert wide[0].max() < 0.2 * wide.max()


@pytest.mark.parametrize("size", [4, 5])
def test_a_measured_psf_is_centred_as_in_ndimage(size):
    given = np.random.default_rng(0).random((size, size)) + 0.1
    psf = MeasuredPSF.of(7 * given, 2).array(2)
    point = np.zeros((15, 15))
    point[7, 7] = 1
    np.testing.assert_allclose(convolve(point, psf), convolve(point, given / given.sum()), atol=1e-6)


def test_faint_ends_of_a_measured_psf_are_cut():
    wide = np.pad(GaussianPSF(3.0).array(2), 20)
    assert MeasuredPSF.of(wide, 2).shape == (9, 9)


@pytest.mark.parametrize(
    "spread",
    [GaussianPSF((2.0, 3.0)), Optics(pixel_size=(0.1, 0.2)), MeasuredPSF.of(np.eye(4), 2)],
)
def test_json_makes_the_same_psf_again(spread):
    again = choose(PSFS, json.loads(json.dumps(spread.to_dict())), Optics(), "psf")
    np.testing.assert_array_equal(again.array(2), spread.array(2))


def spot(*centre, size=21):
    y, x = np.mgrid[:size, :size]
    return 200 * np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 8)


@pytest.mark.parametrize(
    ("light", "words"),
    [
        (spot(10, 14), "lies 0 x 4 pixels beside its middle"),
        (spot(10, 10) + 10, "47% of the point spread's light is as strong everywhere"),
        (spot(5, 5) + spot(15, 15), "2 bright spots"),
        (np.random.default_rng(0).normal(size=(31, 31)), "bright spots, as of"),
    ],
)
def test_what_is_hardly_the_image_of_one_point_is_told(light, words):
    assert words in MeasuredPSF.of(light, 2).doubt


@pytest.mark.parametrize("noise", [0, 30, 1000])
def test_beads_optics_and_plain_kernels_are_not_doubted(noise):
    rng = np.random.default_rng(0)
    likely = [
        *(spot(10 + half, 10) for half in (0, 0.5)),
        *(
            np.pad(optics.array(axes), 4)
            for optics in (Optics(pixel_size=0.1), Optics(0.5, pixel_size=0.3))
            for axes in (2, 3)
        ),
    ]
    if noise:
        likely = [rng.poisson(noise * one / one.max() + 5) - 5.0 for one in likely]
    else:
        y, x = np.mgrid[:21, :21] - 10
        disc, ring = y**2 + x**2 < 36, abs(np.hypot(y, x) - 6) < 1
        likely += [np.ones((3, 3)), np.ones((1, 7)), np.eye(5), np.ones((1, 1)), disc, ring]
    assert [MeasuredPSF.of(one, one.ndim).doubt for one in likely] == [""] * len(likely)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianPSF(0.0), "fwhm of .gaussian. must be a number above 0"),
        (lambda: GaussianPSF((1.0, 2.0)).array(3), "fwhm has 2 entries, but the image has 3"),
        (lambda: Optics(1.5, 0.5, 1.33), "below the refractive index, 1.33"),
        (lambda: Optics(1.4, 520.0), "wavelength must be in micrometres"),
        (lambda: Optics().array(2), "need a pixel_size in micrometres"),
        (lambda: Optics(microscope="sheet"), "'widefield' or 'confocal'"),
        (lambda: MeasuredPSF.of(np.zeros((3, 3)), 2), "have light in it"),
        (lambda: MeasuredPSF.of(np.full((3, 3), np.nan), 2), "finite numbers"),
        (lambda: MeasuredPSF.of(np.ones((3, 3)), 3), r"shape \(3, 3\) .* but the image has 3 spatial axes"),
    ],
)
def test_what_is_no_psf_is_refused_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()
