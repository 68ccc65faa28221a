"""Work in the background ends before Python does, and with it Qt and torch."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys, time
from qtpy.QtWidgets import QApplication
app = QApplication([])
from napari_dip.viewer.background import LEAVING, in_background

def work():
    time.sleep(0.3)  # is not broken off
    sys.stdout.write(f"done, leaving: {LEAVING.is_set()}\\n")
    return 1

worker = in_background(work, then=print, failed=print)
while not worker.is_running:
    app.processEvents()
print("the window is closed", flush=True)
"""


def test_a_window_that_is_closed_while_torch_loads_leaves_no_traceback():
    ended = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == ["the window is closed", "done, leaving: True"]
    assert ended.returncode == 0
