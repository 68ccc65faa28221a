"""What all tests share: which run in the same process, and no presets of whoever runs them."""

from __future__ import annotations

import os

import pytest

os.environ["NAPARI_CONFIG"] = ""  # napari keeps where docks lie, too, and here keeps nothing


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is not there, all run in one
def pytest_xdist_make_scheduler(config, log):
    """Keep the tests of a file in one process, and in one all that open a window: one window system."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False  # else what takes longest, in a file by itself, comes last

    class OneWindow(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "window" if nodeid.startswith("tests/viewer/") else nodeid.partition("::")[0]

    return OneWindow(config, log)


def pytest_collection_modifyitems(items):
    """Begin with the windows, half of the work, and end with many small files: no process is left idle."""
    folders = ("viewer", "tests", "engine", "images")
    items.sort(key=lambda item: folders.index(item.path.parent.name))


@pytest.fixture(autouse=True)
def configuration(tmp_path_factory, monkeypatch):
    """A folder for what programs keep for their user, of this test alone."""
    folder = tmp_path_factory.mktemp("configuration")
    monkeypatch.setattr("platformdirs.user_config_path", lambda *args, **kwargs: folder)
    monkeypatch.setattr("platformdirs.user_state_path", lambda *args, **kwargs: folder / "state")
    return folder


@pytest.fixture
def home(configuration):
    """The folder of the user's presets."""
    return configuration / "presets"
