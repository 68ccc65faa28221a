import json
import time

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift, uniform_filter
from skimage import data

from napari_dip.images.noise import Noise, estimate_noise, structure_in
from napari_dip.images.synthetic import fluorescence

WHITE = ((0.0,) * 4,) * 2


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def camera():
    return data.camera()[64:320, 128:384].astype(float)


@pytest.fixture(scope="module")
def coins():
    return data.coins().astype(float)


def correlated(rng, shape, sigma, blur=0.65):
    noise = gaussian_filter(rng.normal(0, 1, shape), blur)
    return sigma * noise / noise.std()


@pytest.mark.parametrize("sigma", [2, 5, 15, 25, 50])
@pytest.mark.parametrize("picture", ["camera", "coins"])
def test_white_noise_is_measured_within_10_percent_and_half_a_grey_level(picture, sigma, rng, request):
    image = request.getfixturevalue(picture)
    noise = estimate_noise(image + rng.normal(0, sigma, image.shape))
    found = np.sqrt(noise.variance(np.quantile(image, [0.1, 0.5, 0.9])))
    np.testing.assert_allclose(found, sigma, rtol=0.1, atol=0.5)


@pytest.mark.parametrize("sigma", [15, 25, 50])
@pytest.mark.parametrize("picture", ["camera", "coins"])
def test_white_noise_is_not_declared_correlated(picture, sigma, rng, request):
    image = request.getfixturevalue(picture)
    noise = estimate_noise(image + rng.normal(0, sigma, image.shape))
    assert np.abs(np.array(noise.correlation)[:, 0]).max() < 0.15
    assert (noise.guard, noise.correlated) == (0, False)


@pytest.mark.parametrize("picture", ["camera", "coins", "brick", "grass", "gravel", "moon", "page", "text"])
@pytest.mark.parametrize("sigma", [0, 3])
def test_texture_is_not_taken_for_correlated_noise(picture, sigma, rng):
    image = getattr(data, picture)().astype(float)
    assert estimate_noise(image + rng.normal(0, sigma, image.shape)).guard == 0


@pytest.mark.parametrize("sigma", [0, 1, 3])
@pytest.mark.parametrize("size", [48, 64, 128])
def test_a_smooth_image_with_little_noise_is_not_taken_for_noise(size, sigma, rng):
    truth = fluorescence((size, size))[1].astype(float)
    truth *= 255 / np.ptp(truth)
    noise = estimate_noise(truth + rng.normal(0, sigma, truth.shape))
    assert not noise.correlated
    assert 0.9 * sigma < noise.variance(truth.mean()) ** 0.5 < 1.2 * sigma + 3.5


@pytest.mark.parametrize("seed", [1, 4])
def test_dense_cells_are_not_taken_for_correlated_noise(seed):
    noisy, _ = fluorescence((160, 160), peak=300, seed=seed)
    assert estimate_noise(noisy).guard == 0


@pytest.mark.parametrize("peak", [4, 10, 30])
@pytest.mark.parametrize("picture", ["camera", "coins"])
def test_photon_counts_have_a_variance_equal_to_their_mean(picture, peak, rng, request):
    light = request.getfixturevalue(picture) / 255 * peak
    noise = estimate_noise(rng.poisson(light).astype(float))
    assert noise.gain == pytest.approx(1, abs=0.15)
    bright = np.quantile(light, [0.5, 0.9])
    np.testing.assert_allclose(noise.variance(bright), bright, rtol=0.1)


def test_gain_offset_and_read_noise_of_a_camera(rng):
    electrons = np.tile(np.concatenate([np.zeros(64), np.linspace(0, 300, 448)]), (256, 1))
    counts = np.round(100 + 0.5 * (rng.poisson(electrons) + rng.normal(0, 4, electrons.shape)))
    noise = estimate_noise(counts.astype(np.uint16))
    assert noise.gain == pytest.approx(0.5, rel=0.05)
    assert noise.offset == pytest.approx(100, abs=1)
    assert noise.read_noise == pytest.approx(2, rel=0.1)


