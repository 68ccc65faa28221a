"""A live run is the blocking call's twin: same numbers, and nothing that happens in the window loses them."""

from __future__ import annotations

import gc
import json
import time
import weakref
from importlib.util import find_spec

import numpy as np
import pytest
from qtpy.QtCore import QThreadPool, QTimer
from qtpy.QtWidgets import QApplication

import napari_dip as dip
from napari_dip.viewer import denoise
from napari_dip.viewer.growing import GONE
from napari_dip.viewer.words import status

SHORT = {"iterations": 12, "device": "cpu", "precision": "float32"}
LONG = {**SHORT, "iterations": 100_000, "stopping": "fixed"}


def test_a_live_run_gives_the_blocking_calls_result(viewer, noisy):
    layer = viewer.add_image(noisy)
    before = noisy.copy()
    run = denoise(viewer, layer, **SHORT)
    assert not run.done
    live = run.wait()
    assert run.done
    assert run.result is live
    np.testing.assert_array_equal(live.image, dip.denoise(noisy, **SHORT).image)
    np.testing.assert_array_equal(run.layer.data, live.image)
    np.testing.assert_array_equal(layer.data, before)


def test_a_results_metadata_is_json_that_makes_it_again(viewer, noisy):
    run = denoise(viewer, viewer.add_image(noisy, name="cell"), **SHORT)
    run.wait()
    origin = json.loads(json.dumps(run.layer.metadata["napari_dip"]))
    assert (origin["task"], origin["source"], origin["version"]) == ("denoise", "cell", dip.__version__)
    assert origin["iterations"] == 12
    assert origin["stopped_by"] == "iteration limit"
    assert len(origin["history"]["data_term"]) == 12
    np.testing.assert_array_equal(dip.denoise(noisy, **origin["settings"]).image, run.layer.data)


def test_a_layer_is_found_by_its_name_or_by_being_active(viewer, noisy):
    viewer.add_image(noisy, name="one")
    viewer.add_image(noisy + 1, name="two")
    viewer.layers.selection.active = viewer.layers["one"]
    by_name, active = denoise(viewer, "two", iterations=1), denoise(viewer, iterations=1)
    assert by_name.source.name == "two"
    assert active.source.name == "one"
    by_name.wait()
    active.wait()


@pytest.mark.parametrize(
    ("layer", "settings", "error", "words"),
    [
        ("missing", {}, ValueError, "'cell'"),
        ("points", {}, TypeError, "Points layer"),
        ("cell", {"preset": "quick"}, ValueError, "fast"),
        ("cell", {"speed": 3}, TypeError, "speed"),
    ],
)
def test_a_call_that_cannot_work_says_so_at_once(viewer, noisy, layer, settings, error, words):
    viewer.add_image(noisy, name="cell")
    viewer.add_points([[1, 1]], name="points")
    with pytest.raises(error, match=words):
        denoise(viewer, viewer.layers["points"] if layer == "points" else layer, **settings)
    assert len(viewer.layers) == 2


def test_pause_stops_the_iterations_and_resume_continues_them(viewer, noisy, qtbot, wait_until):
    run = denoise(viewer, viewer.add_image(noisy), **LONG)
    wait_until(lambda: run.step is not None)
    run.pause()
    assert run.paused
    qtbot.wait(300)
    iteration, steps = run.step.iterate.iteration, run._walk.job.last.iterate.iteration
    qtbot.wait(400)
    assert run.step.iterate.iteration == iteration
    assert run._walk.job.last.iterate.iteration == steps
    run.resume()
    wait_until(lambda: run.step.iterate.iteration > iteration)
    run.stop()
    assert run.wait().iterations > steps


def test_a_pause_that_is_taken_back_at_once_does_not_last(viewer, noisy, wait_until):
    run = denoise(viewer, viewer.add_image(noisy), **LONG)
    run.pause()
    run.resume()
    wait_until(lambda: run.step is not None and run.step.iterate.iteration > 5)
    run.stop()
    run.wait()


