"""A real cluster of two processes, one of which is killed while it works."""

import os
import signal
import subprocess
import sys

import dask.array as da
import numpy as np
import pages
import pytest
import torch

import napari_dip as dip

pytest.importorskip("distributed")
from distributed import Client, LocalCluster, as_completed, futures_of, wait

# Some tenths of a second for each plane: long enough for a worker to be killed in the middle of one.
SETTINGS = {
    "iterations": 12,
    "precision": "float32",
    "device": "cpu",
    "correction": "none",
    "network": {"name": "subpixel", "channels": [8, 16, 16]},
}


@pytest.fixture(scope="module")
def client():
    """Two processes of one thread; a worker that dies is replaced."""
    with pytest.MonkeyPatch.context() as patch:
        for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.setenv(threads, "1")
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


@pytest.fixture(autouse=True)
def one_thread():
    """As the workers' torch has; sums of numbers depend on how many threads share the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stack():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    return (500 + 200 * np.sin(x / 5) * np.cos(y / 4) + rng.normal(0, 30, (6, 48, 48))).astype("uint16")


def restored(chunk):
    mask = np.zeros((48, 48), bool)
    mask[20:23, 5:40] = True
    return dip.inpaint(da.from_array(stack(), chunks=(chunk, 48, 48)), mask, **SETTINGS).image


def test_two_processes_come_to_what_one_comes_to(client):
    lazy = restored(chunk=2)
    work = client.persist(lazy)
    wait(work)
    assert all(client.has_what().values())  # both have done a part
    np.testing.assert_array_equal(work.compute(), lazy.compute(scheduler="synchronous"))


def test_what_goes_wrong_on_a_worker_is_told_here(client):
    lazy = dip.denoise(da.from_array(stack(), chunks=(3, 48, 48)), device="cuda:99").image
    with pytest.raises(ValueError, match=r"image\[3:6, :, :\]: device 'cuda:99' is not available"):
        lazy[3].compute()


def test_the_work_ends_with_the_same_result_when_a_worker_is_killed_in_the_middle(client):
    lazy = restored(chunk=1)
    pids = client.run(os.getpid)
    work = client.persist(lazy)
    # The worker that has the first plane is killed with it, and with the plane that it has begun.
    first = next(as_completed(futures_of(work)))
    (victim,) = client.who_has([first])[first.key]
    assert client.processing()[victim]
    os.kill(pids[victim], signal.SIGKILL)
    np.testing.assert_array_equal(work.compute(), lazy.compute(scheduler="synchronous"))
    assert victim not in client.run(os.getpid)


@pytest.mark.timeout(300)  # three processes import torch, perhaps on a busy machine
def test_the_pages_script_for_a_workstation_runs(tmp_path):
    zarr = pytest.importorskip("zarr")
    da.from_array(stack()[:3, :32, :32], chunks=(3, 16, 16)).to_zarr(str(tmp_path / "stack.zarr"))
    (script,) = (one.code for one in pages.examples("docs/cluster.md") if one.elsewhere)
    # One process imports torch in half of the time.
    for said, quicker in (('axes="TYX"', 'axes="TYX", iterations=1'), ("n_workers=2", "n_workers=1")):
        assert script.count(said) == 1
        script = script.replace(said, quicker)
    (tmp_path / "restore.py").write_text(script)
    subprocess.run([sys.executable, "restore.py"], cwd=tmp_path, check=True)
    restored = zarr.open(str(tmp_path / "restored.zarr"), mode="r")
    assert (restored.shape, restored.dtype, restored.chunks) == ((3, 32, 32), np.uint16, (1, 32, 32))
    assert (restored[:] > 0).all()
