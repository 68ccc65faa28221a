"""Results that grow in a file: as good as in memory, and never lost."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_dip as dip
from napari_dip.images.files import Description, read, write
from napari_dip.planning import plan_inpaint
from napari_dip.results import Growing
from napari_dip.unfinished import Unfinished

# The quicker precision is measured in each process, and may be another one there.
QUICK = {"iterations": 2, "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(0)
    return rng.poisson(np.linspace(5, 60, 16 * 20).reshape(16, 20), (3, 16, 20)).astype("uint16")


@pytest.fixture(scope="module")
def in_memory(stack):
    return dip.denoise(stack, **QUICK)


class Killed(Exception):
    pass


def stop_in(run):
    """Return a callback that ends the call in a plane, without a word to the job."""

    def callback(step):
        if step.run == run and step.iterate.iteration == 2:
            raise Killed

    return callback


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", ["restored.ome.zarr", "restored.ome.tif"])
def test_a_file_has_what_memory_would_have(stack, in_memory, tmp_path, name):
    result = dip.denoise(stack, out=tmp_path / name, **QUICK)
    assert isinstance(result.image, da.Array) and result.image.dtype == stack.dtype
    assert np.array_equal(result.image.compute(), in_memory.image)
    assert result.settings == in_memory.settings and result.iterations == in_memory.iterations
    assert os.listdir(tmp_path) == [name]
    again = dip.denoise(tmp_path / name, iterations=1)
    assert again.image.shape == stack.shape


def test_a_killed_process_loses_one_plane_and_the_file_becomes_the_same(stack, in_memory, tmp_path):
    np.save(tmp_path / "stack.npy", stack)
    script = textwrap.dedent(
        f"""
        import os, signal, numpy as np, napari_dip as dip
        def callback(step):
            if step.run == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        dip.denoise(np.load("stack.npy"), out="a.ome.zarr", callback=callback, **{QUICK!r})
        """
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL if os.name == "posix" else killed.returncode != 0
    folder = tmp_path / "a.ome.zarr.unfinished"
    assert not (tmp_path / "a.ome.zarr").exists()
    readable, _ = dip.images.files.read(folder / "image.ome.zarr")
    assert np.array_equal(readable[:2].compute(), in_memory.image[:2])

    runs = set()
    result = dip.denoise(
        stack, out=tmp_path / "a.ome.zarr", callback=lambda step: runs.add(step.run), **QUICK
    )
    assert runs == {2}
    assert np.array_equal(result.image.compute(), in_memory.image)
    assert result.iterations == in_memory.iterations and result.history["warm"] == in_memory.history["warm"]
    assert not folder.exists()
    dip.denoise(stack, out=tmp_path / "b.ome.zarr", **QUICK)
    assert files(tmp_path / "a.ome.zarr") == files(tmp_path / "b.ome.zarr")


def test_a_line_of_the_journal_that_was_cut_short_does_no_harm(stack, in_memory, tmp_path):
    out = tmp_path / "a.ome.zarr"
    with pytest.raises(Killed):
        dip.denoise(stack, out=out, callback=stop_in(2), **QUICK)
    journal = tmp_path / "a.ome.zarr.unfinished" / "journal.jsonl"
    with open(journal, "ab") as file:
        file.write(b'{"place": [2], "sou')
    assert np.array_equal(dip.denoise(stack, out=out, **QUICK).image.compute(), in_memory.image)


def test_a_journal_that_is_none_is_left_alone(stack, tmp_path):
    journal = tmp_path / "a.ome.zarr.unfinished" / "journal.jsonl"
    journal.parent.mkdir()
    for text in ("mine\n", '{"asked": 3}\n', "[1]\n"):
        journal.write_text(text)
        with pytest.raises(ValueError, match="not what this version of napari-dip writes"):
            dip.denoise(stack, out=tmp_path / "a.ome.zarr", **QUICK)
        assert journal.read_text() == text


def test_a_mask_that_is_edited_meanwhile_is_no_other_image(stack, tmp_path):
    mask = np.zeros(stack.shape, bool)
    mask[:, 4:6, 3:12] = True
    job = dip.api.plan_inpaint(stack, mask, out=tmp_path / "a.ome.zarr", iterations=4, device="cpu")
    for step in job:
        if step.run == 1 and step.iterate.iteration == 2:
            mask[0, 9:11, 3:12] = mask[1, 9:11, 3:12] = True
            job.change_mask(mask)
    result = job.result().image.compute()
    assert (result[:2][mask[:2]] != stack[:2][mask[:2]]).any()
    assert np.array_equal(result[~mask], stack[~mask])
    assert list(dict.fromkeys(job.result().history["run"])) == [1, 2, 0]


def test_planes_in_tiles_go_on_too(tmp_path):
    image = np.random.default_rng(0).normal(100, 9, (2, 150, 24)).astype("float32")
    settings = {"iterations": 2, "tile": 144, "device": "cpu"}
    whole = dip.denoise(image, **settings)
    out = tmp_path / "a.ome.zarr"
    with pytest.raises(Killed):
        dip.denoise(image, out=out, callback=stop_in(3), **settings)  # the second tile of the second plane
    assert np.array_equal(dip.denoise(image, out=out, **settings).image.compute(), whole.image)


def test_a_stopped_run_keeps_what_it_has_and_goes_on(stack, in_memory, tmp_path):
    out = tmp_path / "a.ome.zarr"
    with pytest.warns(UserWarning, match="is not finished"):
        stopped = dip.denoise(stack, out=out, callback=lambda step: step.run == 1, **QUICK)
    assert stopped.stopped_by == "user" and not out.exists()
    image = stopped.image.compute()
    assert np.array_equal(image[0], in_memory.image[0]) and np.array_equal(image[2], stack[2])
    assert np.array_equal(dip.denoise(stack, out=out, **QUICK).image.compute(), in_memory.image)


def test_a_file_says_what_is_known_of_the_image_in_the_end(stack, tmp_path):
    out, names = tmp_path / "a.ome.zarr", [f"{tmp_path / name}.ome.tif" for name in "xy"]
    for name, size in zip(names, (0.5, 0.325), strict=True):
        said = Description("TYX", (1, size, size), (0, 0, 0), ("", "micrometer", "micrometer"), name=name)
        write(name, stack, said)
    with pytest.raises(Killed):
        dip.denoise(names[0], out=out, callback=stop_in(1), **QUICK)
    dip.denoise(names[1], out=out, **QUICK)
    description = read(out)[1]
    assert description.scale == (1, 0.325, 0.325) and description.name == names[1]


def test_a_single_plane_that_is_stopped_is_a_file(stack, tmp_path):
    out = tmp_path / "a.ome.tif"
    dip.denoise(stack[0], out=out, callback=lambda step: True, **QUICK)
    again, description = dip.images.files.read(out)
    assert again.shape == stack[0].shape and description.record["stopped_by"] == "user"
    assert os.listdir(tmp_path) == ["a.ome.tif"]


def test_a_run_that_did_nothing_leaves_nothing_and_forbids_nothing(stack, in_memory, tmp_path):
    out, folder = tmp_path / "a.ome.zarr", tmp_path / "a.ome.zarr.unfinished"
    with pytest.raises(Killed):
        dip.denoise(stack, out=out, callback=stop_in(0), **QUICK)
    assert not folder.exists()
    job = dip.api.plan_denoise(stack, out=out, tv=3, **QUICK)
    steps = iter(job)
    next(steps)
    journal = (folder / "journal.jsonl").read_bytes()
    steps.close()
    folder.mkdir(exist_ok=True)
    (folder / "journal.jsonl").write_bytes(journal)  # as SIGKILL would have left it
    assert np.array_equal(dip.denoise(stack, out=out, **QUICK).image.compute(), in_memory.image)


def test_what_the_file_cannot_hold_is_refused_before_the_work(stack, tmp_path):
    with pytest.raises(ValueError, match="type float16 can't be written to OME-TIFF"):
        dip.denoise(stack, dtype="float16", out=tmp_path / "a.ome.tif", callback=stop_in(0), **QUICK)
    with pytest.raises(ValueError, match="can't be written to PNG"):
        dip.denoise(stack, out=tmp_path / "a.png", callback=stop_in(0), **QUICK)
    assert os.listdir(tmp_path) == []


def test_finer_results_and_masks_go_to_files(stack, tmp_path):
    finer = dip.super_resolve(stack, 2, out=tmp_path / "finer.ome.zarr", **QUICK)
    assert finer.image.shape == (3, 32, 40)
    _, description = dip.images.files.read(tmp_path / "finer.ome.zarr")
    assert description.scale[-2:] == (0.5, 0.5) and description.translate[-2:] == (-0.25, -0.25)
    mask = np.zeros((16, 20), bool)
    mask[5:9, 3:15] = True
    filled = dip.inpaint(stack, mask, out=tmp_path / "filled.ome.zarr", **QUICK)
    assert np.array_equal(filled.image.compute()[:, ~mask], stack[:, ~mask])
    assert description.record["task"] == "super-resolve" and description.record["settings"] == finer.settings


def test_colours_and_opacity_survive(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (2, 16, 20, 4), "uint8")
    result = dip.denoise(image, axes="TYXC", out=tmp_path / "a.ome.zarr", **QUICK)
    expected = dip.denoise(image, axes="TYXC", **QUICK)
    assert result.image.shape == image.shape
    assert np.array_equal(result.image.compute(), expected.image)
    assert np.array_equal(result.image.compute()[..., 3], image[..., 3])


def test_what_changed_meanwhile_is_done_again(stack, tmp_path):
    out = tmp_path / "a.ome.zarr"
    with pytest.raises(Killed):
        dip.denoise(stack, out=out, callback=stop_in(1), **QUICK)
    changed = stack.copy()
    changed[0, 3, 3] += 1
    result = dip.denoise(changed, out=out, **QUICK)
    assert np.array_equal(result.image.compute(), dip.denoise(changed, **QUICK).image)


def test_nothing_is_overwritten(stack, tmp_path):
    out = tmp_path / "a.ome.zarr"
    out.write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        dip.denoise(stack, out=out, **QUICK)
    assert out.read_text() == "mine"
    other = tmp_path / "b.ome.zarr"
    with pytest.raises(Killed):
        dip.denoise(stack, out=other, callback=stop_in(1), **QUICK)
    with pytest.raises(ValueError, match=r"begun with other settings \(tv="):
        dip.denoise(stack, out=other, tv=3, **QUICK)
    with pytest.raises(ValueError, match="another shape or type"):
        dip.denoise(stack[:2], out=other, **QUICK)


def test_two_runs_do_not_write_to_one_file(stack, tmp_path):
    out = tmp_path / "a.ome.zarr"
    first = iter(dip.api.plan_denoise(stack, out=out, **QUICK))
    next(first)
    with pytest.raises(OSError, match="another run is writing"):
        dip.denoise(stack, out=out, **QUICK)
    first.close()
    dip.denoise(stack, out=out, **QUICK)


def test_an_edit_shows_in_the_plane_that_is_under_way_alone(tmp_path):
    stack = np.stack([np.random.default_rng(i).normal(1000 * i, 5, (16, 20)) for i in range(3)])
    mask = np.zeros(stack.shape, bool)
    mask[0, 3:6, 3:6] = True
    edited = mask.copy()
    edited[0, 10:12, 10:12] = True
    job = plan_inpaint(stack, mask, out=tmp_path / "a.ome.zarr", **QUICK)
    made_from, shown = job._outcome.result._made_from, []

    def edit(index):  # at plane 1, of which no run is made: the last one was of plane 0
        if index[0] == 1:
            shown.append(job.change_mask(edited))
        return made_from(index)

    job._outcome.result._made_from = edit
    for _ in job:
        pass
    assert shown and not any(shown)
    assert np.array_equal(job.result().image.compute()[1:], stack[1:])


@pytest.mark.parametrize("ending", [".ome.zarr", ".ome.tif"])
def test_where_how_sure_it_is_can_not_be_written_the_result_waits(stack, tmp_path, monkeypatch, ending):
    asked = {"out": tmp_path / f"a{ending}", "uncertainty": 2} | QUICK
    ready = Unfinished.make_ready

    def full(self, record):
        if "uncertainty" in self.path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        ready(self, record)

    monkeypatch.setattr(Unfinished, "make_ready", full)
    with pytest.raises(OSError, match="No space left"):
        dip.denoise(stack, **asked)
    assert sorted(os.listdir(tmp_path)) == [f"a-uncertainty{ending}.unfinished", f"a{ending}.unfinished"]
    monkeypatch.setattr(Unfinished, "make_ready", ready)
    assert dip.denoise(stack, **asked).image.shape == stack.shape
    assert sorted(os.listdir(tmp_path)) == [f"a-uncertainty{ending}", f"a{ending}"]


def test_a_crash_just_before_the_end_forbids_nothing(stack, in_memory, tmp_path, monkeypatch):
    path = tmp_path / "a.ome.zarr"
    with monkeypatch.context() as patch:
        patch.setattr(Unfinished, "_clear", lambda self: None)
        dip.denoise(stack, out=path, **QUICK)
    assert len(os.listdir(tmp_path)) == 2
    path.rename(tmp_path / "elsewhere.ome.zarr")
    assert np.array_equal(dip.denoise(stack, out=path, **QUICK).image.compute(), in_memory.image)


def test_what_others_put_into_the_folder_stays_and_what_a_killed_run_left_goes(stack, tmp_path):
    folder = tmp_path / "a.ome.zarr.unfinished"
    (folder / ".image.ome.zarr.0123abcd.part").mkdir(parents=True)
    (folder / "start-7.npz").write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    dip.denoise(stack, out=tmp_path / "a.ome.zarr", **QUICK)
    assert os.listdir(folder) == ["notes.txt"]


def test_the_disk_keeps_a_plane_before_its_line_in_the_journal(stack, tmp_path, monkeypatch):
    kept, sync = [], os.fsync

    def note(number):
        kept.append(Path(os.readlink(f"/proc/self/fd/{number}")))
        sync(number)

    if not Path("/proc/self/fd").exists():
        pytest.skip("what a number of a file means is found out in /proc alone")
    monkeypatch.setattr(os, "fsync", note)
    dip.denoise(stack, out=tmp_path / "a.ome.zarr", **QUICK)
    lines = [at for at, path in enumerate(kept) if path.name == "journal.jsonl"]
    for plane, (before, after) in enumerate(itertools.pairwise(lines)):
        assert any(f"/c/{plane}/" in str(path) for path in kept[before:after])


def test_a_full_disk_is_said_and_what_is_done_is_kept(stack, in_memory, tmp_path, monkeypatch):
    from napari_dip.journal import Journal

    out = tmp_path / "a.ome.zarr"
    append, lines = Journal._append, []

    def full(self, line):
        lines.append(line)
        if len(lines) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, line)

    monkeypatch.setattr(Journal, "_append", full)
    with pytest.raises(OSError, match=r"No space left on device\. .* What is done is kept"):
        dip.denoise(stack, out=out, **QUICK)
    monkeypatch.undo()
    assert np.array_equal(dip.denoise(stack, out=out, **QUICK).image.compute(), in_memory.image)


def test_too_little_room_is_said_beforehand(stack, tmp_path, monkeypatch):
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    with pytest.raises(OSError, match="are needed, but"):
        dip.denoise(stack, out=tmp_path / "a.ome.zarr", **QUICK)


@pytest.fixture
def unreadable(stack):
    """The stack, whose last plane can't be read."""

    def plane(block, block_info):
        if block_info[0]["array-location"][0][0] == 2:
            raise RuntimeError("checksum is wrong")
        return block

    return da.from_array(stack, chunks=(1, 16, 20)).map_blocks(plane, dtype=stack.dtype)


