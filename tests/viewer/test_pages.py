"""The examples on the documentation's pages that need a window run in one; see tests/pages.py."""

from __future__ import annotations

import pages
import pytest

EXAMPLES = {page: [one for one in pages.examples(page) if one.in_a_window] for page in pages.PAGES}


@pytest.mark.parametrize("page", [page for page, found in EXAMPLES.items() if found])
def test_the_examples_of_a_page_run_in_a_window(page, viewer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages.hurry(monkeypatch)
    names = {"__name__": "page", "viewer": viewer}
    for example in EXAMPLES[page]:
        example.run(names)
