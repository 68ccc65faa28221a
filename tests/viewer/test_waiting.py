"""A run in a console or notebook: what it says of itself, and how it is awaited."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from qtpy.QtCore import QTimer

import napari_dip as dip


def test_a_run_says_where_it_stands(viewer, noisy, wait_until):
    layer = viewer.add_image(np.stack([noisy, noisy[::-1]]), name="movie", axis_labels=("t", "y", "x"))
    run = dip.viewer.denoise(viewer, layer, stopping="fixed", correction="none")
    assert repr(run).startswith("<Run: denoise 'movie', live")
    with pytest.raises(ValueError, match="no result"):
        run.as_python()
    wait_until(lambda: run.step is not None)
    run.pause()
    said = repr(run)
    for part in ("paused", "%", "0 of 2 planes done", "time 0", "iteration "):
        assert part in said
    run.stop()
    run.wait()
    assert "done: " in repr(run) and ", user>" in repr(run)
    one = dip.viewer.denoise(viewer, layer, iterations=3, planes="current", correction="none")
    one.wait()
    assert repr(one).startswith("<Run: denoise 'movie' (time 0), done: 3 iterations in ")


def test_a_run_is_awaited_where_asyncio_runs_by_itself(viewer, noisy):
    ticks = []

    async def notebook():
        async def meanwhile():
            while True:
                ticks.append(1)
                await asyncio.sleep(0.01)

        other = asyncio.ensure_future(meanwhile())
        run = dip.viewer.denoise(viewer, viewer.add_image(noisy), iterations=20)
        result = await run
        other.cancel()
        assert await run is result is run.result
        return result

    result = asyncio.run(notebook())
    assert result.iterations == 20
    assert len(ticks) > 3  # all else went on


def test_a_run_is_awaited_where_qt_drives_asyncio(viewer, noisy, wait_until):
    """As a kernel's event loop does in a window: Qt's timer gives asyncio its turns."""
    run = dip.viewer.denoise(viewer, viewer.add_image(noisy), iterations=20)
    loop = asyncio.new_event_loop()

    async def awaited():
        return await run

    task = loop.create_task(awaited())
    timer = QTimer()

    def turn():
        if not loop.is_running():
            loop.call_soon(loop.stop)
            loop.run_forever()

    timer.timeout.connect(turn)
    timer.start(5)
    wait_until(task.done)
    timer.stop()
    loop.close()
    assert task.result() is run.result


def test_awaiting_a_run_that_fails_says_why(viewer, noisy, monkeypatch):
    from napari_dip.job import Job

    def fail(self):
        raise ValueError("the disk is full.")
        yield

    monkeypatch.setattr(Job, "__iter__", fail)
    run = dip.viewer.denoise(viewer, viewer.add_image(noisy))

    async def awaited():
        await run

    with pytest.raises(ValueError, match="the disk is full"):
        asyncio.run(awaited())
    assert repr(run).endswith("failed: the disk is full.>")
