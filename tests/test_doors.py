"""Which room may import which: see docs/architecture.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_dip

ROOT = Path(napari_dip.__file__).parent
# Each may use those before it.
BETWEEN = (
    "parts",
    "tasks",
    "script",
    "preview",
    "detail",
    "restoration",
    "presets",
    "source",
    "unfinished",
    "results",
    "step",
    "job",
    "plan",
    "lazy",
    "given",
    "planning",
    "calibration",
    "api",
)
OURS = {
    "engine": {"engine"},
    "images": {"images", "engine"},
    "viewer": {"viewer", *BETWEEN, "images", "engine"},
    "cli": {"cli", *BETWEEN, "images", "engine"},
    "__main__": {"cli"},
} | {room: {*BETWEEN[:n], "images", "engine"} for n, room in enumerate(BETWEEN)}
WINDOW = {"napari", "qtpy", "PyQt6", "PySide6", "magicgui", "superqt", "pyqtgraph", "psygnal", "vispy"}
THEIRS = {
    "engine": {"torch", "numpy", "psutil"},
    "images": {"numpy", "scipy", "skimage", "dask", "zarr", "ome_zarr_models", "tifffile", "PIL"},
}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = [
    pytest.param(p, id=str(p.relative_to(ROOT)))
    for p in sorted(ROOT.rglob("*.py"))
    if p.parent != ROOT or p.name != "__init__.py"
]


@pytest.mark.parametrize("path", FILES)
def test_no_file_opens_a_door_that_should_be_shut(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    names = imports(path)
    ours = {n.split(".")[1] for n in names if n.startswith("napari_dip.")}
    assert ours <= OURS[room], f"{room} imports {ours - OURS[room]}"
    theirs = {n.split(".")[0] for n in names} - {"napari_dip", "__future__"} - set(sys.stdlib_module_names)
    if room != "viewer":
        assert not theirs & WINDOW
    if room in THEIRS:
        assert theirs <= THEIRS[room], f"{room} imports {theirs - THEIRS[room]}"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_the_package_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; start = time.perf_counter(); import napari_dip; dir(napari_dip);"
        "print(time.perf_counter() - start);"
        "print([m for m in "
        "('torch', 'numpy', 'napari', 'qtpy', 'skimage', 'scipy', 'dask', 'zarr', 'tifffile')"
        "if m in sys.modules])"
    )
    seconds, loaded = run(code).splitlines()
    assert loaded == "[]"
    assert float(seconds) < 0.3


def test_files_are_read_without_torch_or_a_window():
    code = (
        "import sys, napari_dip.images.files;"
        "print([m for m in ('torch', 'napari', 'qtpy', 'zarr', 'tifffile', 'dask') if m in sys.modules])"
    )
    assert run(code).strip() == "[]"


def test_the_engine_runs_without_napari_or_qt():
    code = (
        "import sys; [sys.modules.__setitem__(m, None) for m in ('napari', 'qtpy', 'magicgui', 'superqt')];"
        "import numpy, napari_dip; print(napari_dip.denoise(numpy.eye(16), iterations=2).iterations)"
    )
    assert run(code).strip() == "2"
