"""How a benchmark is called, and how it says what it found."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch


def parser_of(page: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows a benchmark's docstring as it is."""
    return argparse.ArgumentParser(description=page, formatter_class=argparse.RawDescriptionHelpFormatter)


def machine() -> str:
    """Say what computes."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def line(cells: Iterable[object]) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def heading(*columns: str) -> str:
    """Return the first two lines of one."""
    return f"{line(columns)}\n{line('---' for _ in columns)}"


def save(path: Path, *pictures: np.ndarray) -> None:
    """Write pictures of 0 to 1 side by side, each as high as the others."""
    from imageio.v3 import imwrite

    path.parent.mkdir(parents=True, exist_ok=True)
    imwrite(path, (255 * np.hstack(pictures).clip(0, 1)).round().astype("uint8"))
