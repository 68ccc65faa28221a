"""Some planes of a stack, restored as in the whole of it."""

import json

import dask.array as da
import numpy as np
import pytest

import napari_dip as dip
from napari_dip.api import plan_inpaint
from napari_dip.cli import main
from napari_dip.images.axes import Axes
from napari_dip.images.description import Description
from napari_dip.images.excerpts import Excerpt, chosen_planes, said_planes
from napari_dip.images.files import read, write

SHAPE = (7, 16, 16)
QUICK = {"axes": "ZYX", "neighbours": 2, "iterations": 2, "device": "cpu", "warm": False}


@pytest.fixture(scope="module")
def stack():
    y, x = np.mgrid[:16, :16]
    light = 20 + 10 * np.sin(x / 3 + np.arange(7)[:, None, None] / 4) * np.sin(y / 4)
    return np.random.default_rng(0).poisson(light).astype("uint16")


@pytest.mark.parametrize(
    ("planes", "where", "said"),
    [
        (0, slice(0, 1), "0"),
        (-1, slice(6, 7), "6"),
        (slice(2, 5), slice(2, 5), "2:5"),
        (slice(None), ..., ""),
    ],
)
def test_chosen_planes_are_those_of_the_whole_stack_to_the_bit(stack, planes, where, said):
    whole = dip.denoise(stack, **QUICK).image
    some = dip.denoise(stack, planes=planes, **QUICK)
    assert np.array_equal(some.image, whole[where])
    assert some.planes == said and "planes" not in some.settings
    again = dip.denoise(stack, planes=planes, **some.settings)
    assert np.array_equal(again.image, some.image)
    assert np.array_equal(dip.denoise(stack, **some.settings).image, whole)


def test_masks_guides_and_repeats_are_those_of_the_whole_stack(stack):
    mask = np.zeros(SHAPE, bool)
    mask[2:, 5:7, 3:12] = True
    filled, some = (dip.inpaint(stack, mask, **QUICK, **of) for of in ({}, {"planes": 3}))
    assert np.array_equal(some.image, filled.image[3:4])
    for what in ("guide", "repeat"):
        other = {what: np.random.default_rng(1).poisson(stack)}
        whole, some = (dip.denoise(stack, **other, **QUICK, **of) for of in ({}, {"planes": 2}))
        assert np.array_equal(some.image, whole.image[2:3]), what
    with pytest.raises(ValueError, match="nothing to fill in on the planes 0: choose others"):
        dip.inpaint(stack, mask, planes=0, **QUICK)


def test_what_lies_beside_an_excerpt_can_be_read_and_is_not_counted(stack):
    some = Excerpt(stack, chosen_planes(slice(2, 4), Axes.of(SHAPE), SHAPE))
    assert some.shape == (2, 16, 16) and some.size == 512 and some.reach(0) == range(-2, 5)
    assert np.array_equal(some, stack[2:4]) and np.array_equal(some[:, 3:-1], stack[2:4, 3:-1])
    assert np.array_equal(some[-2], stack[0]) and np.array_equal(some[4], stack[6])


@pytest.mark.parametrize(
    ("planes", "problem"),
    [(7, "from 0 to 6"), ((1, 1), "2 entries"), (slice(0, 6, 2), "leaves some out"), ("1", "numbers and")],
)
def test_planes_that_are_not_there_are_refused(stack, planes, problem):
    with pytest.raises((ValueError, TypeError), match=problem):
        dip.denoise(stack, planes=planes, **QUICK)


def test_planes_are_said_as_they_are_typed():
    shape = (5, 2, 3, 8, 8)
    axes = Axes.of(shape, "TCQYX")
    for planes, said in [((slice(None), 1), ":,1"), ((2, 0, slice(1, 3)), "2,0,1:3"), ((), "")]:
        assert said_planes(chosen_planes(planes, axes, shape), axes, shape) == said


def test_a_file_says_where_its_planes_lie_and_which_they_are(stack, tmp_path):
    movie = np.stack([stack, stack + 1], 1)
    said = Description(
        "TCYX", (2.0, 1.0, 0.5, 0.5), (10.0, 0.0, 1.0, 1.0), ("second", "", "", ""), ("dapi", "gfp")
    )
    write(tmp_path / "movie.ome.tif", movie, said)
    out = tmp_path / "some.ome.zarr"
    dip.denoise(tmp_path / "movie.ome.tif", planes=(slice(3, 5), 1), iterations=2, device="cpu", out=out)
    image, said = read(out)
    assert image.shape == (2, 1, 16, 16) and said.translate[0] == 16 and said.channels == ("gfp",)
    assert said.record["planes"] == "3:5,1" and "planes" not in said.record["settings"]