def test_stopping_a_run_keeps_its_best_estimate(viewer, noisy, wait_until):
    settings = {**LONG, "stopping": {"name": "held-out", "fraction": 0.2, "every": 1, "patience": 1e9}}
    run = denoise(viewer, viewer.add_image(noisy), **settings)
    wait_until(lambda: run.step is not None and run.step.iterate.iteration > 30)
    run.stop()
    result = run.wait()
    assert result.stopped_by == "user"
    figures = result.history["figure"]
    best = 1 + int(np.argmin(figures))
    assert result.history["best_iteration"][-1] == best
    # The same run limited to the best iteration ends with that iteration's estimate.
    again = dip.denoise(noisy, **{**settings, "iterations": best})
    np.testing.assert_array_equal(again.image, result.image)
    np.testing.assert_array_equal(run.layer.data, result.image)


def test_a_paused_run_can_be_stopped(viewer, noisy, wait_until):
    run = denoise(viewer, viewer.add_image(noisy), **LONG)
    wait_until(lambda: run.layer is not None)
    run.pause()
    run.stop()
    assert run.wait().stopped_by == "user"


def test_a_removed_source_does_not_stop_the_run(viewer, noisy, wait_until):
    layer = viewer.add_image(noisy, name="cell")
    run = denoise(viewer, layer, **SHORT)
    viewer.layers.remove(layer)
    run.wait()
    assert [kept.name for kept in viewer.layers] == ["cell [denoised]"]
    assert run.result.stopped_by == "iteration limit"


def test_a_renamed_source_is_known_by_its_new_name(viewer, noisy):
    layer = viewer.add_image(noisy, name="cell")
    run = denoise(viewer, layer, **SHORT)
    layer.name = "nucleus"
    run.wait()
    assert run.layer.metadata["napari_dip"]["source"] == "nucleus"


def test_a_removed_result_comes_back_at_the_end_as_it_looked(viewer, noisy, wait_until, notifications):
    run = denoise(viewer, viewer.add_image(noisy, name="cell"), **LONG)
    wait_until(lambda: run.layer is not None)
    run.layer.colormap = "magma"
    viewer.layers.remove(run.layer)
    iteration = run.step.iterate.iteration
    wait_until(lambda: run.step.iterate.iteration > iteration + 5)
    assert run.layer not in viewer.layers
    wait_until(lambda: notifications)
    run.stop()
    run.wait()
    assert [one.message for one in notifications] == [GONE.format(name="cell")]
    assert run.layer in viewer.layers
    assert run.layer.colormap.name == "magma"
    np.testing.assert_array_equal(run.layer.data, run.result.image)


def test_closing_the_window_ends_the_run_and_keeps_its_result(make_napari_viewer, noisy, wait_until):
    viewer = make_napari_viewer()
    run = denoise(viewer, viewer.add_image(noisy), **LONG)
    wait_until(lambda: run.step is not None)
    viewer.close()
    assert run.wait().stopped_by == "user"
    assert run.result.image.shape == noisy.shape


def test_closing_the_window_ends_a_paused_run(make_napari_viewer, noisy, wait_until):
    viewer = make_napari_viewer()
    run = denoise(viewer, viewer.add_image(noisy), **LONG)
    wait_until(lambda: run.step is not None)
    run.pause()
    viewer.close()
    wait_until(lambda: run.done)


def test_a_run_that_fails_tells_the_user_in_a_sentence(viewer, notifications, wait_until):
    class Broken:
        shape, dtype, ndim = (32, 32), np.dtype("float32"), 2

        def __getitem__(self, index):
            raise ValueError("the file is truncated")

    layer = viewer.add_image(np.zeros((32, 32), "float32"))
    from napari_dip.api import plan_denoise
    from napari_dip.viewer.runs import Run

    run = Run(viewer, layer, plan_denoise(Broken(), **SHORT))
    wait_until(lambda: run.done)
    assert run.result is None
    told = [(n.severity.value, n.message) for n in notifications]
    sentence = (
        "the image can't be read: the file is truncated. Check where the image comes from, or leave this"
    )
    assert told == [("error", f"{sentence} part out.")]
    assert len(viewer.layers) == 1
    with pytest.raises(OSError, match="truncated"):
        run.wait()


