"""Where there is no GPU, everything runs on one that is pretended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

HERE = Path(__file__).parent


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch can't have a device that a program makes",
)
@pytest.mark.timeout(400)
def test_everything_runs_on_a_gpu_that_is_pretended():
    # torch counts its devices once in a process, before anything is computed.
    command = [sys.executable, "-m", "pytest", "-q", str(HERE / "on_pretended_gpu.py")]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
