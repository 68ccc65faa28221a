"""The documentation as a site: it is built without a warning, and needs no other host."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from scripts import ROOT

pytest.importorskip("mkdocs")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return {
        str(page.relative_to(folder)): page.read_text(encoding="utf-8") for page in folder.rglob("*.html")
    }


def test_every_page_of_the_documentation_is_on_the_site(site):
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs").with_suffix(".html")) in site


def test_nothing_is_fetched_from_another_host(site):
    fetched = re.compile(
        r"<(?:script|img|link|iframe|source|video)\b[^>]*\b(?:src|href|srcset)=\"?(?:https?:)?//"
    )
    for page, text in site.items():
        assert not fetched.search(text), page
    assert fetched.search('<script defer src="https://a.org/a.js">')


def test_the_reference_has_every_public_name_in_markdown(site):
    import napari_dip as dip

    reference = {page: text for page, text in site.items() if page.startswith("reference")}
    for name in {"Restoration", *dip.__all__} - {"__version__", "viewer"}:
        assert any(re.search(rf'id="napari_dip\.[\w.]*\b{name}"', text) for text in reference.values()), name
    for page, text in reference.items():
        words = re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL)
        for notation in ("]_", ".. [", ":func:", "::"):  # numpydoc's, not Markdown's
            assert notation not in re.sub(r"<[^>]*>", "", words.split("<article")[1]), (page, notation)
