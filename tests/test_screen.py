"""tools/screen.py: a command that opens a window runs everywhere, or one sentence says what it lacks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from scripts import load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a screen")

SCRIPT = Path(__file__).parents[1] / "tools" / "screen.py"
# A command that says by its exit status on which screen it ran.
REAL, VIRTUAL, NONE = 11, 12, 13
COMMAND = [
    sys.executable,
    "-c",
    "import os, sys; sys.exit(dict(real=11, virtual=12, none=13)[os.environ['NAPARI_DIP_SCREEN']])",
]


@pytest.fixture
def screen(monkeypatch):
    module = load("tools/screen.py")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(module, "install", lambda names: pytest.fail("nothing must be installed here"))
    return module


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A PATH on which a test can put programs of its own."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return make


def test_a_real_screen_is_used(screen, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr(screen, "missing", lambda virtual: [])
    assert screen.main(COMMAND) == REAL


def test_without_a_screen_the_command_runs_under_a_virtual_one(screen, monkeypatch, tools):
    tools("xvfb-run", 'shift 3; exec "$@"')
    monkeypatch.setattr(screen, "missing", lambda virtual: [])
    assert screen.main(COMMAND) == VIRTUAL


def test_what_is_missing_is_installed_where_that_can_be_done(screen, monkeypatch, tools):
    tools("xvfb-run", 'shift 3; exec "$@"')
    lacking, installed = ["xvfb", "libegl1"], []

    def install(names):
        installed.extend(names)
        lacking.clear()
        return True

    monkeypatch.setattr(screen, "missing", lambda virtual: list(lacking))
    monkeypatch.setattr(screen, "install", install)
    assert screen.main(COMMAND) == VIRTUAL
    assert installed == ["xvfb", "libegl1"]


def test_a_user_who_is_not_root_is_told_the_command(screen, monkeypatch, tools, capfd):
    tools("apt-get", "exit 100")
    monkeypatch.setattr(screen, "missing", lambda virtual: ["xvfb", "libegl1"])
    monkeypatch.setattr(screen, "install", lambda names: False)
    assert screen.main(COMMAND) == 1
    assert "sudo apt-get install -y --no-install-recommends xvfb libegl1\n" in capfd.readouterr().err


def test_an_optional_window_is_done_without(screen, monkeypatch, capfd):
    monkeypatch.setattr(screen, "missing", lambda virtual: ["xvfb"])
    monkeypatch.setattr(screen, "install", lambda names: False)
    assert screen.main(["--optional", *COMMAND]) == NONE
    assert "xvfb" in capfd.readouterr().err


def test_a_program_that_is_not_there_is_missing(screen, tools):
    assert {"xvfb", "xauth"} <= set(screen.missing(virtual=True))
    assert {"xvfb", "xauth"}.isdisjoint(screen.missing(virtual=False))


def test_a_library_that_is_not_there_is_missing(screen, monkeypatch):
    monkeypatch.setattr(screen, "LIBRARIES", {"libc6": "libc.so.6", "libnone0": "libnone.so.0"})
    assert screen.missing(virtual=False) == ["libnone0"]


def test_nothing_is_installed_without_root(screen, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert screen.install(["xvfb"]) is False


def test_a_screen_without_opengl_is_replaced_by_another(screen, monkeypatch, tools, tmp_path, capfd):
    monkeypatch.setattr(screen, "missing", lambda virtual: [])
    asked = tmp_path / "asked"
    # By GLX and by EGL the first screen says no, the second by EGL yes.
    tools("xvfb-run", f'shift 3; echo >> {asked}; export ASKED={asked}; exec "$@"')
    monkeypatch.setattr(screen, "__file__", str(tmp_path / "screen.py"))
    probe = (
        "import os, sys; first = len(open(os.environ['ASKED']).read()) == 1\n"
        "sys.exit(75 if first or 'QT_XCB_GL_INTEGRATION' not in os.environ else 0)"
    )
    script = SCRIPT.read_text(encoding="utf-8") + f"\nPROBE = {probe!r}\nsys.exit(main(sys.argv[1:]))\n"
    script = script.replace('if __name__ == "__main__":\n    sys.exit(main(sys.argv[1:]))', "")
    (tmp_path / "screen.py").write_text(script, encoding="utf-8")
    assert screen.main(COMMAND) == VIRTUAL
    assert "taking another" in capfd.readouterr().err
    assert len(asked.read_text()) == 2
