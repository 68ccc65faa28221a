"""What can go wrong while an image is restored: the program is killed, the disk is full, numbers are none."""

import errno
import gc
import io
import multiprocessing
import os
import random
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import dask
import numpy as np
import psutil
import pytest
import torch
from scripts import ROOT, load

import napari_dip as dip
from napari_dip.cli import main
from napari_dip.engine.fit import Fit
from napari_dip.images.files import Description, read, write

SETTINGS = {
    "iterations": 3,
    "device": "cpu",
    "precision": "float32",
    "correction": "none",
    "network": {"name": "subpixel", "channels": [4, 4]},
}


def stack(planes=3):
    y, x = np.mgrid[:20, :24]
    clean = 500 + 200 * np.sin(x / 5) * np.cos(y / 4)
    return np.random.default_rng(0).normal(clean, 30, (planes, 20, 24)).astype("uint16")


# ------------------------------------------------------------------------------------ killed, and no room


def _command(words):
    """Run a command in a process of its own, which begins where this one is."""
    torch.set_num_threads(1)  # those of the process that it is a copy of are not there
    os._exit(main(words))


@pytest.mark.skipif(sys.platform != "linux", reason="processes begin anew elsewhere, which takes seconds")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_command_that_is_killed_at_any_moment_comes_to_the_same_when_it_is_given_again(tmp_path, capfd):
    write(tmp_path / "stack.ome.zarr", stack(), Description.plain("TYX"))
    options = [f"--{name}={str(value).replace(chr(39), chr(34))}" for name, value in SETTINGS.items()]
    words = ["denoise", str(tmp_path / "stack.ome.zarr"), "--quiet", *options, "-o"]
    for name in ("first.ome.zarr", "whole.ome.zarr"):  # the first time modules are loaded
        began = time.perf_counter()
        assert main([*words, str(tmp_path / name)]) == 0
        took = time.perf_counter() - began

    out = tmp_path / "killed.ome.zarr"
    chance, kills = random.Random(0), 0
    for _ in range(20):
        process = multiprocessing.get_context("fork").Process(target=_command, args=([*words, str(out)],))
        process.start()
        process.join(chance.uniform(0.1, 1) * took)
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        if kills == 3 or (kills and out.exists()):
            break
        if out.exists():  # it was quicker this time, and is to be killed sooner
            shutil.rmtree(out)
            took /= 2
    if not out.exists():
        assert main([*words, str(out)]) == 0
    assert kills
    np.testing.assert_array_equal(read(out)[0], read(tmp_path / "whole.ome.zarr")[0])
    assert not Path(f"{out}.unfinished").exists()


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.ome.tif"])
def test_a_disk_that_is_full_at_any_write_is_said_and_what_is_done_is_kept(tmp_path, monkeypatch, name):
    expected = dip.denoise(stack(), **SETTINGS).image
    opened = io.open

    def counting(full_at):
        count = 0

        def open_file(file, mode="r", *args, **kwargs):
            nonlocal count
            if isinstance(file, str | Path) and str(tmp_path) in str(file) and set(mode) & set("wax+"):
                count += 1
                if count == full_at:
                    raise OSError(errno.ENOSPC, "No space left on device", str(file))
            return opened(file, mode, *args, **kwargs)

        for module in ("io", "builtins"):
            monkeypatch.setattr(f"{module}.open", open_file)
        return lambda: count

    there = counting(0)
    dip.denoise(stack(), out=tmp_path / f"first-{name}", **SETTINGS)
    writes = there()
    assert writes > 8
    for full_at in sorted(random.Random(1).sample(range(1, writes + 1), 3)):
        out = tmp_path / f"{full_at}-{name}"
        counting(full_at)
        with pytest.raises(OSError, match="No space left on device") as caught:
            dip.denoise(stack(), out=out, **SETTINGS)
        assert f"{out} can't be written" in str(caught.value) and "\n" not in str(caught.value)
        counting(0)
        assert not out.exists()
        np.testing.assert_array_equal(dip.denoise(stack(), out=out, **SETTINGS).image, expected)


