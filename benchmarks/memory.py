"""Does the memory that a stack takes grow with its length?

    python benchmarks/memory.py                     # 4, 16, 64 planes of 512 x 512, from file to file
    options: --planes N ...  --size N  --iterations N

Each length runs in a process of its own, from an OME-Zarr to an OME-Zarr. Peak resident memory in GiB, less
what Python with torch takes before.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from reporting import heading, parser_of


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run(folder: Path, planes: int, size: int, iterations: int) -> None:
    """Restore a stack and print the memory that it took."""
    import napari_dip as dip
    from napari_dip.images.files import Description, ZarrFile

    stack = ZarrFile.create(
        folder / f"{planes}.ome.zarr", (planes, size, size), "uint16", Description.plain("TYX")
    )
    rng = np.random.default_rng(0)
    light = 50 + 40 * np.sin(np.arange(size) / 9)
    for plane in range(planes):
        stack.array[plane] = rng.poisson(light, (size, size))
    dip.denoise(np.ones((32, 32)) + light[:32], iterations=1)
    before = peak()
    result = dip.denoise(stack.path, iterations=iterations, out=folder / f"restored-{planes}.ome.zarr")
    name = f"{planes} x {size} x {size}"
    gigabytes = planes * size**2 * 2 / 2**30
    print(f"| {name} | {gigabytes:.2f} | {peak():.2f} | {before:.2f} | {result.seconds:.0f} |", flush=True)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--planes", type=int, nargs="*", default=[4, 16, 64])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the process of one length writes")
    options = parser.parse_args()
    if options.folder is not None:
        run(options.folder, options.planes[0], options.size, options.iterations)
        return
    print(
        heading("stack (uint16)", "its size, GiB", "peak memory, GiB", "before the run, GiB", "seconds"),
        flush=True,
    )
    for planes in options.planes:
        with tempfile.TemporaryDirectory() as folder:
            one = [
                "--planes",
                str(planes),
                "--size",
                str(options.size),
                "--iterations",
                str(options.iterations),
            ]
            subprocess.run([sys.executable, __file__, *one, "--folder", folder], check=True)


if __name__ == "__main__":
    main()