def test_planes_of_a_dask_array_are_lazy_and_have_no_neighbours(stack):
    lazy = da.from_array(stack, chunks=(1, 16, 16))
    some = dip.denoise(lazy, planes=slice(2, 4), iterations=2, device="cpu")
    assert some.image.shape == (2, 16, 16) and some.planes == "2:4"
    alone = dip.denoise(stack[2:3], iterations=2, device="cpu").image
    assert np.array_equal(some.image[0].compute(), alone[0])
    mask = np.zeros(SHAPE, bool)
    mask[:, 5:7, 3:12] = True
    filled = dip.inpaint(lazy, mask, planes=3, iterations=2, device="cpu").image.compute()
    assert np.array_equal(filled, dip.inpaint(stack[3:4], mask[3:4], iterations=2, device="cpu").image)
    with pytest.raises(ValueError, match="leave neighbours or planes out"):
        dip.denoise(lazy, planes=2, neighbours=1)


def test_a_script_says_the_planes(stack):
    some = dip.denoise(stack, planes=slice(2, 4), **QUICK)
    assert "\n    planes=slice(2, 4),\n" in some.as_python("a.tif")


def test_the_mask_of_chosen_planes_may_be_edited_and_that_of_their_neighbours_stays(stack):
    mask = np.zeros(SHAPE, bool)
    mask[:, 5:7, 3:12] = True
    job = plan_inpaint(stack, mask, planes=3, **QUICK | {"iterations": 6})
    edited = np.zeros((1, 16, 16), bool)
    edited[0, 9:11, 3:12] = True
    for step in job:
        if step.iterate.iteration == 2:
            assert job.change_mask(edited)
    image = job.result().image
    assert np.array_equal(image[~edited], stack[3:4][~edited])
    assert not np.array_equal(image[edited], stack[3:4][edited])
    known = [job.task.known(stack[3 + beside], (beside, slice(None), slice(None))) for beside in (-1, 0)]
    assert np.array_equal(known[0], ~mask[2]) and np.array_equal(known[1], ~edited[0])


def test_how_sure_the_result_of_chosen_planes_is_can_be_told(stack):
    some = dip.denoise(stack, planes=slice(2, 4), uncertainty=2, **QUICK)
    assert some.uncertainty.shape == (2, 16, 16) and np.isfinite(some.uncertainty).all()


def test_a_file_that_was_begun_with_other_planes_is_left_alone(stack, tmp_path):
    out = tmp_path / "some.ome.zarr"
    with pytest.warns(UserWarning, match="is not finished"):
        dip.denoise(stack, planes=slice(0, 3), out=out, callback=lambda step: step.run == 1, **QUICK)
    with pytest.raises(ValueError, match=r"begun with other settings \(planes='0:3'\)"):
        dip.denoise(stack, planes=slice(3, 6), out=out, **QUICK)
    assert dip.denoise(stack, planes=slice(0, 3), out=out, **QUICK).image.shape == (3, 16, 16)


def test_a_single_plane_may_go_to_a_png_and_what_is_no_stack_has_no_planes(stack, tmp_path):
    out = tmp_path / "plane.png"
    image = dip.denoise(stack.astype("uint8"), planes=2, out=out, **QUICK).image
    assert image.shape == (1, 16, 16)
    assert np.array_equal(read(out)[0].compute(), image[0].compute())
    with pytest.raises(ValueError, match="planes is for a stack, but this is a plane of 16 x 16 pixels"):
        dip.denoise(stack[0], planes=0)
    with pytest.raises(TypeError, match="slices of whole numbers"):
        dip.denoise(stack, planes=slice("a", "b"))


def test_a_warning_counts_the_planes_of_the_whole_image(stack):
    lazy = da.from_array(np.where(np.arange(7)[:, None, None] == 4, np.nan, stack), chunks=(1, 16, 16))
    some = dip.denoise(lazy, planes=slice(3, 6), iterations=2, device="cpu")
    with pytest.warns(UserWarning, match=r"image\[4, :, :\]: nothing is known here"):
        some.image[1].compute(scheduler="sync")


def test_it_is_told_which_planes_a_result_is(stack, tmp_path, capsys):
    write(tmp_path / "a.ome.tif", stack, Description.plain("ZYX"))
    out = tmp_path / "b.ome.tif"
    command = ["denoise", f"{tmp_path / 'a.ome.tif'}", "-o", f"{out}", "--planes=-3:", "--neighbours", "1"]
    assert main([*command, "--iterations", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["planes"] == "4:7"
    assert main(["info", f"{out}"]) == 0
    assert "planes:     4:7\n" in capsys.readouterr().out
    assert read(out)[1].translate == (4, 0, 0)
    assert main([*command[:-3], "--planes", "-3:"]) == 2
    assert "is said with =, as in --planes=-2:" in capsys.readouterr().err
