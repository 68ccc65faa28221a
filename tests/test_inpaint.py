"""Filling in: what is known stays, what is masked never counts, whatever the mask's shape."""

import dask.array as da
import numpy as np
import pytest
from skimage import data
from skimage.restoration import inpaint_biharmonic

import napari_dip as dip
from napari_dip.api import plan_inpaint
from napari_dip.images.files import Description, write

SHORT = {"iterations": 12, "precision": "float32", "device": "cpu"}


def picture(size=48):
    y, x = np.mgrid[:size, :size]
    return (1000 + 600 * np.sin(x / 5) * np.cos(y / 7)).astype("uint16")


def scratch(size=48):
    mask = np.zeros((size, size), bool)
    mask[20:23, 5:40] = True
    return mask


def psnr(image, truth, where):
    return 10 * np.log10(float(np.ptp(truth)) ** 2 / np.mean((image.astype(float) - truth)[where] ** 2))


@pytest.mark.parametrize("under", [0, 65535, 1234])
def test_what_lies_under_the_mask_never_counts(under):
    image, mask = picture(), scratch()
    damaged = np.where(mask, under, image).astype("uint16")
    np.testing.assert_array_equal(
        dip.inpaint(damaged, mask, **SHORT).image, dip.inpaint(image, mask, **SHORT).image
    )


def test_nan_and_infinity_under_the_mask_never_count_and_elsewhere_they_are_filled_in():
    image, mask = picture().astype("float32"), scratch()
    clean = dip.inpaint(image, mask, **SHORT).image
    for under in (np.nan, np.inf):
        filled = dip.inpaint(np.where(mask, np.float32(under), image), mask, **SHORT).image
        np.testing.assert_array_equal(filled, clean)
    image[2, 2] = np.nan
    filled = dip.inpaint(image, mask, **SHORT).image
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("kind", ["plane", "stack", "colours", "dask", "file"])
def test_without_a_mask_what_is_nan_or_infinite_is_filled_in_alone(kind, tmp_path):
    image, missing = picture().astype("float32"), scratch()
    image[missing], image[2, 2], missing[2, 2] = np.nan, np.inf, True
    axes = {"stack": "TYX"}.get(kind)
    if kind == "stack":
        image, missing = np.stack([image, picture()]), np.stack([missing, np.zeros_like(missing)])
    if kind == "colours":
        image = np.stack([image, picture(), picture()], -1)
    given = da.from_array(image) if kind == "dask" else image
    if kind == "file":
        given = tmp_path / "image.ome.tif"
        write(given, image, Description.plain("YX"))
    found = dip.inpaint(given, axes=axes, **SHORT)
    filled = np.asarray(found.image)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~missing], image[~missing])
    assert found.settings["damage"] == "scratches"
    nothing = np.zeros(missing.shape, bool)
    np.testing.assert_array_equal(dip.inpaint(given, nothing, axes=axes, **SHORT).image, filled)


def test_where_nothing_is_to_be_filled_in_it_is_said():
    image = picture()
    with pytest.raises(ValueError, match="the image has none"):
        dip.inpaint(image)
    with pytest.raises(ValueError, match="the image has none"):
        dip.inpaint(image.astype(float))
    with pytest.raises(ValueError, match="mask is empty"):
        dip.inpaint(image.astype(float), np.zeros(image.shape, bool))
    with pytest.raises(ValueError, match="finite"):
        dip.inpaint(np.full((16, 16), np.nan))


def test_also_denoise_restores_the_known_pixels_too():
    rng = np.random.default_rng(0)
    truth, mask = picture().astype(float), scratch()
    noisy = truth + rng.normal(0, 120, truth.shape)
    restored = dip.inpaint(noisy, mask, denoise=True, precision="float32", device="cpu", iterations=80).image
    assert psnr(restored, truth, ~mask) > psnr(noisy, truth, ~mask) + 3


def test_half_of_the_pixels_missing_are_filled_in_better_than_biharmonic():
    truth = data.coins()[64:128, 96:160]
    mask = np.random.default_rng(0).random(truth.shape) < 0.5
    filled = dip.inpaint(truth, mask, precision="float32", device="cpu", iterations=80)
    assert filled.settings["damage"] == "scattered"
    biharmonic = 255 * inpaint_biharmonic(np.where(mask, 0, truth) / 255, mask)
    assert psnr(filled.image, truth, mask) > psnr(biharmonic, truth, mask)


