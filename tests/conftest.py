"""What all tests share: which run in the same process, and no presets of whoever runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist gives the tests to its processes
def pytest_collection_modifyitems(items):
    """Keep the tests of a file in one process, and in one all that open a window: one window system."""
    for item in items:
        place = item.path.relative_to(HERE)
        group = "window" if place.parts[0] == "viewer" else str(place)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def configuration(tmp_path_factory, monkeypatch):
    """A folder for what programs keep for their user, of this test alone."""
    folder = tmp_path_factory.getbasetemp() / "configuration"
    monkeypatch.setattr("platformdirs.user_config_path", lambda *args, **kwargs: folder)
    return folder
