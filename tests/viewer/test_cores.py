"""How much of the processor a run takes, and on which graphics processor it runs."""

from __future__ import annotations

import os
import sys
import threading
from types import SimpleNamespace

import psutil
import pytest
import torch
from qtpy.QtCore import Qt

import napari_dip as dip
from napari_dip.engine.devices import choose_device, graphics
from napari_dip.viewer import cores
from napari_dip.viewer.cores import NICE, Cores
from napari_dip.viewer.remembered import recall

LONG = {"iterations": 100_000, "stopping": "fixed"}


@pytest.fixture
def torch_threads():
    """torch with four threads; what each test leaves is undone."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)
    dip.viewer.use_cores(None)


@pytest.fixture
def battery(monkeypatch):
    def say(plugged):
        answer = None if plugged is None else SimpleNamespace(percent=80, power_plugged=plugged)
        monkeypatch.setattr(psutil, "sensors_battery", lambda: answer, raising=False)

    say(None)
    return say


def in_a_run(device="cpu"):
    """What a run's thread finds: torch's threads, how nice it is, and what the user is told."""
    mine, found = Cores(), {}

    def compute():
        mine.take(device)
        found["threads"] = torch.get_num_threads()
        if sys.platform == "linux":
            before = set(os.listdir("/proc/self/task"))
            torch.rand(400, 400) @ torch.rand(400, 400)  # which begins threads of torch's own
            begun = set(os.listdir("/proc/self/task")) - before
            found["nice"] = {os.getpriority(os.PRIO_PROCESS, int(one)) for one in begun} | {
                os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            }
        found["said"] = str(mine)
        mine.give()
        found["after"] = torch.get_num_threads()

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    assert not str(mine)
    return SimpleNamespace(**found)


@pytest.mark.parametrize(
    ("there", "plugged", "wanted", "threads", "said"),
    [
        (4, None, None, 3, ""),  # one for the window
        (16, True, None, 4, ""),  # as many as torch would
        (16, False, None, 2, "on battery: uses 2 of 4 cores"),
        (16, False, 3, 3, ""),
        (4, None, 6, 6, ""),
    ],
)
def test_a_run_leaves_a_core_and_on_battery_half_of_them(
    monkeypatch, torch_threads, battery, there, plugged, wanted, threads, said
):
    monkeypatch.setattr(cores, "_cores", lambda: there)
    battery(plugged)
    dip.viewer.use_cores(wanted)
    run = in_a_run()
    assert (run.threads, run.said, run.after) == (threads, said, 4)
    assert torch.get_num_threads() == 4
    if sys.platform == "linux":
        assert run.nice == {max(NICE, os.getpriority(os.PRIO_PROCESS, 0))}


def test_two_cores_are_both_used_and_a_graphics_run_needs_none(monkeypatch, torch_threads, battery):
    monkeypatch.setattr(cores, "_cores", lambda: 2)
    torch.set_num_threads(2)
    assert in_a_run().threads == 2
    torch.set_num_threads(4)
    battery(False)
    assert (in_a_run("cuda:0").threads, in_a_run("cuda:0").said) == (4, "")


def test_where_a_battery_cannot_be_asked_there_is_none(monkeypatch):
    def refuse():
        raise OSError

    monkeypatch.setattr(psutil, "sensors_battery", refuse, raising=False)
    assert not cores.on_battery()


@pytest.mark.parametrize("number", [0, -1, 2.5, True, "4"])
def test_what_is_no_number_of_cores_is_refused(number):
    with pytest.raises(ValueError, match=f"1 or more, or None, but got {number!r}"):
        dip.viewer.use_cores(number)


def test_a_run_on_battery_says_so_until_it_is_plugged_in(
    viewer, noisy, open_denoise, click, wait_until, battery, monkeypatch
):
    told = []  # torch itself stays at one thread: several, on a busy machine, wait for one another for long
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    battery(False)
    viewer.add_image(noisy)
    widget = open_denoise()
    run = dip.viewer.denoise(viewer, **LONG, device="cpu")
    status = widget.controls.status
    wait_until(lambda: run.step is not None)
    assert status.text().endswith("on battery: uses 1 of 2 cores")
    assert repr(run).endswith("on battery: uses 1 of 2 cores>")
    click(widget.controls.pause)
    wait_until(lambda: not run.computes)
    assert status.text().endswith("paused")
    battery(True)
    click(widget.controls.pause)
    before = run.step.iterate.iteration
    wait_until(lambda: run.step.iterate.iteration > before + 1)
    assert "battery" not in status.text()
    run.stop()
    run.wait()
    assert told == [1, 2, 2, 2]  # on battery, and in the pause; plugged in, and at the end


def test_every_graphics_processor_can_be_chosen_by_its_name(viewer, open_denoise, qtbot, monkeypatch):
    widget = open_denoise()
    names = ["NVIDIA RTX A2000", "NVIDIA H100 80GB HBM3"]
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: names[index])
    device = widget.advanced.device
    before = device.count()
    for _ in range(2):
        widget.advanced.show_devices(graphics())
    listed = {device.itemData(at): device.itemText(at) for at in range(before, device.count())}
    assert listed == {"cuda:0": "GPU 0: NVIDIA RTX A2000", "cuda:1": "GPU 1: NVIDIA H100 80GB HBM3"}
    qtbot.keyClick(device, Qt.Key.Key_End)
    assert widget.settings()["device"] == recall("denoise")["device"] == "cuda:1"
    assert choose_device("cuda:1") == torch.device("cuda", 1)