def test_running_out_of_memory_keeps_the_best_and_warns(
    viewer, noisy, notifications, monkeypatch, wait_until
):
    import torch

    from napari_dip.engine.fit import Fit

    step = Fit.step

    def fails_at_5(self, iteration):
        if iteration == 5:
            raise torch.OutOfMemoryError("no room")
        return step(self, iteration)

    monkeypatch.setattr(Fit, "step", fails_at_5)
    run = denoise(viewer, viewer.add_image(noisy), **SHORT)
    assert run.wait().stopped_by == "out of memory"
    assert run.result.iterations == 4
    assert [n.severity.value for n in notifications] == ["warning"]
    assert "kept" in notifications[0].message
    np.testing.assert_array_equal(run.layer.data, run.result.image)


def test_a_stack_shows_the_planes_done_so_far(viewer, noisy, wait_until):
    stack = np.stack([noisy, noisy[::-1], noisy.T])
    run = denoise(viewer, viewer.add_image(stack), **{**LONG, "iterations": 40})
    wait_until(lambda: run.step is not None and run.step.done == 1)
    # The last plane has not been touched, the one in the middle, which is looked at, is done.
    run.pause()
    np.testing.assert_array_equal(run.layer.data[2], stack[2])
    done = run.layer.data[1].copy()
    assert (done != stack[1]).mean() > 0.5
    run.resume()
    result = run.wait()
    np.testing.assert_array_equal(result.image[1], done)
    np.testing.assert_array_equal(result.image, run.layer.data)
    assert (result.image[2] != stack[2]).mean() > 0.5


def test_a_run_that_is_paused_keeps_no_other_from_beginning(viewer, noisy):
    pool = QThreadPool.globalInstance()
    before = pool.maxThreadCount()
    pool.setMaxThreadCount(1)
    try:
        viewer.add_image(noisy, name="cell")
        paused = denoise(viewer, "cell", iterations=100_000, stopping="fixed")
        paused.pause()
        assert denoise(viewer, "cell", **SHORT).wait().image.shape == noisy.shape
        assert paused.paused
        paused.stop()
        paused.wait()
        assert pool.activeThreadCount() <= 1
    finally:
        pool.setMaxThreadCount(before)


def test_the_plane_that_is_looked_at_is_next(viewer, noisy, wait_until):
    stack = np.stack([noisy + i for i in range(5)])
    layer = viewer.add_image(stack, scale=(3, 0.5, 0.5))
    viewer.dims.set_current_step(0, 3)
    run = denoise(viewer, layer, **{**LONG, "iterations": 20})
    wait_until(lambda: run.step is not None)
    viewer.dims.set_current_step(0, 0)
    order = list(dict.fromkeys(run.wait().history["run"]))
    assert order == [3, 0, 1, 2, 4]


def test_planes_with_neighbours_are_counted_though_an_axis_is_depth(viewer, noisy):
    layer = viewer.add_image(np.stack([noisy] * 4), name="cells", axis_labels=("z", "y", "x"))
    viewer.dims.set_point(0, 2)
    for planes in (2, "current"):
        run = denoise(viewer, layer, planes=planes, neighbours=0, **SHORT)
        run.wait()
        assert run.result.image.shape == (1, *noisy.shape) and run.region.said == "slice 2"


def test_a_dask_stack_is_denoised_as_its_array_is(viewer, noisy):
    da = pytest.importorskip("dask.array")
    stack = np.stack([noisy, noisy.T])
    run = denoise(viewer, viewer.add_image(da.from_array(stack, chunks=(1, 32, 32))), **SHORT)
    np.testing.assert_array_equal(run.wait().image, dip.denoise(stack, **SHORT).image)


def test_two_runs_take_turns(viewer, noisy, wait_until, qtbot):
    first = denoise(viewer, viewer.add_image(noisy), **LONG)
    second = denoise(viewer, viewer.add_image(noisy + 1), **SHORT)
    wait_until(lambda: first.step is not None)
    assert second.waiting
    assert second.step is None
    second.pause()
    first.pause()
    qtbot.wait(150)
    assert second.step is None, "a run that is paused takes no turn"
    second.resume()
    second.wait()
    assert first.paused
    first.stop()
    assert first.wait().stopped_by == "user"


