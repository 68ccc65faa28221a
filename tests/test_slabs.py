"""Large volumes are restored in slabs, each of which goes on from the one beside it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_dip as dip
from napari_dip import parts
from napari_dip.api import plan_denoise, plan_inpaint
from napari_dip.images.axes import Axes
from napari_dip.parts import Cutting

QUICK = {"iterations": 40, "device": "cpu", "precision": "float32"}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(parts, "AT_ONCE", 20 * 24 * 24)


def cells(planes=30):
    rng = np.random.default_rng(0)
    light = 200.0 + 300 * (gaussian_filter(rng.normal(size=(planes, 24, 24)), 3) > 0)
    return rng.poisson(light / 5).astype("uint16"), light / 5


def slabs(shape, **more):
    found = Cutting(Axes.of(shape, "ZYX", volumes=True), shape, (1, 1, 1), slabs=True).parts(
        **{"tile": None} | more
    )
    return [(part.where[0].start, part.where[0].stop) for part in found if part.tile is not None]


def test_deep_volumes_are_cut_into_slabs_and_others_are_not():
    assert slabs((30, 24, 24)) == [(0, 13), (8, 21), (17, 30)]
    assert slabs((16, 64, 64)) == slabs((20, 24, 24)) == []  # few planes, or few voxels
    assert len(slabs((30, 200, 24), tile=150)) == 6
    noisy, _ = cells()
    assert len(plan_denoise(noisy, axes="ZYX").parts) == 3
    assert len(plan_denoise(noisy, axes="QYX").parts) == 30
    # Farther away there may be what fills a gap.
    assert len(plan_inpaint(noisy, np.eye(24, dtype=bool), axes="ZYX").parts) == 1


def test_a_slab_starts_from_the_one_beside_it_and_nothing_is_seen_of_its_border():
    noisy, truth = cells()
    result = dip.denoise(noisy, axes="ZYX", dtype="float32", **QUICK | {"iterations": 60})
    runs = [result.history["run"].count(run) for run in range(3)]
    assert 20 == runs[2] < runs[1] < runs[0]  # the first one ended by number, and found nothing out
    errors = np.mean((result.image - truth) ** 2, axis=(1, 2))
    assert errors.max() < 0.5 * np.mean((noisy - truth) ** 2)
    # As the light itself changes from plane to plane.
    steps = np.abs(np.diff(result.image, axis=0)).mean((1, 2))
    assert steps.max() < 2 * np.median(steps)


def test_after_an_empty_slab_a_run_begins_anew():
    noisy, _ = cells()
    noisy[:17] = np.random.default_rng(1).poisson(40, (17, 24, 24))
    result = dip.denoise(noisy, axes="ZYX", **QUICK | {"iterations": 24})
    runs = [result.history["run"].count(run) for run in range(3)]
    assert runs[1] > 20


def test_what_is_kept_for_the_next_slab_is_one_start():
    noisy, _ = cells(60)
    job = plan_denoise(noisy, axes="ZYX", **QUICK | {"iterations": 3})
    for _ in job:
        assert len(job._warm._starts) <= 1
    assert len(job._warm._starts) == 1 and len(job.finished) == len(job.parts) == 5


def test_what_was_stopped_goes_on_and_settings_make_the_same_again(tmp_path):
    noisy, _ = cells()
    quick = QUICK | {"iterations": 4, "stopping": "fixed"}
    whole = dip.denoise(noisy, axes="ZYX", **quick)
    again = dip.denoise(noisy, **whole.settings)
    np.testing.assert_array_equal(again.image, whole.image)
    in_file = dip.denoise(noisy, axes="ZYX", out=tmp_path / "a.ome.zarr", **quick)
    np.testing.assert_array_equal(np.asarray(in_file.image), whole.image)
