"""What holds of every image: of any type, range, scale and order of axes, and whatever is asked for."""

import contextlib
import json
import re
import tempfile

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import napari_dip as dip
from napari_dip.engine.likelihoods import LIKELIHOODS

QUICK = {
    "iterations": 3,
    "device": "cpu",
    "precision": "float32",
    "network": {"name": "subpixel", "channels": [4, 4]},
}
SEEDS = st.integers(0, 2**32 - 1)


def examples(number):
    """Try a property so often, each time the same. Simpler examples are not looked for: hundreds of runs."""
    return settings(
        max_examples=number, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
    )


def picture(shape=(20, 24), seed=0):
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    clean = 500 + 200 * np.sin(x / 5) * np.cos(y / 4)
    return np.random.default_rng(seed).normal(clean, 30, shape)


WHOLE = ["bool", "uint8", "int8", "uint16", "int16", ">u2", "int32", "uint32", "int64", "uint64"]
BROKEN = {"float16": 6e4, "float32": 2.0**120, "float64": 2.0**120, ">f4": 2.0**30}


@st.composite
def images(draw, shape=(9, 12)):
    """Return an image of any type, of numbers from all of its range."""
    dtype = draw(st.sampled_from([*WHOLE, *BROKEN]))
    limit = BROKEN.get(dtype)
    elements = None if limit is None else {"min_value": -limit, "max_value": limit}
    return draw(arrays(dtype, shape, elements=elements))


@examples(10)
@given(images(), SEEDS, st.floats(0.02, 0.8))
def test_known_pixels_come_back_bit_for_bit_whatever_type_they_are_of(image, seed, part):
    mask = np.random.default_rng(seed).random(image.shape) < part
    mask[0, 0], mask[-1, -1] = True, False
    filled = dip.inpaint(image, mask, **QUICK).image
    assert filled.dtype == image.dtype.newbyteorder("=") and filled.shape == image.shape
    assert filled[~mask].tobytes() == image[~mask].astype(filled.dtype).tobytes()


@examples(8)
@given(
    st.sampled_from(sorted(LIKELIHOODS)),
    st.floats(-6, 6),
    st.floats(-1e3, 1e3),
    st.sampled_from(["measured", "told"]),
)
def test_a_result_scales_and_shifts_with_the_image(likelihood, magnitude, offset, noise):
    # As far as the noise does: what is told of it is told in the image's own units.
    factor = 10**magnitude
    told = {"gain": 2.0, "offset": 300.0, "read_noise": 8.0, "correlation": []}
    scaled = {
        "gain": factor * told["gain"],
        "offset": factor * (told["offset"] + offset),
        "read_noise": factor * told["read_noise"],
        "correlation": [],
    }
    given = [{"noise": one} if noise == "told" else {} for one in (told, scaled)]
    image = picture()
    one = dip.denoise(image, likelihood=likelihood, **given[0], **QUICK).image
    other = dip.denoise(factor * (image + offset), likelihood=likelihood, **given[1], **QUICK).image
    np.testing.assert_allclose(other / factor - offset, one, rtol=0, atol=2e-3 * np.ptp(image))


STACK = picture((2, 2, 12, 14))


@pytest.fixture(scope="module")
def restored_stack():
    return dip.denoise(STACK, axes="TCYX", warm=False, **QUICK).image


@examples(4)
@given(st.permutations("TCYX"), st.integers(0, 1))
def test_the_order_of_the_axes_and_of_the_planes_does_not_matter(restored_stack, names, shift):
    order = ["TCYX".index(name) for name in names]
    turned = np.roll(STACK, shift, axis=0).transpose(order)
    result = dip.denoise(turned, axes="".join(names), warm=False, **QUICK).image
    np.testing.assert_array_equal(result, np.roll(restored_stack, shift, axis=0).transpose(order))


PRESETS = st.sampled_from(["best", "tv", "tikhonov"])
TASKS = {
    "denoise": st.fixed_dictionaries({}, optional={"preset": PRESETS, "detail": st.floats(-1, 1)}),
    "inpaint": st.fixed_dictionaries({}, optional={"preset": PRESETS, "denoise": st.booleans()}),
    "super_resolve": st.fixed_dictionaries({}, optional={"kernel": st.sampled_from(["box", "lanczos"])}),
    "deconvolve": st.just({}),
    "deblock": st.just({}),
}
ASKED = st.fixed_dictionaries(
    {"seed": st.integers(0, 2**61)},
    optional={
        "noise": st.sampled_from([25.0, 0.0]),
        "dtype": st.sampled_from(["float32", "uint16", "int64"]),
        "tv": st.floats(0, 50),
        "averaging": st.floats(0, 0.99),
        "likelihood": st.sampled_from(["huber", "gaussian", {"name": "poisson-gaussian", "floor": 0.3}]),
        "input": st.sampled_from(["noise", "coordinates", {"perturbation": 0.1}]),
        "stopping": st.sampled_from(["held-out", "fixed", "running-variance"]),
        "optimiser": st.sampled_from(["adam", "muon"]),
        "guess": st.integers(0, 3),
        "finish": st.integers(0, 3),
    },
)


@examples(8)
@given(st.data(), st.sampled_from(sorted(TASKS)), ASKED)
def test_the_settings_of_a_result_make_it_again_and_so_does_its_script(data, task, asked):
    image = picture().astype("uint16")
    rest = {
        "inpaint": (picture() > 600,),
        "super_resolve": ([1, 2],),
        "deconvolve": (2.0,),
    }.get(task, ())
    verb = getattr(dip, task)
    result = verb(image, *rest, **data.draw(TASKS[task]), **QUICK | asked)
    told = json.loads(json.dumps(result.settings))
    again = verb(image, *(rest if task == "inpaint" else ()), **told)
    np.testing.assert_array_equal(again.image, result.image)
    assert again.settings == result.settings

    names = {"image": image, "mask": picture() > 600}
    script = re.sub(r"^(image|mask) = \.\.\..*$", "", result.as_python(), flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # scripts write files
        exec(script, names)
        np.testing.assert_array_equal(names["restored"].image, result.image)
