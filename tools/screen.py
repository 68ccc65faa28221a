"""Run a command that opens a window, on a machine with or without a screen.

    python tools/screen.py [--optional] COMMAND [ARGUMENT ...]

With a screen, the command simply runs. Without one it runs under a virtual screen (Xvfb). What that needs
on Linux is installed when this can be done without asking: as root, with apt-get. Otherwise one sentence
says what to install, and the command is not run; with ``--optional`` it is run all the same, and must
do without a window.

The command finds in the environment variable NAPARI_DIP_SCREEN which it was: real, virtual or none.

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
    if screen == "virtual":
        # 24 bits of colour: OpenGL finds no usable canvas on the default screen's 8.
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
    return subprocess.run(command, env=environment, check=False).returncode


def say(sentence: str) -> None:
    print(f"screen.py: {sentence}", file=sys.stderr, flush=True)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def main(arguments: list[str]) -> int:
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
