"""Memory that is used over and over: it stays while something runs, and goes back after it."""

from __future__ import annotations

import resource
import sys

import psutil
import pytest
import torch

from napari_dip.engine import heap
from napari_dip.engine.heap import kept

CPU = torch.device("cpu")


def _faults(times, numbers=8 << 20):
    """Return how many pages are asked for by tensors that come and go, after the first times."""
    for _ in range(4):  # they may come to lie in more than one place
        torch.ones(numbers).add(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(numbers).add(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(heap._KEPT._libc is None, reason="another C library")
def test_memory_stays_and_goes_back():
    with kept(CPU), kept(CPU):
        inside = _faults(4)
        many = [torch.ones(1 << 20) for _ in range(64)]
        held = psutil.Process().memory_info().rss
        del many
    after = psutil.Process().memory_info().rss
    assert inside < 200  # of 4 KiB or of 2 MiB: 4 x 64 MiB would be 128 of the large ones alone
    assert held - after > 200 << 20


def test_several_may_run_at_once(monkeypatch):
    said = []
    monkeypatch.setattr(heap._KEPT, "_say", lambda *values: said.append(values))
    with kept(CPU):
        with kept(CPU):
            assert len(said) == 1
        assert len(said) == 1
    assert len(said) == 2
    with pytest.raises(ValueError, match="mine"), kept(CPU):
        raise ValueError("mine")
    assert len(said) == 4 and heap._KEPT._inside == 0


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    other = heap._Kept()
    with other:
        assert other._libc is None
    with kept(torch.device("meta")):
        assert heap._KEPT._inside == 0
