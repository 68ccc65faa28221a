"""Super-resolution: finer, in its place, true to what was measured."""

import json

import numpy as np
import pytest
import torch
from skimage import data

import napari_dip as dip
from napari_dip.api import plan_super_resolve
from napari_dip.engine.operators import Box, Downsample, Gaussian, Lanczos
from napari_dip.images.files import Description, write

SHORT = {"iterations": 8, "precision": "float32", "device": "cpu"}


def measure(fine, factors, kernel):
    x = torch.tensor(np.asarray(fine, dtype=np.float32))[None, None]
    return Downsample(factors, (kernel,))(x)[0, 0].numpy()


def beads(shape, sigma, seed=0, count=6):
    """Beads, at least 8 pixels from the border, and their centres."""
    rng = np.random.default_rng(seed)
    centres = np.array([[rng.uniform(8, size - 8) for size in shape] for _ in range(count)])
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), -1)
    image = sum(np.exp(-0.5 * (((grid - centre) / sigma) ** 2).sum(-1)) for centre in centres)
    return image.astype("float32"), centres


@pytest.mark.parametrize(
    ("shape", "axes", "factor", "expected"),
    [
        ((20, 24), None, 2, (40, 48)),
        ((20, 24), None, (1, 3), (20, 72)),
        ((2, 20, 24), None, 2, (2, 40, 48)),
        ((4, 16, 18), None, (4, 1, 1), (16, 16, 18)),
        ((2, 4, 16, 18), "TZYX", (2, 1, 1), (2, 8, 16, 18)),
        ((20, 24, 3), None, 2, (40, 48, 3)),
        ((20, 24, 4), None, 2, (40, 48, 4)),
    ],
)
def test_the_result_has_factor_times_the_pixels(shape, axes, factor, expected):
    image = np.random.default_rng(0).integers(0, 200, shape).astype("uint8")
    result = dip.super_resolve(image, factor, axes=axes, **SHORT)
    assert result.image.shape == expected
    assert result.image.dtype == image.dtype


@pytest.mark.parametrize("kernel", ["lanczos", {"name": "gaussian", "fwhm": 1.2}])
def test_the_result_downsampled_is_the_image_to_within_the_noise(kernel):
    fine = data.coins()[60:124, 60:124] / 255
    chosen = {"lanczos": Lanczos(), "box": Box()}.get(str(kernel)) or Gaussian(1.2)
    coarse = measure(fine, (2, 2), chosen)
    noisy = coarse + np.random.default_rng(0).normal(0, 0.03, coarse.shape)
    result = dip.super_resolve(noisy, 2, kernel=kernel, iterations=150, precision="float32", device="cpu")
    again = measure(result.image, (2, 2), chosen)
    assert result.residual == pytest.approx(np.sqrt(np.mean((again - noisy) ** 2)), rel=0.02)
    assert result.residual < 2 * 0.03
    assert result.noise == pytest.approx(0.03, rel=0.5)


def test_beads_stay_where_they_are():
    fine, centres = beads((64, 64), 2.5)
    coarse = measure(fine, (4, 4), Box())
    result = dip.super_resolve(coarse, 4, kernel="box", iterations=80, precision="float32", device="cpu")
    for centre in centres:
        low = np.maximum(np.round(centre).astype(int) - 5, 0)
        window = tuple(slice(a, a + 11) for a in low)
        if sum(np.abs(other - centre).max() < 12 for other in centres) > 1:
            continue  # two beads in one window have one centre of mass
        weights = np.clip(result.image[window] - 0.05, 0, None)
        mass = [(np.indices(weights.shape)[a] * weights).sum() / weights.sum() + low[a] for a in (0, 1)]
        # The result's pixels are the fine grid's: a quarter of a fine pixel is a sixteenth of the image's.
        np.testing.assert_allclose(mass, centre, atol=0.6)


def test_fine_detail_comes_back_better_than_by_cubic_interpolation():
    from scipy.ndimage import zoom

    truth = data.camera()[100:164, 180:244] / 255
    coarse = measure(truth, (2, 2), Lanczos())
    result = dip.super_resolve(coarse, 2, iterations=150, precision="float32", device="cpu").image
    cubic = zoom(coarse, 2, order=3, mode="nearest", grid_mode=True)
    inner = (slice(4, -4),) * 2

    def error(image):
        return np.mean((image - truth)[inner] ** 2)

    assert error(result) < error(cubic)