def test_a_folder_that_must_not_be_written_to_is_said(tmp_path, monkeypatch):
    def refuse(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "mkdir", refuse)  # whoever is root may write anywhere
    with pytest.raises(OSError, match=r"a\.ome\.zarr can't be written: Permission denied\. Make that right"):
        dip.denoise(stack(), out=tmp_path / "a.ome.zarr", **SETTINGS)
    assert os.listdir(tmp_path) == []


# --------------------------------------------------------------------------------- inside of an iteration


def at_iteration(monkeypatch, number, fault):
    """Have `fault` called in the iteration of a run, or in the so many-th of all runs."""
    step, count = Fit.step, iter(range(1, 1 << 30))

    def faulty(self, iteration):
        if next(count) == number:
            fault(self)
        return step(self, iteration)

    monkeypatch.setattr(Fit, "step", faulty)


def fail(error):
    def fault(fit):
        raise error

    return fault


ILLEGAL = RuntimeError(
    "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ..."
)


def test_a_device_that_fails_is_told_in_a_sentence_and_planes_that_are_done_are_kept(monkeypatch, tmp_path):
    expected = dip.denoise(stack(), **SETTINGS).image
    sentence = (
        r"cpu has failed: CUDA error: an illegal memory access was encountered\. Start the program anew"
    )
    with monkeypatch.context() as patch:
        at_iteration(patch, 3, fail(ILLEGAL))
        with pytest.raises(OSError, match=sentence) as caught:
            dip.denoise(stack(), **SETTINGS)
        assert "\n" not in str(caught.value)
    with monkeypatch.context() as patch:
        at_iteration(patch, 5, fail(ILLEGAL))
        with pytest.warns(UserWarning, match="Cpu has failed: .* again, .*What was done before is kept"):
            result = dip.denoise(stack(), **SETTINGS)
    assert result.stopped_by == "device failure" and result.history["run"] == [0] * 3 + [1]
    np.testing.assert_array_equal(result.image, [expected[0], *stack()[1:]])
    with monkeypatch.context() as patch:
        at_iteration(patch, 5, fail(ILLEGAL))
        with pytest.raises(OSError, match=sentence):
            dip.denoise(stack(), out=tmp_path / "a.ome.zarr", **SETTINGS)
    result = dip.denoise(stack(), out=tmp_path / "a.ome.zarr", **SETTINGS)
    np.testing.assert_array_equal(result.image, expected)


def test_numbers_that_are_none_for_an_iteration_do_not_end_a_run(monkeypatch):
    image, settings = stack(1)[0], {**SETTINGS, "iterations": 60, "stopping": "fixed"}
    undisturbed = dip.denoise(image, **settings)

    def burst(fit):
        with torch.no_grad():
            for weight in fit.network.parameters():
                weight.mul_(float("nan"))

    at_iteration(monkeypatch, 25, burst)
    result = dip.denoise(image, **settings)
    assert result.iterations == 60 and result.stopped_by == undisturbed.stopped_by
    assert None in result.history["data_term"] and None not in result.history["data_term"][30:]
    assert result.residual < 1.15 * undisturbed.residual


# -------------------------------------------------------------------------------------- again and again


def test_50_runs_in_a_row_leave_nothing_behind():
    def runs(number):
        for _ in range(number):
            dip.denoise(stack(1)[0, :12, :12], **SETTINGS | {"iterations": 1})
        gc.collect()
        tensors = sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())
        return threading.active_count(), tensors, psutil.Process().memory_info().rss / 2**20

    threads, tensors, memory = runs(5)
    after = runs(50)
    assert after[:2] == (threads, tensors)
    assert after[2] < memory + 10


@pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="a source distribution has no benchmarks")
def test_random_input_comes_to_a_result_or_to_one_sentence(tmp_path):
    fuzz = load("benchmarks/fuzz.py")
    with dask.config.set(scheduler="synchronous"):
        done = [(call, fuzz.attempt(call)) for _, call in fuzz.calls(7, iter(range(60)), tmp_path)]
    assert [f"{outcome.what}: {call}" for call, outcome in done if not outcome.fine] == []
    assert sum(outcome.what == "a result" for _, outcome in done) >= 15
