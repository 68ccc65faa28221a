"""The examples on the documentation's pages run, down each page; see pages.py."""

from __future__ import annotations

import re

import pages
import pytest

EXAMPLES = {page: pages.examples(page) for page in pages.PAGES}
HERE = {
    page: [one for one in found if not (one.in_a_window or one.elsewhere or one.not_run)]
    for page, found in EXAMPLES.items()
}


@pytest.mark.parametrize("page", [page for page, found in HERE.items() if found])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages.hurry(monkeypatch)
    names = {"__name__": "page"}
    for example in HERE[page]:
        example.run(names)


def test_what_is_not_run_here_says_why():
    for found in EXAMPLES.values():
        for example in found:
            at = f"{example.page}:{example.line}: <!-- {example.mark} -->"
            assert not example.mark or example.in_a_window or example.elsewhere or example.not_run, at
            if example.elsewhere:
                assert example.page in (pages.ROOT / example.elsewhere).read_text(), at


def test_no_python_on_a_page_is_overlooked():
    """Each fence is an example, whatever comes before it."""
    for page, found in EXAMPLES.items():
        fences = re.findall(r"^ *(?:```|~~~) *py", (pages.ROOT / page).read_text(), re.MULTILINE)
        shown = [one for one in found if one.language == "python" and one.shown]
        assert len(fences) == len(shown), page
