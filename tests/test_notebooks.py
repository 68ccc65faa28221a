"""The notebooks of the docs run, with fewer and smaller pictures, and show what they say."""

import json

import pytest
from scripts import ROOT, load

DOCS = ROOT / "docs"
SMALL = {"what-a-network-sees.ipynb": {"SIDE": 24, "PICTURES": 40, "EPOCHS": 1, "ITERATIONS": 3}}


@pytest.mark.parametrize("name", sorted(path.name for path in DOCS.glob("*.ipynb")))
def test_a_notebook_runs_and_is_kept_with_its_outputs(name):
    notebook = json.loads((DOCS / name).read_text("utf-8"))
    notebooks = load("docs/notebooks.py")
    for cell, printed, shown in notebooks.run(notebook, **SMALL[name]):
        now, kept = notebooks.outputs(printed, shown), cell["outputs"]
        assert [out["output_type"] for out in now] == [out["output_type"] for out in kept]
        assert [sorted(out.get("data", ())) for out in now] == [sorted(out.get("data", ())) for out in kept]
        if "picture" in cell["metadata"]:
            assert (DOCS / "images" / cell["metadata"]["picture"]).is_file()