def test_an_unreadable_plane_ends_the_run_in_a_sentence(unreadable, stack, in_memory, tmp_path):
    out = tmp_path / "a.ome.zarr"
    with pytest.raises(OSError, match=r"plane 2 of the image can't be read: checksum is wrong\."):
        dip.denoise(unreadable, out=out, **QUICK)
    assert np.array_equal(dip.denoise(stack, out=out, **QUICK).image.compute(), in_memory.image)


def test_in_memory_what_was_done_before_an_unreadable_plane_is_kept(stack, in_memory):
    class Failing:
        shape, dtype, ndim = stack.shape, stack.dtype, stack.ndim

        def __getitem__(self, index):
            if index[0] == 1:
                raise RuntimeError
            return stack[index]

    with pytest.warns(UserWarning, match=r"Plane 1 of the image can't be read: RuntimeError\. .* is kept"):
        result = dip.denoise(Failing(), **QUICK)
    assert result.stopped_by == "unreadable image"
    assert np.array_equal(result.image[0], in_memory.image[0]) and np.array_equal(result.image[1:], stack[1:])


@pytest.mark.parametrize("what", ["type", "shape"])
def test_images_that_differ_are_refused(stack, what, tmp_path):
    wrong = stack.astype("float32") if what == "type" else stack[:, :12]
    rest = da.from_array(stack[1:]).map_blocks(lambda block: wrong[1:], meta=stack[:0])
    image = da.concatenate([da.from_array(stack[:1]), rest])
    with pytest.raises(OSError, match=f"has the {what} .*, but the image said"):
        dip.denoise(image, out=tmp_path / "a.ome.zarr", **QUICK)


