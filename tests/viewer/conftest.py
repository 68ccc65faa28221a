"""A real viewer, a tiny noisy image, and a Denoise widget that has warmed up."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager


@pytest.fixture
def noisy():
    y, x = np.mgrid[:32, :32]
    clean = 400 + 200 * np.sin(x / 5) * np.cos(y / 7)
    return np.random.default_rng(0).normal(clean, 30).astype("uint16")


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def notifications():
    """What the user was told in this test."""
    records = []
    notification_manager.notification_ready.connect(records.append)
    yield records
    notification_manager.notification_ready.disconnect(records.append)


@pytest.fixture
def wait_until(qtbot):
    return lambda condition, timeout=30_000: qtbot.waitUntil(condition, timeout=timeout)


@pytest.fixture
def open_denoise(viewer, wait_until):
    """Open the widget as the menu does, and wait until it has warmed up."""
    from napari_dip.viewer.widgets.denoise import DenoiseWidget

    def open_widget():
        widget = DenoiseWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Denoise")
        if widget.layer.layer is not None:
            wait_until(widget.controls.main.isEnabled)
        return widget

    return open_widget