def test_the_mask_of_a_plane_goes_over_every_plane_and_a_mask_of_the_stack_plane_by_plane():
    stack = np.stack([picture(), picture()[::-1], picture()[:, ::-1]])
    mask = scratch()
    filled = dip.inpaint(stack, mask, **SHORT)
    np.testing.assert_array_equal(filled.image[:, ~mask], stack[:, ~mask])
    assert set(filled.history["run"]) == {0, 1, 2}
    own = np.zeros(stack.shape, np.int32)
    own[1] = 3 * mask
    filled = dip.inpaint(stack, own, **SHORT)
    np.testing.assert_array_equal(filled.image[[0, 2]], stack[[0, 2]])
    assert set(filled.history["run"]) == {1}  # no time is spent where nothing is to be filled in


def test_a_plane_of_which_nothing_is_known_stays_and_is_filled_in_in_3d():
    stack = np.stack([picture(24)] * 4)
    mask = np.zeros(stack.shape, bool)
    mask[2] = mask[0, 3:5] = True
    with pytest.warns(UserWarning, match="Restore the stack as volumes, in 3-D"):
        filled = dip.inpaint(stack, mask, **SHORT)
    np.testing.assert_array_equal(filled.image[2], stack[2])
    assert filled.settings["damage"] == "scratches"
    assert (dip.inpaint(stack, mask, axes="ZYX", **SHORT).image[2] != stack[2]).any()


def test_a_volume_is_filled_in_in_3d():
    volume = np.stack([picture(24)] * 6)
    mask = np.zeros(volume.shape, bool)
    mask[2:4, 8:12] = True
    filled = dip.inpaint(volume, mask, axes="ZYX", **SHORT)
    assert set(filled.history["run"]) == {0}
    np.testing.assert_array_equal(filled.image[~mask], volume[~mask])


def test_a_colour_image_takes_a_mask_without_colours_and_its_opacity_stays():
    image = data.astronaut()[:48, :48]
    image = np.dstack([image, np.full(image.shape[:2], 200, "uint8")])
    filled = dip.inpaint(image, scratch(), **SHORT).image
    np.testing.assert_array_equal(filled[~scratch()], image[~scratch()])
    np.testing.assert_array_equal(filled[..., 3], 200)
    assert (filled[scratch()][:, :3] != image[scratch()][:, :3]).any()


def test_only_the_labels_that_are_asked_for_count():
    labels = np.zeros((48, 48), int)
    labels[10:13], labels[30:33] = 1, 2
    filled = dip.inpaint(picture(), labels, labels=2, **SHORT).image
    np.testing.assert_array_equal(filled[labels != 2], picture()[labels != 2])
    assert (filled[labels == 2] != picture()[labels == 2]).any()


@pytest.mark.parametrize(
    ("kind", "mask"),
    [
        ("scattered", np.random.default_rng(0).random((96, 96)) < 0.5),
        ("scratches", np.pad(np.ones((3, 60), bool), ((40, 53), (10, 26)))),
        ("holes", np.pad(np.ones((32, 32), bool), 32)),
    ],
)
def test_the_kind_of_damage_is_told_by_the_mask_and_chooses_the_preset(kind, mask):
    image = np.tile(picture(), (2, 2))
    job = plan_inpaint(image, mask, preset="ulyanov2018")
    assert job.settings["damage"] == kind
    assert job.settings["network"]["skip"] == {"scattered": 4, "scratches": 128, "holes": 0}[kind]
    other = plan_inpaint(image, mask, damage="holes", preset="ulyanov2018")
    assert other.settings["input"]["name"] == "coordinates"


def test_the_mask_may_change_while_the_job_goes_on():
    image, first = picture(), scratch()
    second = first.copy()
    second[34:37, 5:40] = True
    job = plan_inpaint(image, first, iterations=40, precision="float32", device="cpu")
    for step in job:
        if step.iterate.iteration == 20:
            shown = job.picture()
            assert job.change_mask(second)
            # It is seen at once, in the array that the window shows.
            assert (shown == image)[~second].all() and (shown != image)[34:37, 5:40].mean() > 0.9
        if step.iterate.iteration in (20, 21):
            assert (job.picture() == image)[~second].all()
    result = job.result()
    assert result.iterations == 40
    np.testing.assert_array_equal(result.image[~second], image[~second])
    assert (result.image[second] != image[second]).any(axis=None)
    # And back again: what is no longer masked is the original's.
    job = plan_inpaint(image, second, iterations=40, precision="float32", device="cpu")
    for step in job:
        if step.iterate.iteration == 20:
            job.change_mask(first)
    np.testing.assert_array_equal(job.result().image[~first], image[~first])


def test_a_plane_whose_mask_changes_after_its_turn_is_done_again():
    stack = np.stack([picture(), picture()[::-1]])
    mask = np.zeros(stack.shape, bool)
    mask[:, 20:23] = True
    job = plan_inpaint(stack, mask, **SHORT)
    runs = []
    for step in job:
        runs.append(step.run)
        if step.run == 1 and step.iterate.iteration == 5:
            mask[0, 30:33] = True
            job.change_mask(mask)
    assert list(dict.fromkeys(runs)) == [0, 1] and runs[-1] == 0
    result = job.result().image
    np.testing.assert_array_equal(result[~mask], stack[~mask])
    assert (result[0, 30:33] != stack[0, 30:33]).any()