def test_a_dark_background_does_not_hide_the_gain(rng):
    # skimage.restoration.estimate_sigma answers for the background, which is nearly all of such an image.
    spots = gaussian_filter((rng.random((512, 512)) > 0.9995) * 1.0, 6)
    light = 60 * spots / spots.max()
    image = np.clip(np.round(3 + 4 * rng.poisson(light)), 0, 255).astype(np.uint8)
    noise = estimate_noise(image)
    assert noise.gain == pytest.approx(4, rel=0.1)
    assert noise.variance(203) == pytest.approx(800, rel=0.1)


@pytest.mark.parametrize(("count", "width", "peak"), [(20, 1.3, 500), (20, 1.3, 5000), (5, 2.0, 20000)])
def test_beads_do_not_pass_for_photon_noise(count, width, peak, rng):
    y, x = np.mgrid[:96, :96]
    field = rng.normal(100, 3, (96, 96))
    for down, right in rng.uniform(4, 91, (count, 2)):
        field += peak * np.exp(-((y - down) ** 2 + (x - right) ** 2) / (2 * width**2))
    assert np.sqrt(estimate_noise(field).variance(np.array([100, 500]))) == pytest.approx(3, rel=0.15)


def test_a_quiet_black_level_does_not_outvote_the_light(rng):
    # As in confocal captures: at the black level next to nothing moves, and most blocks may lie there.
    light = np.zeros((128, 128))
    light[:, 64:] = np.linspace(0, 15, 64)
    image = np.round(3.4 + 4 * rng.poisson(light) + rng.normal(0, 0.3, light.shape))
    noise = estimate_noise(image.astype(np.uint8))
    assert noise.gain == pytest.approx(4, rel=0.2)
    assert noise.offset == pytest.approx(3.4, abs=0.3)


def test_clipped_pixels_are_left_out(rng):
    light = np.tile(np.linspace(0, 300, 512), (512, 1))
    image = np.clip(np.round(rng.poisson(light) + rng.normal(0, 5, light.shape)), 0, 255)
    noise = estimate_noise(image.astype(np.uint8))
    assert noise.gain == pytest.approx(1, rel=0.08)
    assert noise.variance(200) == pytest.approx(225, rel=0.06)


@pytest.mark.parametrize("sigma", [15, 25])
@pytest.mark.parametrize("picture", ["camera", "coins"])
def test_the_variance_of_correlated_noise_is_measured_in_full(picture, sigma, rng, request):
    # Differences of neighbours alone would find a variance of 0.56 times this and less.
    image = request.getfixturevalue(picture)
    noise = estimate_noise(image + correlated(rng, image.shape, sigma))
    assert noise.guard == 2
    np.testing.assert_allclose(np.sqrt(noise.variance(np.quantile(image, [0.1, 0.5, 0.9]))), sigma, rtol=0.15)


@pytest.mark.parametrize(
    ("blur", "guard"),
    [
        (lambda n: n, 0),
        (lambda n: gaussian_filter(n, 0.55), 1),
        (lambda n: gaussian_filter(n, 0.8), 2),
        (lambda n: gaussian_filter(n, 1.0), 3),
        (lambda n: uniform_filter(n, 2), 1),
        (lambda n: uniform_filter(n, 3), 2),
        (lambda n: uniform_filter(n, (1, 2)), 1),
    ],
)
def test_the_correlation_is_the_kernel_s(blur, guard, rng):
    kernel = blur(np.pad([[1.0]], 8))
    spectrum = np.abs(np.fft.fft2(kernel)) ** 2
    true = np.fft.ifft2(spectrum).real
    true = np.stack([true[1:5, 0], true[0, 1:5]]) / true[0, 0]
    noise = estimate_noise(50 + blur(rng.normal(0, 10, (256, 256))))
    np.testing.assert_allclose(noise.correlation, true, atol=0.08)
    assert noise.guard == guard


@pytest.mark.parametrize(
    ("picture", "blur"), [("camera", 0.5), ("moon", 0.45), ("moon", 0.5), ("chelsea", 0.45), ("chelsea", 0.5)]
)
def test_the_little_that_neighbours_share_is_found_too(picture, blur, rng):
    truth = np.atleast_3d(getattr(data, picture)())[:256, 100:356, 0].astype(float)
    noise = gaussian_filter(rng.normal(size=truth.shape), blur)  # shared by 0.16 and 0.25
    noise *= 30 / noise.std()
    found = estimate_noise(truth + noise)
    assert found.correlated
    # Taken for white it would come to 0.82 to 0.92 of that.
    assert np.sqrt(found.variance(truth.mean())) == pytest.approx(30, rel=0.07)


