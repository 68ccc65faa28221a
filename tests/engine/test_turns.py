"""Runs take turns on a device, and on that device alone."""

import threading

import pytest
import torch

from napari_dip.engine import devices
from napari_dip.engine.devices import turn_of


def test_each_device_has_a_turn_of_its_own_whatever_it_is_called(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(devices, "_TURNS", {})
    assert turn_of("auto") is turn_of("cuda") is turn_of("cuda:0")
    turns = [turn_of(name) for name in ("cuda:0", "cuda:1", "cpu")]
    assert len({id(turn) for turn in turns}) == 3
    with turns[0]:
        assert not turn_of("cpu").locked() and turn_of("cuda").locked()


def test_a_device_that_is_not_here_has_none():
    with pytest.raises(ValueError, match="not available here"):
        turn_of("cuda:77")


def test_all_threads_are_given_the_same_turn():
    turns: list[threading.Lock] = []
    threads = [threading.Thread(target=lambda: turns.append(turn_of("cpu"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(turn) for turn in turns}) == 1
