"""What do two processes of one thread gain over one process of two threads?

    python benchmarks/cluster.py                    # 4 planes of 512 x 512, 50 iterations for each
    options: --planes N  --size N  --iterations N  --precision NAME  --rounds N

A stack is restored lazily, a plane a chunk, each anew (``warm=False``), on a LocalCluster of each kind in
turn, in one run. Each cluster restores a small plane for each of its workers first, so that torch is there.
Planes a minute, the best of the rounds.
"""

from __future__ import annotations

import os
import time

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait
from reporting import heading, parser_of

import napari_dip as dip
from napari_dip.images.synthetic import fluorescence

KINDS = {"one process of two threads": (1, 2), "two processes of one thread": (2, 1)}


def planes_a_minute(stack: np.ndarray, workers: int, threads: int, settings: dict) -> float:
    """Restore a stack on a cluster of its own."""
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        small = np.stack([stack[0, :64, :64]] * workers)
        for image in (small, stack):
            lazy = dip.denoise(da.from_array(image, chunks=(1, *image.shape[1:])), warm=False, **settings)
            start = time.perf_counter()
            work = client.persist(lazy.image)
            wait(work)
            seconds = time.perf_counter() - start
        return 60 * len(stack) / seconds


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--planes", type=int, default=4)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    stack = np.stack([fluorescence((options.size,) * 2, seed=seed)[0] for seed in range(options.planes)])
    settings = {"iterations": options.iterations, "precision": options.precision, "device": "cpu"}
    load = os.getloadavg()[0]
    print(
        f"{' x '.join(map(str, stack.shape))}, {options.iterations} iterations, {options.precision}", end=""
    )
    print(f", {os.cpu_count()} cores, load {load:.1f} before")
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind, (workers, threads) in KINDS.items():
            found[kind].append(planes_a_minute(stack, workers, threads, settings))
    print(heading("", "planes a minute", "rounds"))
    for kind, rates in found.items():
        print(f"| {kind} | {max(rates):.2f} | {', '.join(f'{rate:.2f}' for rate in rates)} |")
    one, two = (max(rates) for rates in found.values())
    print(f"two processes do {two / one:.2f} times as much")


if __name__ == "__main__":
    main()
