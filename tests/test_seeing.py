import json

import numpy as np
import pytest
import torch
from torch import nn

import napari_dip as dip

SIDE = 32
NORMALISE = (0.3, 0.25)
QUICK = {"iterations": 3, "precision": "float32"}
# The preset's generator with fewer scales: the pictures are small.
SMALL = {"network": {"channels": (16, 32, 32)}, "precision": "float32"}
# The same over pixels, and nothing to say what an image is.
PIXELS = {"preset": "tv", "tv": 0.0, "penalty": "none"}


def cells(count, seed):
    """Discs, rods and rings on a dark background, with noise, and which of them a picture shows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    kinds = rng.integers(0, 3, count)
    pictures = np.zeros((count, 1, SIDE, SIDE), np.float32)
    for picture, kind in zip(pictures, kinds, strict=True):
        for cy, cx in rng.uniform(7, SIDE - 7, (2, 2)):
            radius, turn = rng.uniform(4, 6), rng.uniform(0, np.pi)
            u = (y - cy) * np.cos(turn) + (x - cx) * np.sin(turn)
            v = (x - cx) * np.cos(turn) - (y - cy) * np.sin(turn)
            if kind == 1:
                u, v = u / 2, v * 2.5
            far = np.hypot(u, v) - radius
            shape = np.exp(-((far / 1.2) ** 2)) if kind == 2 else 1 / (1 + np.exp(far / 0.6))
            picture[0] = np.maximum(picture[0], rng.uniform(0.6, 1) * shape)
    pictures = 0.1 + 0.8 * pictures + rng.normal(0, 0.04, pictures.shape)
    return torch.tensor(pictures, dtype=torch.float32), torch.tensor(kinds)


def given(pictures):
    return (pictures - NORMALISE[0]) / NORMALISE[1]


@pytest.fixture(scope="module")
def trained():
    """A network that tells discs, rods and rings apart, and the pictures that it has learned from."""
    pictures, kinds = cells(200, 0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers, width = [], 1
        for channels in (8, 16, 24):
            block = [nn.Conv2d(width, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(True)]
            layers.append(nn.Sequential(*block, nn.MaxPool2d(2)))
            width = channels
        network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))
        optimiser = torch.optim.Adam(network.parameters(), 0.01)
        for _ in range(10):
            for chosen in torch.randperm(len(pictures)).split(25):
                loss = nn.functional.cross_entropy(network(given(pictures[chosen])), kinds[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    network.eval()
    with torch.no_grad():
        others, theirs = cells(150, 1)
        assert (network(given(others)).argmax(1) == theirs).float().mean() > 0.8  # it has learned something
    return network, pictures


def psnr(image, truth):
    return -10 * np.log10(np.mean((image - truth) ** 2))


def grain(image):
    """Return the part of the power in waves shorter than 4 pixels."""
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    short = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij")) > 0.25
    return power[short].sum() / power.sum()


def test_the_features_of_a_shallow_layer_give_back_the_image(trained):
    network, _ = trained
    image = cells(3, 5)[0][1, 0].numpy()
    seen = dip.invert_features(network, "0", image, normalise=NORMALISE, iterations=120, **SMALL)
    assert seen.feature_error < 0.25
    assert psnr(seen.image, image) > 22
    assert seen.image.shape == image.shape and seen.image.dtype == image.dtype
    assert seen.history["data_term"][-1] < seen.history["data_term"][0] / 10


def test_behind_deep_features_the_generator_finds_a_more_natural_image_than_pixels_alone(trained):
    network, _ = trained
    image = cells(3, 5)[0][1, 0].numpy()
    common = {"normalise": NORMALISE, "iterations": 150}
    grains = []
    for seed in range(2):  # one alone is up to chance, and to the processor
        seen = dip.invert_features(network, "2", image, seed=seed, **common, **SMALL)
        alone = dip.invert_features(network, "2", image, seed=seed, **common, **PIXELS)
        assert seen.feature_error < 0.25 and alone.feature_error < 0.3  # the layer takes both for the image
        assert psnr(seen.image, image) > psnr(alone.image, image) + 3
        grains.append(grain(seen.image) / grain(alone.image))
    assert np.mean(grains) < 1 / 2


def test_a_class_is_excited_more_than_by_all_pictures_that_the_network_has_learned_from(trained):
    network, pictures = trained
    common = {"unit": 0, "shape": (SIDE, SIDE), "normalise": NORMALISE}
    seen = dip.maximise_activation(network, None, iterations=80, **common, **SMALL)
    with torch.no_grad():
        most = network(given(pictures))[:, 0].max().item()
        said = network(given(torch.tensor(seen.image)[None, None]))[0]
    assert seen.activation == pytest.approx(said[0].item(), rel=1e-3)
    assert seen.activation > 1.5 * most and said.argmax() == 0
    assert seen.image.min() >= 0 and seen.image.max() <= 1
    alone = dip.maximise_activation(network, None, iterations=80, **common, **PIXELS)
    assert grain(seen.image) < grain(alone.image) / 2


def test_the_settings_are_json_and_make_the_same_again():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    image = np.random.default_rng(0).random((20, 24), dtype="float32")
    seen = dip.invert_features(network, "1", image, normalise=(0.4, 0.2), seed=5, **QUICK)
    again = dip.invert_features(network, image=image, **json.loads(json.dumps(seen.settings)))
    other = dip.invert_features(network, image=image, **seen.settings | {"seed": 6})
    assert np.array_equal(seen.image, again.image) and not np.array_equal(seen.image, other.image)
    assert seen.settings == again.settings
    assert json.dumps(seen.to_dict()) and seen.iterations == len(seen.history["seconds"]) == 3

    excited = dip.maximise_activation(network, "0", unit=(2, 5, 5), shape=(20, 24), jitter=2, **QUICK)
    again = dip.maximise_activation(network, **json.loads(json.dumps(excited.settings)))
    still = dip.maximise_activation(network, **excited.settings | {"jitter": 0})
    assert np.array_equal(excited.image, again.image) and not np.array_equal(excited.image, still.image)
    assert excited.activation == again.activation and excited.feature_error is None


def test_a_callable_prepares_the_image_and_has_to_be_given_again():
    network, image = nn.Conv2d(2, 4, 3), np.random.default_rng(0).random((20, 24))

    def both(x):
        return torch.cat([x, 1 - x], 1)

    seen = dip.invert_features(network, None, image, normalise=both, **QUICK)
    with pytest.raises(ValueError, match=r"normalise must be .* but is .*both"):
        dip.invert_features(network, image=image, **seen.settings)
    again = dip.invert_features(network, image=image, **seen.settings | {"normalise": both})
    assert np.array_equal(seen.image, again.image)


def test_a_grey_image_is_shown_in_all_channels_by_three_means():
    network = nn.Conv2d(3, 4, 3)
    image = np.random.default_rng(0).integers(0, 255, (20, 24), dtype="uint8")
    with pytest.raises(ValueError, match=r"takes images of 3 channels.*three numbers each"):
        dip.invert_features(network, None, image, **QUICK)
    normalise = ((120, 110, 100), (50, 60, 70))
    seen = dip.invert_features(network, None, image, normalise=normalise, **QUICK)
    assert seen.image.shape == image.shape and seen.image.dtype == np.uint8


def test_features_without_places_are_inverted_too():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
    image = np.random.default_rng(0).random((12, 10)).astype("float32")
    found = dip.invert_features(network, "", image, **QUICK)
    assert found.image.shape == image.shape
    assert 0 < found.feature_error < 10


def test_colours_opacity_and_volumes_come_back_as_they_were_given():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (20, 24, 4), dtype="uint8")
    seen = dip.invert_features(nn.Conv2d(3, 4, 3), None, colours, normalise=(120, 60), **QUICK)
    assert seen.image.shape == colours.shape and (seen.image[..., 3] == colours[..., 3]).all()
    volume = rng.random((6, 20, 24), dtype="float32")
    deep = nn.Conv3d(1, 4, 3)
    assert dip.invert_features(deep, None, volume, axes="ZYX", **QUICK).image.shape == volume.shape
    excited = dip.maximise_activation(deep, None, unit=1, shape=(6, 20, 24), axes="ZYX", **QUICK)
    assert excited.image.shape == volume.shape
    assert (
        dip.maximise_activation(nn.Conv2d(3, 4, 3), None, unit=1, shape=(20, 24, 3), **QUICK).image.ndim == 3
    )


def test_a_run_is_followed_stopped_and_done_where_slopes_are_switched_off():
    network, steps = nn.Conv2d(1, 4, 3), []
    with torch.no_grad():
        seen = dip.maximise_activation(
            network,
            None,
            unit=1,
            shape=(20, 24),
            callback=lambda step: steps.append(step.progress) or len(steps) == 4,
            **QUICK | {"iterations": 50},
        )
    with torch.inference_mode():
        assert dip.invert_features(network, None, IMAGE, **QUICK).image.shape == IMAGE.shape
    assert seen.stopped_by == "user" and seen.iterations == 4 and seen.image.shape == (20, 24)
    assert steps == sorted(steps)


def test_a_script_says_how_to_make_it_again():
    network = nn.Sequential(nn.Conv2d(1, 4, 3))
    image = np.random.default_rng(0).random((20, 24), dtype="float32")
    seen = dip.invert_features(network, "0", image, normalise=(0.4, 0.2), **QUICK)
    script = (
        seen.as_python().replace("model = ...", "model = network").replace("image = ...", "image = given")
    )
    names = {"network": network, "given": image}
    exec(script.replace("image = ...", "image = given"), names)
    assert np.array_equal(names["seen"].image, seen.image)
    assert "feature error" in seen._repr_html_()


IMAGE = np.random.default_rng(0).random((20, 24))
NAN = np.where(IMAGE > 0.9, np.nan, IMAGE)


@pytest.mark.parametrize(
    ("image", "settings", "says"),
    [
        (IMAGE, {"normalise": (0.5, 0)}, "std above 0"),
        (IMAGE, {"normalise": (0.5, np.inf)}, "std above 0"),
        (IMAGE, {"normalise": ((1, 2), (1, 2))}, r"takes images of 1 channel|Given groups=1"),
        (np.stack([IMAGE] * 3, -1), {"normalise": ((1, 2), (1, 2))}, r"every channel \(3 here\)"),
        (255 * IMAGE, {"normalise": (0.45, 0.23)}, "standard deviations off.*image / 255"),
        (IMAGE, {"normalise": lambda x: x.numpy(force=True)}, "torch tensor, but returned a ndarray"),
        (IMAGE, {"limits": (1, 0)}, "the darker first"),
        (np.stack([IMAGE] * 5), {}, r"one image at a time.*image\[0\]"),
        (NAN, {}, "NaN"),
        (IMAGE, {"stopping": "held-out"}, "stopping='held-out' needs a measured image"),
        (IMAGE, {"likelihood": "excitement"}, "likelihood='excitement' is not for this"),
        (IMAGE, {"colour": 1}, "'colour' is not known"),
        (IMAGE, {"preset": "ulyanov2018"}, "Choose one of: fast, best"),
    ],
)
def test_what_can_not_be_inverted_is_refused_in_a_sentence(image, settings, says):
    with pytest.raises((TypeError, ValueError), match=says):
        dip.invert_features(nn.Conv2d(1, 4, 3), None, image, **settings)


def test_where_a_layer_gives_nothing_but_0_it_is_said():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    nn.init.constant_(network[0].bias, -100.0)
    with pytest.raises(ValueError, match="nothing but 0"):
        dip.invert_features(network, "1", IMAGE)
    with pytest.warns(UserWarning, match="choose the layer before its ReLU"):
        dip.maximise_activation(network, "1", unit=0, shape=(20, 24), **QUICK)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"unit": 4},
            r"unit=4 is not there: the layer None gives 4 x 18 x 22 numbers. Choose one from 0 to 3",
        ),
        ({"unit": (0, 18, 0)}, "is not there"),
        ({"unit": 0.5}, "is not there"),
        ({"unit": 0, "shape": (20, -1)}, "whole numbers above 0"),
        ({"unit": 0, "shape": (5, 20, 24)}, "one image at a time"),
        ({"unit": 0, "jitter": -1}, "jitter must be"),
        ({"unit": 0, "likelihood": "gaussian"}, "likelihood='gaussian' is not for this"),
    ],
)
def test_what_can_not_be_excited_is_refused_in_a_sentence(settings, says):
    with pytest.raises((TypeError, ValueError), match=says):
        dip.maximise_activation(nn.Conv2d(1, 4, 3), None, **{"shape": (20, 24)} | settings)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"torch.nn.Module, but is a "):
        dip.invert_features(np.mean, None, IMAGE)


def test_an_image_with_opacity_is_opaque():
    seen = dip.maximise_activation(nn.Conv2d(3, 4, 3), None, unit=1, shape=(20, 24, 4), **QUICK)
    assert np.all(seen.image[..., 3] == 1) and np.std(seen.image[..., :3]) > 0