def test_a_waiting_run_can_be_stopped(viewer, noisy):
    first = denoise(viewer, viewer.add_image(noisy), **LONG)
    second = denoise(viewer, viewer.add_image(noisy + 1), **SHORT)
    second.stop()
    second.wait()
    assert second.layer is None and not second.restored and second.progress == 0
    assert status(second) == "Stopped before it began: nothing was restored."
    first.stop()
    first.wait()
    assert len(viewer.layers) == 3


def test_a_run_is_forgotten_when_it_has_ended(viewer, noisy, qtbot):
    run = denoise(viewer, viewer.add_image(noisy), **SHORT)
    run.wait()
    reference = weakref.ref(run)
    del run
    qtbot.wait(50)
    gc.collect()
    assert reference() is None


def test_a_hidden_result_is_not_drawn_but_ends_complete(viewer, noisy, wait_until):
    run = denoise(viewer, viewer.add_image(noisy), **LONG)
    wait_until(lambda: run.layer is not None)
    run.layer.visible = False
    iteration = run.step.iterate.iteration
    wait_until(lambda: run.step.iterate.iteration > iteration + 20)
    run.stop()
    np.testing.assert_array_equal(run.wait().image, run.layer.data)
    assert not run.layer.visible


def test_the_window_stays_responsive_during_a_run(viewer, wait_until):
    image = np.random.default_rng(0).poisson(20, (128, 128)).astype("uint16")
    run = denoise(viewer, viewer.add_image(image), **LONG)
    wait_until(lambda: run.layer is not None)
    late, last = [], [time.perf_counter()]

    def tick():
        now = time.perf_counter()
        late.append(now - last[0])
        last[0] = now

    timer = QTimer(interval=5)
    timer.timeout.connect(tick)
    timer.start()
    wait_until(lambda: len(late) > 200)
    timer.stop()
    run.stop()
    run.wait()
    assert np.percentile(late, 95) < 0.1


def test_the_time_left_runs_down_and_progress_never_goes_back(viewer, noisy, wait_until):
    run = denoise(viewer, viewer.add_image(noisy), **{**SHORT, "stopping": "fixed", "iterations": 120})
    seen = []
    run.updated.connect(lambda: seen.append((run.progress, run.seconds_left)))
    run.wait()
    progress = [p for p, _ in seen]
    assert progress == sorted(progress)
    left = [s for _, s in seen if s is not None]
    if left:
        assert left[-1] <= left[0]
    assert run.progress == 1


def test_the_end_is_told_to_whoever_works_in_another_window(viewer, noisy, monkeypatch):
    told = []
    own = id(viewer.window._qt_window)  # which a test must not keep
    monkeypatch.setattr(QApplication, "alert", lambda window: told.append(id(window)))
    denoise(viewer, viewer.add_image(noisy), **SHORT).wait()
    assert told == [own]


@pytest.mark.skipif(find_spec("napari.utils.task_status") is None, reason="napari before 0.9")
def test_a_window_that_is_closed_knows_what_is_running(viewer, noisy, wait_until):
    run = denoise(viewer, viewer.add_image(noisy, name="cell"), **LONG)
    status = viewer.window._task_status_manager.get_status()
    assert len(status) == 1
    assert "Deep Image Prior" in status[0]
    assert "cell" in status[0]
    run.stop()
    run.wait()
    assert viewer.window._task_status_manager.get_status() == []


def test_a_run_ends_though_what_listens_to_a_layer_fails(viewer, noisy, qtbot):
    from napari_dip.api import plan_denoise
    from napari_dip.viewer.runs import Run

    def fail(event):
        raise RuntimeError("of another plugin's")

    layer = viewer.add_image(noisy)
    layer.events.visible.connect(fail)
    run = Run(viewer, layer, plan_denoise(noisy, **SHORT), then="hide the original")
    ended = []
    run.finished.connect(lambda: ended.append(run.result))
    with qtbot.captureExceptions() as caught:
        result = run.wait()
    assert ended == [result]
    assert "of another plugin's" in str(caught[0][1])
    np.testing.assert_array_equal(run.layer.data, result.image)
