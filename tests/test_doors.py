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
    "piece",
    "step",
    "history",
    "journal",
    "unfinished",
    "results",
    "doubt",
    "order",
    "plan",
    "outcome",
    "warm",
    "job",
    "lazy",
    "given",
    "forward",
    "planning",
    "fields",
    "calibration",
    "api",
    "canvas",
    "normalising",
    "seen",
    "seeing",
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
        "import sys, time; start = time.process_time(); import napari_dip; dir(napari_dip);"
        "dir(napari_dip.viewer);"
        "print(time.process_time() - start);"
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


# ------------------------------------------------------------------------------ doors to other people's code

# What runs what it reads, or reaches for the network.
SHUT = {
    *(
        "pickle",
        "marshal",
        "shelve",
        "dill",
        "cloudpickle",
        "joblib",
        "code",
        "runpy",
        "pty",
        "ctypes",
        "cffi",
    ),
    *("socket", "ssl", "selectors", "urllib", "http", "ftplib", "smtplib", "xmlrpc", "webbrowser"),
    *(
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        "boto3",
        "s3fs",
        "gcsfs",
        "fsspec",
        "pooch",
        "huggingface_hub",
    ),
    *("zipimport", "tarfile", "multiprocessing"),
}
RUN = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
# The one thing that a module may be asked for.
ONLY = {
    "subprocess": {"list2cmdline"},
    "importlib": {"import_module"},
    "zipfile": {"ZIP_STORED", "BadZipFile"},
}
SAFELY = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}


def unsafe(source: str) -> list[str]:
    """Return what in a source would run what a file says, or speak to another computer."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in SHUT]
        elif isinstance(node, ast.ImportFrom):
            room = str(node.module).partition(".")[0]
            names = {alias.name for alias in node.names}
            if room in SHUT or not names <= ONLY.get(str(node.module), names):
                found.append(f"{node.module}: {names}")
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            room, _, what = name.partition(".")
            if name in ("os.system", "os.popen", "os.startfile", "pickle.loads") or name.startswith(
                "os.exec"
            ):
                found.append(name)
            if what and what not in ONLY.get(room, {what}):
                found.append(name)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            if name in RUN:
                found.append(name)
            if name in SAFELY:
                keyword, needed = SAFELY[name]
                given = keywords.get(keyword)
                if not (isinstance(given, ast.Constant) and given.value is needed):
                    found.append(f"{name} without {keyword}={needed}")
    return found


@pytest.mark.parametrize("path", [*FILES, ROOT / "__init__.py"])
def test_no_file_runs_what_it_reads_or_speaks_to_another_computer(path):
    asks_for_memory = path == ROOT / "engine" / "heap.py"  # the C library, and nothing that is read
    assert unsafe(path.read_text("utf-8")) == asks_for_memory * ["ctypes"]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "eval(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "subprocess.run(words)",
        "from subprocess import run",
        "os.system(text)",
    ],
)
def test_the_door_would_be_seen_open(source):
    assert unsafe(source)


ALONE = """
import sys

def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request"):
        raise RuntimeError(f"looks for another computer: {event} {arguments}")
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        address = arguments[1]
        # Windows has no pairs of sockets but through itself.
        if isinstance(address, tuple) and not (sys.platform == "win32" and address[0] == "127.0.0.1"):
            raise RuntimeError(f"speaks to another computer: {event} {address}")

sys.addaudithook(refuse)
import importlib.util, pkgutil, socket
import numpy as np
try:
    socket.create_connection(("localhost", 9))
except RuntimeError:
    print("watched")

import napari_dip as dip
window = importlib.util.find_spec("napari") is not None
for widget in ("denoise", "inpaint", "super_resolution", "deconvolution", "deblocking") if window else ():
    importlib.import_module(f"napari_dip.viewer.widgets.{widget}")
assert "torch" not in sys.modules, "a widget waits for torch"
from napari_dip.cli import main
from napari_dip.images.files import Description, write
for module in pkgutil.walk_packages(dip.__path__, "napari_dip."):
    if (window or ".viewer" not in module.name) and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
noisy = np.random.default_rng(0).poisson(20, (2, 16, 16)).astype("uint16")
quick = {"iterations": 1, "finish": 0, "correction": "none", "device": "cpu", "precision": "float32"}
write("a.ome.zarr", noisy, Description.plain("TYX"))
words = [part for key, value in quick.items() for part in (f"--{key}", str(value))]
main(["denoise", "a.ome.zarr", "-o", "c.ome.tif", *words]) or main(["info", "c.ome.tif"]) or print("all done")
"""


def test_no_other_computer_is_spoken_to(tmp_path):
    """All modules are imported, an image is restored, and the command line does so too; torch comes late."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "watched" and lines[-1] == "all done"
