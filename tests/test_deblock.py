"""JPEG's blocks are taken away, and the result would be compressed to the same file."""

import json

import numpy as np
import pytest
from PIL import Image
from skimage import data

import napari_dip as dip
from napari_dip.api import plan_deblock
from napari_dip.images.jpeg import quantisation_of, within_steps

SHORT = {"iterations": 4, "precision": "float32", "device": "cpu"}


def coded(path, picture, quality=10):
    Image.fromarray(picture).save(path, quality=quality)
    return np.asarray(Image.open(path))


def mean_square(a, b):
    return np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)


@pytest.fixture
def face():
    return data.coins()[96:144, 60:108]


def test_the_result_is_nearer_to_what_was_compressed(tmp_path, face):
    picture = coded(tmp_path / "face.jpg", face)
    result = dip.deblock(tmp_path / "face.jpg", precision="float32", device="cpu")
    assert result.image.dtype == np.uint8 and result.stopped_by == "stopping rule"
    assert mean_square(result.image, face) < 0.88 * mean_square(picture, face)


def test_a_grey_files_table_is_read_and_others_have_none(tmp_path, face):
    coded(tmp_path / "grey.jpg", face, 30)
    table = quantisation_of(tmp_path / "grey.jpg")
    with Image.open(tmp_path / "grey.jpg") as file:
        assert np.ravel(table).tolist() == list(file.quantization[0])
    coded(tmp_path / "colour.jpg", np.stack([face] * 3, -1))
    Image.fromarray(face).save(tmp_path / "grey.png")
    assert quantisation_of(tmp_path / "colour.jpg") is quantisation_of(tmp_path / "grey.png") is None
    assert plan_deblock(tmp_path / "grey.jpg", **SHORT).settings["table"] == table


def test_within_steps_moves_only_what_the_file_speaks_against(tmp_path, face):
    picture = coded(tmp_path / "face.jpg", face, 20)
    table = quantisation_of(tmp_path / "face.jpg")
    # What was compressed is what the file says, but for the encoder's rounding.
    assert np.abs(within_steps(face, picture, table) - face).max() < 1.0
    changed = face.astype(float)
    changed[8:16, 16:24] += 60.0
    back = within_steps(changed, picture, table)
    assert mean_square(back[8:16, 16:24], face[8:16, 16:24]) < 0.2 * 60**2
    # Any part of the picture keeps to the picture's blocks.
    part = (slice(3, 45), slice(5, 48))
    np.testing.assert_allclose(
        within_steps(changed[part], picture[part], table, (3, 5))[5:37, 3:43], back[8:40, 8:48], atol=1e-9
    )


def test_a_result_of_a_file_would_be_compressed_to_that_file(tmp_path):
    picture = coded(tmp_path / "strip.jpg", data.camera()[100:124, 100:260], 20)
    for tile in (None, 144):
        restored = dip.deblock(tmp_path / "strip.jpg", tile=tile, dtype="float32", **SHORT).image
        Image.fromarray(np.rint(restored).clip(0, 255).astype("uint8")).save(
            tmp_path / "again.jpg", quality=20
        )
        again = np.asarray(Image.open(tmp_path / "again.jpg"))
        assert np.mean(np.abs(again.astype(int) - picture) > 2) < 0.1


def test_the_settings_of_a_result_make_it_again(tmp_path, face):
    picture = coded(tmp_path / "face.jpg", face)
    first = dip.deblock(tmp_path / "face.jpg", **SHORT)
    again = dip.deblock(picture, **json.loads(json.dumps(first.settings)))
    np.testing.assert_array_equal(again.image, first.image)
    assert not np.array_equal(dip.deblock(picture, **SHORT).image, first.image)


@pytest.mark.parametrize(
    ("image", "given", "words"),
    [
        (np.eye(16, dtype="uint8"), {"table": [[1, 2], [3, 4]]}, "8 rows of 8"),
        (np.eye(16, dtype="uint8"), {"table": np.full((8, 8), 1.5)}, "8 rows of 8 whole numbers"),
        (np.eye(16, dtype="uint8"), {"table": np.full((8, 8), np.inf)}, "8 rows of 8 whole numbers"),
        (np.eye(16), {"table": np.ones((8, 8))}, "grey pictures of 8 bits"),
        (np.ones((4, 16, 16), "uint8"), {"axes": "ZYX"}, "JPEG compresses planes"),
        (np.eye(16), {"preset": "best"}, "preset 'best' does not exist"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(image, given, words):
    with pytest.raises(ValueError, match=words):
        plan_deblock(image, **given)
