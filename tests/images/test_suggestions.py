import dask.array as da
import numpy as np
import pytest
from skimage import data

from napari_dip.images.axes import Axes
from napari_dip.images.suggestions import FINDINGS, suggest_mask
from napari_dip.images.synthetic import fluorescence


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def found(image, axes=None):
    return suggest_mask(image, Axes.of(image.shape, axes))


def defects(shape, rng, share=0.002):
    """Where hot and where dead pixels are."""
    draw = rng.random(shape)
    return draw < share / 2, draw > 1 - share / 2


@pytest.mark.parametrize("peak", [3, 10, 30, 100, 1000])
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_found_in_noisy_or_clean_fluorescence_with_bright_puncta(peak, seed):
    noisy, truth = fluorescence((256, 256), peak=peak, seed=seed)
    assert found(noisy).counts == {} and found(truth).counts == {}


@pytest.mark.parametrize("sigma", [0, 5, 25])
@pytest.mark.parametrize("picture", ["camera", "coins"])
def test_next_to_nothing_is_found_in_photographs(picture, sigma, rng):
    image = getattr(data, picture)().astype(float)
    counts = found(image + rng.normal(0, sigma, image.shape)).counts
    assert counts.get(1, 0) <= 25  # of more than 100,000 pixels
    assert counts.keys() <= ({1, 2} if (picture, sigma) == ("camera", 0) else {1})  # the sky is burnt out


@pytest.mark.parametrize("peak", [1, 4, 30])
def test_photon_noise_is_not_damage(peak, rng):
    image = rng.poisson(data.camera() / 255 * peak).astype(np.uint16)
    assert found(image).counts == {}


@pytest.mark.parametrize("share", [0.0002, 0.002, 0.01])
@pytest.mark.parametrize("peak", [10, 30, 100])
def test_95_percent_of_hot_and_dead_pixels_are_found_and_no_others(share, peak, rng):
    image, _ = fluorescence(peak=peak)
    hot, dead = defects(image.shape, rng, share)
    image[hot] = 2 * image.max()
    image[dead] = 0
    labels = found(image).labels == 1
    assert labels[hot].mean() > 0.95 and labels[dead].mean() > 0.95
    assert (labels & ~hot & ~dead).sum() <= 2


def test_hot_pixels_are_found_in_a_noiseless_image(rng):
    _, image = fluorescence()
    hot, _ = defects(image.shape, rng)
    image[hot] = 4095
    labels = found(image).labels
    assert (labels[hot] == 1).mean() > 0.95 and (labels[~hot] == 0).all()


@pytest.mark.parametrize("top", [255, 1000])
def test_clipped_areas_are_saturated(top, rng):
    _, truth = fluorescence(peak=30)
    y, x = np.mgrid[:512, :512]
    light = (truth - 100) * 0.4 + 3 * top * np.exp(-((y - 200) ** 2 + (x - 300) ** 2) / (2 * 9**2))
    image = np.clip(rng.poisson(light), 0, top).astype(np.uint8 if top == 255 else np.uint16)
    labels = found(image).labels
    clipped = light > 1.25 * top
    assert clipped.sum() > 300 and (labels[clipped] == 2).all() and (image[labels == 2] == top).all()
    assert set(np.unique(labels)) == {0, 2}


def test_where_areas_are_saturated_so_are_specks_of_the_same_value(rng):
    image = fluorescence(peak=30)[0]
    image = np.minimum(image, 3000).astype(np.uint16)
    image[100:120, 100:120] = 4095
    image[200:202, 50:52] = image[300, 80:84] = image[122, 118] = 4095
    labels = found(image).labels
    assert (labels[image == 4095] > 0).all() and (labels[image < 4095] == 0).all()
    assert (labels[200:202, 50:52] == 2).all()


def test_single_pixels_that_noise_clips_are_not_an_area(rng):
    image = np.clip(data.camera() + rng.normal(0, 25, (512, 512)), 0, 255).astype(np.uint8)
    assert (image == 255).sum() > 1000 and sum(found(image).counts.values()) < 30


def test_neither_dark_clipping_nor_a_drawing_nor_white_paper_is_saturated():
    noisy, _ = fluorescence(peak=30)
    dark = np.maximum(noisy, np.quantile(noisy, 0.6)).astype(np.uint16)
    drawing = np.kron(np.random.default_rng(0).integers(0, 9, (16, 16)), np.ones((16, 16), int)) + 0
    paper = np.where(noisy > np.median(noisy), 255, noisy // 2).astype(np.uint8)
    for image in (dark, drawing, paper):
        assert 2 not in found(image).counts


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_missing_and_hide_nothing_else(value, rng):
    image = fluorescence(peak=30)[0].astype(float)
    lost = rng.random(image.shape) < 0.05
    lost[100:130, 50:90] = True
    image[lost] = value
    image[300, 300] = 3000
    labels = found(image).labels
    assert (labels[lost] == 3).all() and (labels == 3).sum() == lost.sum()
    assert labels[300, 300] == 1 and (labels == 1).sum() <= 3


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("peak", [10, 30, 300])
def test_all_dropped_rows_and_columns_are_found_and_no_others(turned, peak):
    image = fluorescence(peak=peak)[0].astype(float)
    dropped = [20, 21, 99, 250, 400, 401, 402]
    image[dropped] = 0
    image[300] += 10 * peak
    image[333] = image[333].max()
    if turned:
        image = image.T.copy()
    labels = found(image).labels.T if turned else found(image).labels
    assert np.flatnonzero((labels == 4).all(axis=1)).tolist() == sorted([*dropped, 300, 333])
    assert (labels == 4).sum() == 9 * 512 and (labels == 1).sum() == 0


def test_a_black_margin_is_not_a_dropout():
    image = np.pad(fluorescence((200, 200))[0], ((12, 3), (0, 30)))
    assert 4 not in found(image).counts


def test_planes_of_a_stack_are_looked_at_one_by_one():
    stack = np.stack([fluorescence((128, 128), seed=s)[0] for s in range(3)])
    stack[1, 40, 50], stack[2, 60] = 9999, 0
    for image, axes in ((stack, None), (stack, "ZYX"), (da.from_array(stack, chunks=(1, -1, -1)), None)):
        suggestion = found(image, axes)
        assert suggestion.labels.shape == stack.shape and suggestion.labels.dtype == np.uint8
        assert np.argwhere(suggestion.labels == 1).tolist() == [[1, 40, 50]]
        assert (suggestion.labels[2, 60] == 4).all() and suggestion.counts == {1: 1, 4: 128}


def test_a_pixel_is_damaged_if_one_of_its_colours_is():
    image = np.stack([fluorescence((128, 128), seed=s, peak=20)[0] for s in range(3)], axis=-1)
    image[5, 6, 1], image[70, 80, 2] = 2000, 0
    suggestion = found(image)
    assert suggestion.labels.shape == (128, 128)
    assert np.argwhere(suggestion.labels).tolist() == [[5, 6], [70, 80]]


@pytest.mark.parametrize("image", [np.full((40, 40), 7), np.arange(6).reshape(2, 3), np.eye(30) > 0])
def test_images_without_anything_to_tell_give_nothing_or_little(image):
    assert sum(found(image).counts.values()) <= 2


def test_every_label_has_a_name():
    assert set(FINDINGS) == {1, 2, 3, 4}


def test_numbers_that_floats_cannot_tell_apart_are_no_findings():
    image = 2**62 + np.random.default_rng(0).integers(0, 99, (24, 24))
    assert not np.any(suggest_mask(image, Axes.of((24, 24))).labels)