def test_a_frame_that_was_moved_by_less_than_a_pixel_shares_its_noise(rng):
    moved = shift(rng.poisson(50, (256, 256)).astype(float), (0.25, 0), order=1, mode="nearest")
    noise = estimate_noise(moved)
    along, across = (axis[0] for axis in noise.correlation)
    assert along == pytest.approx(0.3, abs=0.04)  # 0.25 x 0.75 in 0.25 x 0.25 and 0.75 x 0.75
    assert abs(across) < 0.05
    assert np.sqrt(noise.variance(50)) == pytest.approx(np.sqrt(50 * 0.625), rel=0.05)


def test_an_axis_along_which_little_is_shared_is_judged_by_itself():
    cells = fluorescence((256, 256), seed=1)[1].astype(float)
    truth = 20 * ((cells - cells.min()) / np.ptp(cells))[:128, :128]
    counted = np.random.default_rng(3).poisson(truth).astype(float)
    moved, still = (shift(one, (0.35, -0.11), order=1, mode="nearest") for one in (counted, truth))
    noise = estimate_noise(moved)
    # Along rows it is shared by 0.13, and looks like twice as much for what is left of structure.
    assert noise.correlation[0][0] > 0.3 and noise.correlation[1] == (0.0,) * 4
    bright = still > 6
    assert noise.variance(still[bright]).mean() == pytest.approx(np.var((moved - still)[bright]), rel=0.12)


def test_a_volume_s_axes_are_measured_apart(rng):
    light = 200 * gaussian_filter(rng.random((24, 96, 96)), 5)
    noise = estimate_noise(light + correlated(rng, light.shape, 10, blur=(0, 0.65, 0.65)))
    rho = np.array(noise.correlation)
    assert rho.shape == (3, 4)
    assert abs(rho[0, 0]) < 0.1
    np.testing.assert_allclose(rho[1:, 0], 0.43, atol=0.15)
    assert noise.read_noise == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("shared", [False, True])
def test_planes_that_have_little_in_common_are_no_noise(shared, rng):
    light = 2000 * gaussian_filter(rng.random((10, 96, 96)), (0, 6, 6))
    sharing = (0, 0.8, 0.8) if shared else (0, 0, 0)
    noise = estimate_noise(light + correlated(rng, light.shape, 10, blur=sharing))
    assert np.sqrt(noise.variance(1000)) == pytest.approx(10, rel=0.1)
    assert noise.guard == (2 if shared else 0)


@pytest.mark.parametrize("missing", [0.1, 0.5, 0.8])
def test_missing_pixels_are_left_out(missing, rng, camera):
    image = camera + rng.normal(0, 25, camera.shape)
    image[rng.random(image.shape) < missing] = np.nan
    image[:60, :60] = np.inf
    noise = estimate_noise(image)
    assert np.sqrt(noise.variance(100)) == pytest.approx(25, rel=0.15)
    assert noise.guard == 0


@pytest.mark.parametrize("dtype", ["bool", "uint8", ">u2", "float16", "float32"])
@pytest.mark.parametrize("shape", [(64, 64), (6, 40, 40)])
def test_a_constant_has_no_noise(dtype, shape):
    noise = estimate_noise(np.ones(shape, dtype))
    assert (noise.gain, noise.read_noise, noise.guard) == (0, 0, 0)
    assert not noise.variance(np.arange(3)).any()


@pytest.mark.parametrize(
    "shape", [(1, 2), (2, 1), (2, 2), (1, 5), (3, 3), (7, 9), (1, 64), (2, 2, 2), (1, 20, 20)]
)
def test_tiny_images_have_a_finite_noise(shape, rng):
    noise = estimate_noise(rng.normal(100, 5, shape))
    assert np.isfinite([noise.gain, noise.offset, noise.read_noise]).all()
    assert 0 < noise.read_noise < 25
    assert len(noise.correlation) == len(shape)