def test_psf_is_said_in_the_units_of_the_layer():
    layer = pytest.importorskip("napari.layers").Image(np.random.default_rng(0).random((6, 16, 16)))
    layer.scale = (2.0, 0.5, 0.5)
    job = plan_super_resolve(layer, (4, 1, 1), psf=(3.0, 0.5, 0.5))
    assert [kernel["fwhm"] for kernel in job.settings["kernel"]] == [1.5, 1.0, 1.0]
    with pytest.raises(TypeError, match="give one of them"):
        plan_super_resolve(layer, (4, 1, 1), psf=3.0, kernel="box")


def test_a_file_is_as_good_as_the_layer_that_it_opens_as(tmp_path):
    volume, description = np.random.default_rng(0).random((6, 16, 16)), Description.plain("QYX")
    write(tmp_path / "a.ome.tif", volume, description)
    assert plan_super_resolve(tmp_path / "a.ome.tif", (4, 1, 1)).shape == (24, 16, 16)
    write(
        tmp_path / "b.ome.tif", volume, Description("ZYX", (2.0, 0.5, 0.5), (0.0,) * 3, ("micrometer",) * 3)
    )
    job = plan_super_resolve(tmp_path / "b.ome.tif", (4, 1, 1), psf=(3.0, 0.5, 0.5))
    assert [kernel["fwhm"] for kernel in job.settings["kernel"]] == [1.5, 1.0, 1.0]


def test_what_does_not_fit_in_memory_runs_in_tiles(monkeypatch):
    import napari_dip.job as job_module

    image = np.random.default_rng(0).random((80, 80)).astype("float32")
    whole = plan_super_resolve(image, 2, **SHORT)
    assert len(whole.parts) == 1 and whole.settings["tile"] is None
    monkeypatch.setattr(job_module, "available_memory", lambda device: 0.9 * whole.memory)
    tiled = plan_super_resolve(image, 2, **SHORT)
    assert len(tiled.parts) > 1 and tiled.memory < whole.memory
    for _ in tiled:
        pass
    result = tiled.result()
    assert result.image.shape == (160, 160) and np.isfinite(result.image).all()
    # The settings say how it was cut: it comes out the same where there is more memory.
    monkeypatch.undo()
    again = dip.super_resolve(image, **json.loads(json.dumps(result.settings)))
    np.testing.assert_array_equal(again.image, result.image)


@pytest.mark.parametrize("factor", [0, 1, 1.5, -2, True, "2", 17, (1, 1), (2, 1.5), None])
def test_a_factor_that_cannot_be_used_is_refused_in_a_sentence(factor):
    with pytest.raises(ValueError, match="factor must be a whole number from 2 to 16"):
        dip.super_resolve(np.eye(16), factor)


def test_a_list_of_factors_of_the_wrong_length_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"factor has 3 entries.*2 spatial axes, Y and X"):
        dip.super_resolve(np.eye(16), (2, 2, 2))


@pytest.mark.parametrize("given", [{"psf": (1.0, 2.0, 3.0)}, {"psf": [1.0]}, {"kernel": ["box"]}])
def test_a_kernel_or_psf_for_another_number_of_axes_is_refused_in_a_sentence(given):
    with pytest.raises(ValueError, match=r"(psf|kernel) has \d entries, but the image has 2 spatial axes"):
        plan_super_resolve(np.eye(16), 2, **given)


def test_a_result_larger_than_memory_is_refused_in_a_sentence():
    image = np.broadcast_to(np.uint8(0), (60_000, 60_000))
    with pytest.raises(MemoryError, match=r"result of 960000 x 960000 .* needs 858.3 GiB"):
        dip.super_resolve(image, 16)


def test_the_denoisers_correction_is_refused():
    with pytest.raises(ValueError, match="is for denoising"):
        dip.super_resolve(np.random.default_rng(0).random((32, 32)), 2, correction="patches")