def test_an_edit_in_a_run_s_last_iteration_counts():
    image = np.tile(np.linspace(0, 100, 24), (24, 1))
    image[10:16, 10:16] = 500.0
    mask, edited = np.zeros((2, 24, 24), bool)
    mask[2:4, 2:4] = edited[2:4, 2:4] = edited[10:16, 10:16] = True
    job = plan_inpaint(image, mask, iterations=20, device="cpu")
    for steps, step in enumerate(job, 1):
        if step.iterate.stopped_by is not None and steps == 20:
            job.change_mask(edited)
    assert steps == 40
    assert job.result().image[10:16, 10:16].max() < 150


def test_a_tile_that_is_done_again_leaves_no_seam():
    image = np.tile(np.linspace(0, 200, 260), (40, 1)) + np.random.default_rng(0).normal(0, 2, (40, 260))
    mask = np.zeros(image.shape, bool)
    mask[10:14] = True
    edited = mask.copy()
    edited[0, 0] = True
    job = plan_inpaint(image, mask, tile=160, iterations=12, device="cpu")
    before = None
    for step in job:
        if step.run == 1 and step.iterate.iteration == 1:
            job.change_mask(edited)
        if step.run == 0 and job.finished == (1,) and before is None:
            before = job._result.array.copy()
    assert job.finished == (1, 0)
    change = np.abs(job.result().image - before)[10:14].mean(axis=0)
    end = job.parts[0].where[1].stop
    assert change[:60].max() > 1  # it has been done again
    assert change[end - 5 : end].max() < 0.2 * change[:60].max()  # ... and fades into what lies beside it


def test_a_plane_that_is_masked_as_a_whole_while_it_is_filled_in_goes_on_with_its_mask():
    stack = np.stack([picture(), picture()[::-1]])
    mask = np.broadcast_to(scratch(), stack.shape).copy()
    job = plan_inpaint(stack, mask, **SHORT)
    for step in job:
        if step.run == 0 and step.iterate.iteration == 5:
            whole = mask.copy()
            whole[0] = True
            job.change_mask(whole)
    result = job.result().image
    np.testing.assert_array_equal(result[~mask], stack[~mask])
    assert np.isfinite(result).all()


def test_tiles_keep_known_pixels_and_leave_no_seam_in_what_is_filled_in():
    y, x = np.mgrid[:200, :200]
    image = (1000 + 3 * x + 2 * y).astype("float32")
    mask = np.zeros(image.shape, bool)
    mask[90:96] = True
    small = {"name": "subpixel", "channels": [8, 16, 16]}
    result = dip.inpaint(
        image, mask, tile=150, network=small, iterations=60, precision="float32", device="cpu"
    )
    assert len(set(result.history["run"])) == 4
    np.testing.assert_array_equal(result.image[~mask], image[~mask])
    assert np.abs(np.diff(result.image[92] - image[92])).max() < 60


@pytest.mark.parametrize(
    ("mask", "kind", "sentence"),
    [
        (np.zeros((48, 48), bool), ValueError, "empty"),
        (np.ones((48, 48), bool), ValueError, "no known pixel"),
        (np.ones((40, 48), bool), ValueError, r"mask has shape \(40, 48\).*\(48, 48\)"),
        (np.ones((2, 48, 48), bool), ValueError, "mask has shape"),
        (np.ones((48, 48)), TypeError, "mask > 0.5"),
    ],
)
def test_a_mask_that_cannot_be_used_is_refused_in_a_sentence(mask, kind, sentence):
    with pytest.raises(kind, match=sentence):
        dip.inpaint(picture(), mask)


def test_a_kind_of_damage_that_does_not_exist_and_a_label_that_is_not_there_are_refused():
    with pytest.raises(ValueError, match="scattered, scratches, holes"):
        dip.inpaint(picture(), scratch(), damage="coffee")
    with pytest.raises(ValueError, match="label"):
        dip.inpaint(picture(), scratch().astype(int), labels=7)


def test_shapes_take_a_layer_to_lie_on():
    shapes = pytest.importorskip("napari.layers").Shapes([[[2, 2], [9, 9]]], shape_type="rectangle")
    image = np.random.default_rng(0).random((16, 16))
    with pytest.raises(TypeError, match="shapes lie on an image layer"):
        dip.inpaint(image, shapes, **SHORT)
    filled = dip.inpaint(image, shapes.to_labels(image.shape), **SHORT).image
    assert np.array_equal(filled[11:], image[11:]) and not np.array_equal(filled, image)
