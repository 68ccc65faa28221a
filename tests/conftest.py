"""No test sees the presets of whoever runs it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def configuration(tmp_path_factory, monkeypatch):
    """A folder for what programs keep for their user, of this test alone."""
    folder = tmp_path_factory.getbasetemp() / "configuration"
    monkeypatch.setattr("platformdirs.user_config_path", lambda *args, **kwargs: folder)
    return folder
