import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_dip.images.intensities import Intensities, cast, check_image

SHAPES = array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9).filter(lambda s: np.prod(s) > 1)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["bool", "u1", "i1", "u2", "i2", ">u2", ">i2"]).flatmap(lambda d: arrays(d, SHAPES)))
def test_integers_of_up_to_16_bits_come_back_bit_for_bit(image):
    scale = Intensities.of(image)
    restored = scale.restore(scale.normalise(image))
    np.testing.assert_array_equal(restored, image)
    assert restored.dtype == image.dtype.newbyteorder("=")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["u4", "i4", "u8", "i8", "f2", "f4", "f8"]).flatmap(
        lambda d: arrays(d, SHAPES, elements={"min_value": -100, "max_value": 100} if d[0] == "f" else None)
    )
)
def test_wider_numbers_come_back_to_float32_precision_of_their_range(image):
    scale = Intensities.of(image)
    restored = scale.restore(scale.normalise(image)).astype(float)
    span = np.ptp(image.astype(float))
    precision = 1e-3 if image.dtype == np.float16 else 4e-7
    assert np.abs(restored - image.astype(float)).max() <= precision * max(span, np.abs(image).max() * 1e-9)


def test_ordinary_images_lie_between_0_05_and_0_95():
    image = np.random.default_rng(0).normal(-40, 7, (64, 64))
    normalised = Intensities.of(image).normalise(image)
    assert normalised.dtype == np.float32
    assert normalised.min() == pytest.approx(0.05, abs=1e-6)
    assert normalised.max() == pytest.approx(0.95, abs=1e-6)


def test_one_hot_pixel_does_not_squash_the_rest():
    image = np.random.default_rng(0).normal(100, 10, (128, 128))
    calm = np.ptp(Intensities.of(image).normalise(image))
    image[5, 7] = 1000
    normalised = Intensities.of(image).normalise(image)
    assert normalised[5, 7] > 2
    assert np.ptp(np.delete(normalised.ravel(), 5 * 128 + 7)) > 0.5 * calm


def test_bright_specks_in_a_dark_field_survive_within_the_engine_s_reach():
    image = np.random.default_rng(0).poisson(3, (256, 256)).astype(np.uint16)
    image[100:103, 40:43] = 60000
    scale = Intensities.of(image)
    normalised = scale.normalise(image)
    assert 1 < normalised[101, 41] < 25
    np.testing.assert_array_equal(scale.restore(normalised), image)


def test_specks_in_an_empty_field_are_its_range():
    image = np.zeros((256, 256))
    image[100:103, 40:43] = 5
    assert Intensities.of(image) == Intensities(0.0, 5.0, "float64")


def test_missing_pixels_do_not_count_and_become_nan():
    image = np.array([[1.0, np.nan, 3.0], [np.inf, 2.0, -np.inf]], np.float32)
    scale = Intensities.of(image)
    assert (scale.low, scale.high, scale.dtype) == (1.0, 3.0, "float32")
    np.testing.assert_array_equal(
        np.isnan(scale.normalise(image)), [[False, True, False], [True, False, True]]
    )
    assert np.isnan(image).sum() == 1, "the input was written to"


@pytest.mark.parametrize("value", [0, 7, 65535, -0.1, 1e300])
def test_a_constant_comes_back_as_exactly_that_constant(value):
    image = np.full((4, 5), value, np.float64 if isinstance(value, float) else np.uint16)
    scale = Intensities.of(image)
    normalised = scale.normalise(image)
    np.testing.assert_array_equal(normalised, np.float32(0.5))
    np.testing.assert_array_equal(scale.restore(normalised + 0.01), image)


def test_read_only_and_strided_arrays_are_taken_as_they_are():
    image = np.arange(200, dtype=">f4").reshape(10, 20)[::-1, ::3]
    image.flags.writeable = False
    scale = Intensities.of(image)
    np.testing.assert_allclose(scale.restore(scale.normalise(image)), image, atol=1e-4)
    assert scale.dtype == "float32"


def test_integers_are_rounded_and_clipped_to_their_dtype():
    scale = Intensities(0.0, 255.0, "uint8")
    far = np.array([-1.0, 0.05, 0.05 + 0.9 * 10.6 / 255, 2.0, np.nan])
    np.testing.assert_array_equal(scale.restore(far), np.array([0, 0, 11, 255, 0], np.uint8))


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_64_bit_integers_do_not_wrap_around(dtype):
    limits = np.iinfo(dtype)
    scale = Intensities(float(limits.min), float(limits.max), dtype)
    np.testing.assert_array_equal(
        scale.restore(np.array([-1.0, 2.0])), np.array([limits.min, limits.max], dtype)
    )


def test_a_result_can_be_asked_for_in_another_dtype():
    scale = Intensities(0.0, 255.0, "uint8")
    restored = scale.restore(np.array([0.05, 2.0]), dtype="float32")
    assert restored.dtype == np.float32
    assert restored[1] > 255


def test_float16_does_not_overflow():
    assert np.isfinite(Intensities(0.0, 60000.0, "float16").restore(np.array([1.5]))).all()
    for dtype in ("int64", "uint16", "int8"):
        assert cast(np.array([3.6, 117.0], "float16"), dtype).tolist() == [4, 117]


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((4, 4), complex), TypeError, "complex"),
        (np.array([["a", "b"]]), TypeError, "str"),
        (np.array([[1, None]]), TypeError, "object"),
        (np.zeros((2, 2), "datetime64[s]"), TypeError, "datetime64"),
        (np.zeros((0, 5)), ValueError, r"shape \(0, 5\)"),
        (np.zeros((1, 1)), ValueError, "at least two pixels"),
        (np.float32(3), ValueError, "at least two pixels"),
        (np.full((3, 3), np.nan), ValueError, "none of the 9 pixels"),
        (np.full((3, 3), np.inf), ValueError, "none of the 9 pixels"),
    ],
)
def test_what_is_not_an_image_is_refused_in_one_sentence(image, error, message):
    with pytest.raises(error, match=message) as refusal:
        check_image(image)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_lazy_arrays_are_checked_without_being_computed():
    da = pytest.importorskip("dask.array")
    check_image(da.full((3, 3), np.nan))
    with pytest.raises(TypeError, match="complex"):
        check_image(da.zeros((3, 3), dtype=complex))


@pytest.mark.parametrize(("source", "target"), [("int64", "uint64"), ("uint64", "int64"), ("int64", "int8")])
def test_whole_numbers_stay_what_they_are_where_there_is_room(source, target):
    own, other = np.iinfo(source), np.iinfo(target)
    numbers = np.array([own.min, -1 if own.min else 1, 0, 2**53 + 1, own.max], source)
    expected = [min(max(int(number), other.min), other.max) for number in numbers]
    assert cast(numbers, target).tolist() == expected and cast(numbers, target).dtype == target
