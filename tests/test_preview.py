"""What a notebook shows of a result."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from PIL import Image

import napari_dip as dip
from napari_dip.preview import small

HERE = {"device": "cpu", "precision": "float32"}


@pytest.mark.parametrize(
    ("shape", "axes", "seen"),
    [
        ((300, 1000), "YX", (75, 250)),
        ((5, 40, 30), "ZYX", (40, 30)),
        ((2, 3, 40, 30), "TCYX", (40, 30)),
        ((40, 30, 4), "YXS", (40, 30, 3)),
        ((40, 30), "?", (40, 30)),
        ((1, 600), "YX", (1, 200)),
    ],
)
def test_the_middle_plane_is_shown_small_and_with_contrast(shape, axes, seen):
    image = np.random.default_rng(0).normal(1e4, 3, shape).astype("float32")
    image.flat[:3] = np.nan, np.inf, 1e9
    picture = small(image, axes)
    assert picture.shape == seen
    assert (picture.min(), picture.max()) == (0, 255)
    assert 100 < picture.mean() < 155


def test_of_a_stack_one_plane_is_read():
    read = []
    stack = da.map_blocks(
        lambda block, block_info=None: read.append(block_info[0]["chunk-location"][0]) or block,
        da.zeros((9, 8, 8), chunks=(1, 8, 8)),
        meta=np.zeros((0, 0, 0)),
    )
    assert small(stack, "TYX").shape == (8, 8)
    assert read == [4]


def test_a_notebook_shows_a_picture_and_how_it_came_about():
    edge = np.tile(np.arange(40) > 20, (48, 1))
    noisy = np.random.default_rng(0).normal(500 + 200 * edge, 10).astype("uint16")
    result = dip.denoise(noisy, iterations=4, detail=0.5, **HERE)
    html = result._repr_html_()
    data = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])
    picture = np.asarray(Image.open(io.BytesIO(data)))
    assert picture.shape == (48, 40)
    assert picture[:, 25:].mean() > picture[:, :15].mean() + 100
    for fact in ("48 × 40, uint16", "denoised, preset fast", "4 iterations", "iteration limit", "0.5"):
        assert fact in html
    # Whatever is wrong, there is something to read.
    odd = replace(result, image=np.zeros((0, 3)), settings={"preset": "<b>"})
    assert "<img" not in odd._repr_html_()
    assert "&lt;b&gt;" in odd._repr_html_()


def test_what_is_lazy_stays_so():
    stack = da.from_array(np.ones((2, 16, 16)), chunks=(1, 16, 16))
    html = dip.denoise(stack, iterations=2)._repr_html_()
    assert "<img" not in html
    assert "when its pixels are asked for" in html