def test_the_little_that_is_known_is_found_between_the_blocks(rng):
    image = np.full((10, 11), np.nan)
    image[8:, 8:] = rng.normal(100, 5, (2, 3))
    assert 0 < estimate_noise(image).read_noise < 20


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_small_images_are_measured_within_15_percent(size, rng):
    noise = estimate_noise(rng.normal(100, 5, (size, size)))
    assert np.sqrt(noise.variance(100)) == pytest.approx(5, rel=0.15)
    assert noise.guard == 0


def test_noise_scales_and_shifts_with_the_image(rng, camera):
    image = rng.poisson(camera).astype(float)
    noise, changed = estimate_noise(image), estimate_noise(3 * image - 1000)
    assert changed.gain == pytest.approx(3 * noise.gain, rel=1e-6)
    assert changed.offset == pytest.approx(3 * noise.offset - 1000, rel=1e-6)
    assert changed.read_noise == pytest.approx(3 * noise.read_noise, rel=1e-6)


@pytest.mark.parametrize("photons", [False, True])
def test_noise_is_the_same_in_any_unit(photons, rng, camera):
    image = rng.poisson(camera).astype(float) if photons else rng.normal(camera, 5)
    noise = estimate_noise(image)
    for unit in (1e-18, 1e-9, 1e-3, 1e9, 1e18):
        changed = estimate_noise(image * unit)
        assert changed.gain / unit == pytest.approx(noise.gain, rel=1e-6)
        assert changed.read_noise / unit == pytest.approx(noise.read_noise, rel=1e-6)


def test_an_image_of_512_by_512_takes_less_than_a_third_of_a_second(rng):
    image = rng.normal(100, 5, (512, 512))
    times = []
    for _ in range(3):
        start = time.process_time()
        estimate_noise(image)
        times.append(time.process_time() - start)
    assert min(times) < 0.3


def test_variance_is_a_line_above_the_offset_and_level_below():
    noise = Noise(2.0, 10.0, 3.0, WHITE)
    np.testing.assert_array_equal(noise.variance(np.array([0, 10, 15])), [9, 9, 19])


@pytest.mark.parametrize(
    ("correlation", "guard"),
    [
        ((0.1, 0.05, 0, 0), 0),
        ((0.16, 0.01, 0, 0), 1),
        ((0.25, 0.05, 0, 0), 2),
        ((0.57, 0.1, 0, 0), 2),
        ((0.62, 0.22, 0.1, 0), 3),
        ((0.62, 0.19, 0.1, 0.02), 3),
        ((-0.4, 0, 0, 0), 1),
    ],
)
def test_the_guard_reaches_as_far_as_the_noise_is_shared(correlation, guard):
    assert Noise(0.0, 0.0, 1.0, (correlation, (0.0,) * 4)).guard == guard


def test_noise_survives_json(rng):
    noise = estimate_noise(rng.poisson(20, (64, 64)))
    assert Noise.from_dict(json.loads(json.dumps(noise.to_dict()))) == noise


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((2, 2, 2, 2)), "one volume"),
        (np.full((4, 4), np.nan), "finite"),
    ],
)
def test_what_has_no_noise_to_measure_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        estimate_noise(image)


def test_structure_in_what_was_removed_is_told_from_noise(rng):
    level = np.full((96, 96), 50.0)
    level[30:60, 30:60] = 200
    noise = rng.poisson(level) - level
    photons = Noise(gain=1, offset=0, read_noise=0)
    assert abs(structure_in(noise, level, photons)) < 0.03
    lost = level - gaussian_filter(level, 3)
    assert structure_in(noise + lost, level, photons) > 0.2
    known = np.zeros(level.shape, bool)
    known[:20] = True  # away from it
    assert abs(structure_in(noise + lost, level, photons, known)) < 0.05


def test_structure_is_told_where_nothing_is_said_of_the_correlation_along_an_axis(rng):
    noise = Noise(0.0, 0.0, 1.0, ((0.5,), ()))
    removed = rng.normal(size=(64, 64))
    assert structure_in(removed, np.zeros((64, 64)), noise) == pytest.approx(-0.25, abs=0.05)


def test_noise_that_neighbours_share_is_no_structure(rng):
    shared = correlated(rng, (128, 128), 10)
    noise = estimate_noise(shared)
    assert noise.correlated
    assert abs(structure_in(shared, np.zeros(shared.shape), noise)) < 0.1
    assert structure_in(shared, np.zeros(shared.shape), Noise(0, 0, 10, WHITE)) > 0.3
