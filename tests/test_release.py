"""What a release is made of: the wheel and the sdist, the recipe, the workflows, the changelog."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message

import pytest
from scripts import ROOT, load

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")

# An unpacked sdist has no workflows.
in_the_checkout = pytest.mark.skipif(not WORKFLOWS, reason="this is no checkout")


@pytest.fixture(scope="module")
def tool():
    return load("tools/check_release.py")


def read_yaml(path):
    return pytest.importorskip("yaml").safe_load(path.read_text("utf-8"))


# ------------------------------------------------------------------------------------------- wheel and sdist


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return [next(folder.glob(pattern)) for pattern in ("*.whl", "*.tar.gz")]


def test_the_wheel_and_the_sdist_hold_what_they_should_and_nothing_else(tool, archives):
    for archive in archives:
        assert tool.stray_and_missing(archive) == (set(), set())
    names = tool.built_files(archives[0])
    assert {"napari_dip/py.typed", "napari_dip/napari.yaml", "napari_dip/api.py"} <= names


def test_a_stray_a_missing_and_a_foreign_file_are_seen(tool, archives, tmp_path):
    wheel = tmp_path / archives[0].name
    with zipfile.ZipFile(archives[0]) as old, zipfile.ZipFile(wheel, "w") as new:
        for name in old.namelist():
            if name != "napari_dip/py.typed":
                new.writestr(name, old.read(name))
        new.writestr("napari_dip/notes.txt", "")
    assert tool.stray_and_missing(wheel) == ({"napari_dip/notes.txt"}, {"napari_dip/py.typed"})
    with zipfile.ZipFile(wheel, "a") as new:
        new.writestr("../outside.py", "")
    with pytest.raises(ValueError, match="outside"):
        tool.built_files(wheel)
    sdist = tmp_path / "napari_dip-1.tar.gz"
    with tarfile.open(sdist, "w:gz") as new:
        link = tarfile.TarInfo("napari_dip-1/passwords")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        new.addfile(link, io.BytesIO())
    with pytest.raises(ValueError, match="passwords"):
        tool.built_files(sdist)


def test_the_metadata_say_what_the_hub_and_the_index_show(tool, archives):
    for archive in archives:
        told = tool.metadata_of(archive)
        assert (told["Name"], told["Version"]) == ("napari-dip", PROJECT["version"])
        assert told["License-Expression"] == "BSD-3-Clause" and told["Summary"] == PROJECT["description"]
        assert "Framework :: napari" in told.get_all("Classifier")
        assert str(told.get_payload()).startswith("# napari-dip")
        versions = [one.rpartition(" ")[2] for one in told.get_all("Classifier") if "Python :: 3." in one]
        assert versions == ["3.11", "3.12", "3.13"] and told["Requires-Python"] == ">=3.11"


def test_what_is_not_ready_is_not_released(tool):
    told = Message()
    told["Version"] = "0.1.0.dev0"
    told.set_payload("![a picture](docs/a.png)")
    faults = " ".join(tool.faults_of_release(told, "v0.1.0", CHANGELOG))
    for word in ("the tag is v0.1.0", "development", "CHANGELOG.md has no entry", "urls", "relative path"):
        assert word in faults
    ready = Message()
    ready["Version"], ready["Project-URL"] = "0.1.0", "Source, https://example.org"
    ready.set_payload("![a picture](https://example.org/a.png) and [below](#use-it)")
    assert list(tool.faults_of_release(ready, "v0.1.0", "## [0.1.0] - 2027-01-31\n")) == []


# ------------------------------------------------------------------------------------------- what goes along


@in_the_checkout
def test_the_recipe_asks_for_what_the_package_asks_for():
    recipe = read_yaml(ROOT / "recipe" / "recipe.yaml")
    assert recipe["context"]["version"] == PROJECT["version"]
    assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]
    names = {"dask[array]": "dask-core", "torch": "pytorch"}  # what they are called there
    wanted = []
    for one in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["napari"]]:
        name, least = re.fullmatch(r"([\w\[\]-]+)(>=[\d.]+)", one).groups()
        wanted.append(f"{names.get(name, name)} {least}")
    python, *needed = recipe["requirements"]["run"]
    assert python == "python >=${{ python_min }}" and needed == wanted
    (script,) = [f"{name} = {where}" for name, where in PROJECT["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == [script]
    assert recipe["about"]["summary"] == PROJECT["description"]
    assert recipe["about"]["license"] == PROJECT["license"]


def test_the_citation_is_of_this_project():
    citation = read_yaml(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "license", "references"} <= citation.keys()
    assert citation["license"] == PROJECT["license"]
    assert citation["references"][0]["doi"] == "10.1007/s11263-020-01303-4"
    assert citation.get("version", PROJECT["version"]) == PROJECT["version"]


def test_the_changelog_is_one():
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "[Unreleased]" or "dev" not in PROJECT["version"]
    released = [heading for heading in headings if heading != "[Unreleased]"]
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\S*\] - \d{4}-\d\d-\d\d", heading) for heading in released)
    assert released == sorted(released, key=lambda heading: heading[-10:], reverse=True)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for version in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        found = re.findall(r"^### (.*)$", version, re.MULTILINE)
        assert set(found) <= kinds and len(set(found)) == len(found)


@in_the_checkout
def test_the_workflows_may_do_little_and_know_the_environments_of_tox():
    tox = (ROOT / "tox.ini").read_text("utf-8")
    known = set(re.findall(r"^\[testenv:([\w-]+)\]", tox, re.MULTILINE))
    if not (ROOT / "mkdocs.yml").exists():
        known.add("docs")
    assert {path.stem for path in WORKFLOWS} >= {"test", "release"}
    for path in WORKFLOWS:
        workflow = read_yaml(path)
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            may = {right for right, how in job.get("permissions", {}).items() if how == "write"}
            assert may == {
                "publish": {"id-token"},
                "show": {"id-token", "pages"},
            }.get(name, set())
            assert job["timeout-minutes"] <= 60
            # Who may publish runs nothing of ours.
            assert not (may and any("run" in step for step in job["steps"]))
            for step in job["steps"]:
                uses, run = step.get("uses", ""), step.get("run", "")
                assert not uses or re.fullmatch(r"(actions|pypa|pyvista)/[\w-]+@(v\d+|release/v\d+)", uses)
                if uses.startswith("actions/checkout"):
                    assert step["with"]["persist-credentials"] is False
                assert "${{" not in run  # what somebody else may have written is no part of a command
                for names in re.findall(r"tox run -e ([\w,-]+)", run):
                    assert set(names.split(",")) <= known


@in_the_checkout
def test_every_python_binding_and_system_is_tested():
    matrix = read_yaml(ROOT / ".github" / "workflows" / "test.yml")["jobs"]["tests"]["strategy"]["matrix"]
    classified = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if "Python :: 3." in one]
    assert matrix["python"] == classified
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    tox = (ROOT / "tox.ini").read_text("utf-8")
    numbers = ",".join(version.replace(".", "") for version in classified)
    assert f"py{{{numbers}}}-{{{','.join(matrix['qt'])}}}" in tox
    (oldest,) = matrix["include"]
    assert f"py{oldest['python'].replace('.', '')}-{oldest['qt']}," in tox
    assert "napari>=0.6" in PROJECT["optional-dependencies"]["napari"] and "napari==0.6.0" in tox


@in_the_checkout
def test_a_problem_and_an_idea_have_their_forms():
    for form in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")):
        said = read_yaml(form)
        assert {"name", "description", "body"} <= said.keys()
        assert any(part.get("validations", {}).get("required") for part in said["body"])