def test_an_image_that_changes_under_way_is_noticed(stack, tmp_path):
    image = stack.copy()

    def change(step):
        image[1, 0, 0] += step.run == 1

    out = tmp_path / "a.ome.zarr"
    with pytest.raises(OSError, match="changed while plane"):
        dip.denoise(image, out=out, callback=change, **QUICK)
    lines = Path(f"{out}.unfinished/journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["place"] for line in lines[1:]] == [[0]]


@given(st.data())
def test_a_growing_array_is_indexed_as_numpy_does(data):
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    growing = Growing(array.shape, array.dtype, (0, 2), lambda at, index: array[index])
    one = st.one_of(st.integers(0, 1), st.slices(2))
    key = tuple(data.draw(st.one_of(one, st.just(Ellipsis))) for _ in range(data.draw(st.integers(0, 4))))
    if sum(i is Ellipsis for i in key) > 1:
        key = tuple(i for i in key if i is not Ellipsis)
    assert np.array_equal(growing[key], array[key]) and growing[key].shape == array[key].shape
    assert np.array_equal(np.asarray(growing), array)


def test_what_a_stopped_run_gave_back_shows_its_planes_later_too(stack, in_memory, tmp_path):
    out = tmp_path / "a.ome.zarr"
    with pytest.warns(UserWarning, match=r"a.ome.zarr is not finished: 1 of 3 planes are done and kept"):
        stopped = dip.denoise(stack, out=out, callback=lambda step: step.run == 1, **QUICK)
    dip.denoise(stack, out=out, **QUICK)
    assert np.array_equal(stopped.image[0].compute(), in_memory.image[0])


def test_a_place_that_is_none_is_refused_before_anything_is_made(stack, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        dip.denoise(stack, out=tmp_path / "none" / "a.ome.zarr", **QUICK)
    with pytest.raises(TypeError, match="out must be the path"):
        dip.denoise(stack, out=3, **QUICK)
    positions = np.stack([[stack] * 2] * 2)
    with pytest.raises(ValueError, match="axes"):
        dip.denoise(positions, axes="PCTYX", out=tmp_path / "a.ome.zarr", **QUICK)
    assert os.listdir(tmp_path) == []
    monkeypatch.setenv("HOME", str(tmp_path))
    dip.denoise(stack[:1], out="~/b.ome.zarr", **QUICK)
    assert (tmp_path / "b.ome.zarr").exists()


@pytest.mark.parametrize(
    ("shape", "axes", "written"),
    [((1, 2, 8, 8), "QCYX", "TCYX"), ((2, 3, 8, 8), "QQYX", "TQYX"), ((2, 8, 8, 3), "QYXC", "TYXC")],
)
def test_axes_without_a_name_find_a_place_in_a_file(tmp_path, shape, axes, written):
    image = np.random.default_rng(0).integers(0, 255, shape, "uint8")
    result = dip.denoise(image, axes=axes, out=tmp_path / "a.ome.zarr", iterations=1, device="cpu")
    assert result.image.shape == shape
    assert dip.images.files.read(tmp_path / "a.ome.zarr")[1].axes in (written, written.replace("C", "S"))


def test_a_mask_may_be_a_file(stack, tmp_path):
    mask = np.zeros((16, 20), "uint8")
    mask[5:9, 3:15] = 1
    dip.images.files.write(tmp_path / "mask.tif", mask, dip.images.files.Description.plain("YX"))
    expected = dip.inpaint(stack, mask, **QUICK).image
    assert np.array_equal(dip.inpaint(stack, tmp_path / "mask.tif", **QUICK).image, expected)


@pytest.mark.parametrize("image", [None, ["a.tif", "b.tif"], object()])
def test_what_is_no_image_is_refused_in_a_sentence(image):
    with pytest.raises(TypeError, match="an image is an array, a napari layer or the path of a file, but"):
        dip.denoise(image)
