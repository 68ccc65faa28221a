"""``python -m napari_dip``: the command line."""

import sys

from napari_dip.cli import main

if __name__ == "__main__":
    sys.exit(main())
