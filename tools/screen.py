"""Run a command that opens a window, on a machine with or without a screen.

    python tools/screen.py [--optional] COMMAND [ARGUMENT ...]

With a screen, the command simply runs. Without one it runs under a virtual screen (Xvfb). What that needs
on Linux is installed when this can be done without asking: as root, with apt-get. Otherwise one sentence
says what to install, and the command is not run; with ``--optional`` it is run all the same, and must
do without a window.

The command finds in the environment variable NAPARI_DIP_SCREEN which it was: real, virtual or none.

A virtual screen is asked for OpenGL before the command runs on it. One that has none by Qt's first way (GLX)
is asked by its second (EGL), then another screen is taken.

(QT_QPA_PLATFORM=offscreen is no way out: napari's canvas needs OpenGL, which that platform lacks.)
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys

# Debian's package, and how to tell without its package manager that what it brings is there.
LIBRARIES = {
    "libegl1": "libEGL.so.1",
    "libgl1": "libGL.so.1",
    "libgl1-mesa-dri": "libGLX_mesa.so.0",  # its drivers have no stable name; they come with libglx-mesa0
    "libglx-mesa0": "libGLX_mesa.so.0",
    "libopengl0": "libOpenGL.so.0",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
    "libdbus-1-3": "libdbus-1.so.3",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-image0": "libxcb-image.so.0",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxcb-randr0": "libxcb-randr.so.0",
    "libxcb-render-util0": "libxcb-render-util.so.0",
    "libxcb-shape0": "libxcb-shape.so.0",
    "libxcb-xinerama0": "libxcb-xinerama.so.0",
    "libxcb-xkb1": "libxcb-xkb.so.1",
    "libfontconfig1": "libfontconfig.so.1",
    "libglib2.0-0": "libglib-2.0.so.0",
}
PROGRAMS = {"xvfb": "xvfb-run", "xauth": "xauth"}
NOT_DRAWN = 75
# Fails by NOT_DRAWN alone: where Qt itself is not installed, there is nothing to find out.
PROBE = f"""
import sys
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
application, surface, context = QGuiApplication([]), QOffscreenSurface(), QOpenGLContext()
surface.create()
sys.exit(0 if context.create() and context.makeCurrent(surface) else {NOT_DRAWN})
"""
APT = ["apt-get", "-o", "DPkg::Lock::Timeout=120"]


def has_screen() -> bool:
    """Whether a window can open here and now."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing(virtual: bool) -> list[str]:
    """Debian's names of the packages that a window, or a virtual screen with a window, needs in addition."""
    names = [name for name, library in LIBRARIES.items() if not _loads(library)]
    if virtual:
        names = [name for name, program in PROGRAMS.items() if not shutil.which(program)] + names
    return names


def install(names: list[str]) -> bool:
    """Install Debian packages, where that takes nobody's leave. True if it was tried."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"installing {len(names)} packages for a window: {' '.join(names)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"env": environment, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run([*APT, "update", "-qq"], **quiet, check=False)
    subprocess.run([*APT, "install", "-y", "-qq", "--no-install-recommends", *names], **quiet, check=False)
    return True


def advice(names: list[str]) -> str:
    """The one sentence for a person who has to install something."""
    packages = " ".join(names)
    if shutil.which("apt-get"):
        command = f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}"
        return f"napari's window needs system libraries that are missing here; install them with: {command}"
    return (
        "napari's window needs system libraries that are missing here; install your distribution's "
        f"equivalent of Debian's packages {packages}"
    )


def run(command: list[str], screen: str) -> int:
    """Run the command on a screen of this kind and return its exit status."""
    environment = {**os.environ, "NAPARI_DIP_SCREEN": screen}
    if screen != "virtual":
        return subprocess.run(command, env=environment, check=False).returncode
    for attempt in range(3):
        last = attempt == 2
        inner = [sys.executable, __file__, "--drawn", *(["--anyhow"] if last else []), *command]
        # 24 bits of colour: OpenGL finds no usable canvas on the default screen's 8. Without -noreset the
        # screen begins anew when one of the command's processes was its last client, and loses the next.
        outer = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24 -noreset", *inner]
        status = subprocess.run(outer, env=environment, check=False).returncode
        if status != NOT_DRAWN or last:
            return status
        say("this virtual screen has no OpenGL; taking another")
    raise AssertionError("the last attempt returns")


def run_drawn(command: list[str], anyhow: bool) -> int:
    """Run the command on the screen at hand if that has OpenGL, or anyhow; otherwise return NOT_DRAWN."""
    for way in ({}, {"QT_XCB_GL_INTEGRATION": "xcb_egl", "PYOPENGL_PLATFORM": "egl"}):
        environment = {**os.environ, **way}
        if (
            subprocess.run([sys.executable, "-c", PROBE], env=environment, check=False).returncode
            != NOT_DRAWN
        ):
            return subprocess.run(command, env=environment, check=False).returncode
    return subprocess.run(command, check=False).returncode if anyhow else NOT_DRAWN


def say(sentence: str) -> None:
    print(f"screen.py: {sentence}", file=sys.stderr, flush=True)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--drawn"]:
        anyhow = arguments[1:2] == ["--anyhow"]
        return run_drawn(arguments[2:] if anyhow else arguments[1:], anyhow)
    optional = arguments[:1] == ["--optional"]
    command = arguments[1:] if optional else arguments
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.platform != "linux":
        return run(command, "real")

    real = has_screen()
    lacking = missing(virtual=not real)
    if lacking and install(lacking):
        lacking = missing(virtual=not real)
    if not lacking:
        return run(command, "real" if real else "virtual")

    say(advice(lacking))
    if real:  # a desktop may draw windows with other libraries than these
        return run(command, "real")
    return run(command, "none") if optional else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
