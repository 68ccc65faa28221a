"""Build the wheel and the sdist, and check that each is all that a user needs and nothing else.

    python tools/check_release.py [--tag TAG] [--contents]

Both are built into the folder dist, which must be new or hold nothing but them. What is in them is compared
with the checkout, their metadata are checked by twine. Then each is installed into an empty environment, with
all it says that it needs and nothing besides, where it is imported, restores an image, and lets npe2 look at
its manifest. Needs ``build`` and ``twine``; ``tox run -e release`` has them.

With ``--contents``, nothing is installed. With ``--tag``, the version must be that of the tag: a release is
no development version, says where its project lives, and has an entry in the changelog.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
# Of the checkout, what belongs into the sdist: what is built from, and what the tests need.
FILES = {
    *("LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml", "tox.ini", "mkdocs.yml"),
    ".gitignore",  # hatchling asks it, when the sdist is built from
}
FOLDERS = {"src", "tests", "tools", "demo", "docs", "benchmarks", "requirements"}
PACKAGE = "napari_dip"
# What an installed package has to do, in a folder where nothing else is.
WORKS = """
import napari_dip, numpy, sys
from importlib.metadata import version
from importlib.resources import files

assert "site-packages" in napari_dip.__file__, napari_dip.__file__
assert napari_dip.__version__ == version("napari-dip") == sys.argv[1], napari_dip.__version__
for name in ("py.typed", "napari.yaml"):
    assert (files("napari_dip") / name).is_file(), name
noisy = numpy.random.default_rng(0).poisson(20, (24, 24)).astype("uint16")
restored = napari_dip.denoise(noisy, iterations=3, finish=0)
assert restored.image.shape == noisy.shape and restored.image.dtype == noisy.dtype
assert (restored.image != noisy).any()
from PIL import Image
Image.fromarray(noisy).save("noisy.png")
"""


def built_files(archive: Path) -> set[str]:
    """Return the names in a wheel, or in an sdist without its folder.

    Raises
    ------
    ValueError
        If one of them would lead out of the place that it is unpacked to, or is a link.
    """
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names, links = wheel.namelist(), []
    else:
        with tarfile.open(archive) as sdist:
            members = sdist.getmembers()
        links = [member.name for member in members if not member.isfile()]
        names = [member.name for member in members]
    strange = [
        name for name in names if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts
    ]
    if links or strange:
        raise ValueError(f"{archive.name} has what is no file of its own: {', '.join(links + strange)}")
    if archive.suffix == ".whl":
        return set(names)
    folder = archive.name.removesuffix(".tar.gz")
    outside = [name for name in names if not name.startswith(f"{folder}/")]
    if outside:
        raise ValueError(f"{archive.name} has files beside its folder: {', '.join(outside)}")
    return {name.removeprefix(f"{folder}/") for name in names}


def source_files(root: Path) -> set[str]:
    """Return the files of the checkout that git knows, and will know, with those of an unpacked sdist."""
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode == 0:
        names = {name for name in told.stdout.split("\0") if name}
    else:
        names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return {name for name in names if (root / name).is_file() and "__pycache__" not in name}


def stray_and_missing(archive: Path, root: Path = ROOT) -> tuple[set[str], set[str]]:
    """Return which files of an archive should not be there, and which are not there and should be."""
    there, source = built_files(archive), source_files(root)
    package = {name.removeprefix("src/") for name in source if name.startswith(f"src/{PACKAGE}/")}
    if archive.suffix == ".whl":
        information = f"{'-'.join(archive.name.split('-')[:2])}.dist-info"
        kept = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
        wanted = package | {f"{information}/{name}" for name in kept}
    else:
        wanted = {name for name in source if name in FILES or name.split("/")[0] in FOLDERS} | {"PKG-INFO"}
    return there - wanted, wanted - there


def metadata_of(archive: Path) -> Message:
    """Return what an archive says of itself."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            (name,) = (one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
            return message_from_string(wheel.read(name).decode())
    with tarfile.open(archive) as sdist:
        file = sdist.extractfile(f"{archive.name.removesuffix('.tar.gz')}/PKG-INFO")
        assert file is not None
        return message_from_string(file.read().decode())


def faults_of_release(metadata: Message, tag: str, changelog: str) -> Iterator[str]:
    """Yield what keeps a version from being released under a tag."""
    version = str(metadata["Version"])
    if tag != f"v{version}":
        yield f"the tag is {tag}, and the version {version}, of which it would be v{version}"
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        yield f"{version} is a version of development"
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        yield f"CHANGELOG.md has no entry '## [{version}] - YYYY-MM-DD'"
    if not metadata.get_all("Project-URL"):
        yield "pyproject.toml has no [project.urls], by which users find the project"
    if re.search(r"\]\((?!https?:|#|mailto:)[^)]+\)", str(metadata.get_payload())):
        yield "README.md has links or pictures by a relative path, which lead nowhere outside of the project"


def build(into: Path) -> list[Path]:
    """Build both; return the wheel and the sdist."""
    strange = [path for path in into.glob("*") if not path.name.startswith(f"{PACKAGE}-")]
    if strange:
        raise ValueError(f"{into} holds something else, {strange[0].name}: move it away")
    for old in into.glob("*"):
        old.unlink()
    # The wheel is built from the sdist, as everybody's is who builds it.
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(into), str(ROOT)], check=True)
    (wheel,), (sdist,) = into.glob("*.whl"), into.glob("*.tar.gz")
    return [wheel, sdist]


def check_installed(archive: Path, version: str) -> None:
    """Install an archive into an empty environment, and use it."""
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place) / "environment", Path(place) / "home"
        home.mkdir()
        venv.create(folder, with_pip=True)
        programs = folder / ("Scripts" if os.name == "nt" else "bin")
        python = str(programs / "python")
        constraints = str(ROOT / "requirements" / "constraints.txt")

        def run(*words: str, quiet: bool = True) -> None:
            # Neither this checkout nor what else is installed here is to be found.
            environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
            output = subprocess.DEVNULL if quiet else None
            subprocess.run(words, cwd=home, env=environment, check=True, stdout=output)

        run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, str(archive))
        run(python, "-m", "pip", "check")
        run(python, "-c", WORKS, version)
        command = str(programs / "napari-dip")
        run(command, "--version")
        run(command, "--help")
        run(command, "denoise", "noisy.png", "-o", "restored.png", "--iterations", "3", "--finish", "0")
        assert (home / "restored.png").is_file(), "the command line wrote no result"
        run(python, "-m", "pip", "install", "--quiet", "npe2")
        run(str(programs / "npe2"), "validate", "napari-dip")
        print(f"{archive.name}: installed into an empty environment, it works")


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--tag", help="the tag under which this is released, as v0.1.0")
    parser.add_argument("--contents", action="store_true", help="install nothing")
    options = parser.parse_args()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    archives = build(ROOT / "dist")
    faults: list[str] = []
    for archive in archives:
        stray, missing = stray_and_missing(archive)
        faults += [f"{archive.name} has {name}, which does not belong there" for name in sorted(stray)]
        faults += [f"{archive.name} lacks {name}" for name in sorted(missing)]
        print(f"{archive.name}: {len(built_files(archive))} files")
    if options.tag:
        changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
        faults += faults_of_release(metadata_of(archives[0]), options.tag, changelog)
    for fault in faults:
        print(f"check_release: {fault}", file=sys.stderr)
    if faults:
        return 1
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, archives)], check=True)
    for archive in [] if options.contents else archives:
        check_installed(archive, version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
