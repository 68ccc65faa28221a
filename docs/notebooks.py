"""Run the notebooks of the docs, keep what their cells show, and save the pictures that pages show too.

python docs/notebooks.py [what-a-network-sees.ipynb ...]
"""

from __future__ import annotations

import ast
import base64
import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent


def run(notebook: dict[str, Any], **parameters: Any) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Run a notebook's cells in their order; yield each with what it has printed and what it shows.

    Parameters
    ----------
    notebook
        The JSON of its file.
    **parameters
        What names are set to after the cell with the tag "parameters".
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        tree, shown = ast.parse("".join(cell["source"])), None
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(tree, f"cell {number}", "exec"), names)
            if last is not None:
                shown = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        if "parameters" in cell["metadata"].get("tags", ()):
            names |= parameters
        yield cell, printed.getvalue(), shown


def outputs(printed: str, shown: Any) -> list[dict[str, Any]]:
    """Return what a cell's output is in a notebook's file."""
    out: list[dict[str, Any]] = []
    if printed:
        out.append({"output_type": "stream", "name": "stdout", "text": printed.splitlines(keepends=True)})
    if shown is not None:
        data: dict[str, Any] = {"text/plain": repr(shown).split(" at 0x")[0]}
        if hasattr(shown, "_repr_png_"):
            data["image/png"] = base64.b64encode(shown._repr_png_()).decode()
        out.append({"output_type": "display_data", "data": data, "metadata": {}})
    return out


def main(path: Path) -> None:
    """Run a notebook and write it back, with its outputs."""
    notebook = json.loads(path.read_text("utf-8"))
    for cell, printed, shown in run(notebook):
        cell["outputs"] = outputs(printed, shown)
        if "picture" in cell["metadata"]:
            (DOCS / "images" / cell["metadata"]["picture"]).write_bytes(shown._repr_png_())
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or [path.name for path in DOCS.glob("*.ipynb")]:
        main(DOCS / name)
