"""Can one measure on a restored image? Amounts, masks and counts on the raw, a filtered and the restored one.

    python benchmarks/quantify.py                 # the tables of docs/quantify.md
    python benchmarks/quantify.py --plot FILE.png --pictures FILE.png
    options: --size N  --seeds N  --photons N ...  --preset NAME  --keep FOLDER

Two scenes made by code, blurred and recorded as the camera of `napari_dip.images.synthetic` records:

- spots, whose brightness differs by a factor of 16, on an even background;
- cells, whose brightness differs by a factor of 4, with a texture, and their true outlines.

"Photons" are those at the brightest point. What is measured of an image is measured in the same way of the
raw, the filtered, the restored and the noise-free one, which is the truth.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from reporting import parser_of
from scipy.ndimage import gaussian_filter, gaussian_laplace
from scipy.spatial import cKDTree
from skimage.draw import ellipse
from skimage.feature import blob_log
from skimage.filters import threshold_li, threshold_otsu
from skimage.measure import label, regionprops

import napari_dip as dip
from napari_dip.images.synthetic import GAIN, OFFSET, READ_NOISE

BLUR = 1.3  # pixels: the optics
BACKGROUND = 0.06  # of the brightest point
REACH = 4  # pixels: the aperture in which a spot's light is summed up
CALIBRATION = 100  # the scene on which blob_log's threshold is chosen
THRESHOLDS = np.geomspace(0.005, 0.5, 30)  # of the brightest point
FILTERS = {"Gaussian 1": 1.0, "Gaussian 2": 2.0}
METHODS = ("raw", *FILTERS, "restored")


@dataclass(frozen=True)
class Scene:
    """What is there, without noise, from 0 to 1, and where: points, or labels from 1 on."""

    light: np.ndarray
    places: np.ndarray


def spots(size: int, seed: int, count: int = 40) -> Scene:
    """Return spots that keep 9 pixels from one another."""
    rng = np.random.default_rng(seed)
    points: list[np.ndarray] = []
    while len(points) < count * (size / 128) ** 2:
        point = rng.uniform(7, size - 7, 2)
        if all(np.hypot(*(point - other)) > 9 for other in points):
            points.append(point)
    at, brightness = np.array(points), np.geomspace(1, 16, len(points)) / 16
    y, x = np.indices((size, size))
    light = sum(
        b * np.exp(-((y - p) ** 2 + (x - q) ** 2) / (2 * BLUR**2))
        for (p, q), b in zip(at, brightness, strict=True)
    )
    return Scene(BACKGROUND + (1 - BACKGROUND) * light / light.max(), at)


def cells(size: int, seed: int, count: int = 14) -> Scene:
    """Return ellipses that don't touch."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((size, size), int)
    around = np.zeros((size, size), bool)
    found, wanted = 0, round(count * (size / 128) ** 2)
    for _ in range(20_000):
        if found == wanted:
            break
        centre, axes, tilt = rng.uniform(0, size, 2), rng.uniform(7, 12, 2), rng.uniform(0, np.pi)
        wide = ellipse(*centre, *(axes + 3), shape=labels.shape, rotation=tilt)
        if around[wide].any():
            continue
        found += 1
        around[wide] = True
        labels[ellipse(*centre, *axes, shape=labels.shape, rotation=tilt)] = found
    brightness = np.r_[0, rng.permutation(np.geomspace(1, 4, found) / 4)]
    texture = gaussian_filter(rng.standard_normal(labels.shape), 2.0)
    light = gaussian_filter(brightness[labels] * (1 + 0.15 * texture / texture.std()), BLUR)
    return Scene(BACKGROUND + (1 - BACKGROUND) * light / light.max(), labels)


def recorded(light: np.ndarray, photons: float, seed: int) -> np.ndarray:
    """Return what the camera counts."""
    rng = np.random.default_rng([seed, round(photons)])
    electrons = rng.poisson(photons * light) + rng.normal(0, READ_NOISE, light.shape)
    return np.clip(np.rint(OFFSET + GAIN * electrons), 0, 65535).astype("uint16")


def images(light: np.ndarray, photons: float, seed: int, preset: str, keep: Path | None) -> dict:
    """Return the raw image, the filtered ones and the restored one, in photons."""
    counts = recorded(light, photons, seed)
    kept = None if keep is None else keep / f"{zlib.crc32(counts)}-{preset}.npy"
    if kept is not None and kept.exists():
        restored = np.load(kept)
    else:
        restored = dip.denoise(counts, preset=preset, dtype="float32").image
        if kept is not None:
            keep.mkdir(parents=True, exist_ok=True)
            np.save(kept, restored)
    raw = (counts.astype(float) - OFFSET) / GAIN
    filtered = {name: gaussian_filter(raw, sigma) for name, sigma in FILTERS.items()}
    return {"raw": raw, **filtered, "restored": (restored.astype(float) - OFFSET) / GAIN}


# ------------------------------------------------------------------------------------------------- amounts


def spot_amounts(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the light of each spot: the sum in a disk, less the median of the image."""
    y, x = np.indices(image.shape)
    above = image - np.median(image)
    return np.array([above[np.hypot(y - p, x - q) <= REACH].sum() for p, q in points])


def spot_heights(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the height of each spot: the largest of 3 x 3 pixels, less the median of the image."""
    near = [(slice(p - 1, p + 2), slice(q - 1, q + 2)) for p, q in np.rint(points).astype(int)]
    return np.array([image[where].max() for where in near]) - np.median(image)


def cell_amounts(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean of each cell within its true outline."""
    return np.array([cell.image_intensity[cell.image].mean() for cell in regionprops(labels, image)])


def line(measured: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return the straight line through measured over true, and the deviations; in parts of the mean."""
    slope, offset = np.polyfit(true, measured, 1)
    mean = true.mean()
    order = np.argsort(true)
    dim, bright = order[: len(order) // 4], order[-(len(order) // 4) :]
    return {
        "slope": slope,
        "offset": offset / mean,
        "scatter": np.std(measured - slope * true - offset) / mean,
        "dimmest": measured[dim].sum() / true[dim].sum(),
        "brightest": measured[bright].sum() / true[bright].sum(),
    }


# -------------------------------------------------------------------------------------- masks and numbers


def overlap(image: np.ndarray, labels: np.ndarray, raw: np.ndarray, true: np.ndarray) -> tuple[float, ...]:
    """Return two masks' intersection over union with the cells, and how many things each has per cell.

    The masks are those of Otsu's and of Li's threshold. Last comes the light of the raw image within Li's,
    over the true light there.
    """
    truth, told = labels > 0, []
    for mask in (image > threshold_otsu(image), image > threshold_li(image)):
        told += [(mask & truth).sum() / (mask | truth).sum(), label(mask).max() / labels.max()]
    return *told, raw[mask].sum() / true[mask].sum()


def blobs(image: np.ndarray, photons: float) -> np.ndarray:
    """Return the spots that blob_log finds at its lowest threshold: y, x, and their strength."""
    found = blob_log(
        image / photons,
        min_sigma=1,
        max_sigma=2.5,
        num_sigma=4,
        threshold=THRESHOLDS[0],
        exclude_border=False,
    )
    strength = np.zeros(len(found))
    for sigma in np.unique(found[:, 2]):
        cube = -gaussian_laplace(image / photons, sigma) * sigma**2
        here = found[:, 2] == sigma
        strength[here] = cube[tuple(found[here, :2].astype(int).T)]
    return np.c_[found[:, :2], strength]


def matches(found: np.ndarray, points: np.ndarray) -> int:
    """Return how many points have a spot of their own within 2 pixels, the strongest spots first."""
    free, tree = np.ones(len(points), bool), cKDTree(points)
    for y, x, _ in found[np.argsort(-found[:, 2])]:
        near = [i for i in tree.query_ball_point((y, x), 2.0) if free[i]]
        if near:
            free[min(near, key=lambda i: np.hypot(*(points[i] - (y, x))))] = False
    return int((~free).sum())


def score(found: np.ndarray, points: np.ndarray) -> float:
    """Return F1: twice the hits over what was found and what is there."""
    return 2 * matches(found, points) / (len(found) + len(points))


def best_threshold(found: np.ndarray, points: np.ndarray) -> float:
    """Return the threshold with the highest F1."""
    return max(THRESHOLDS, key=lambda t: score(found[found[:, 2] > t], points))


# --------------------------------------------------------------------------------------------------- tables


def row(*cells_: object) -> None:
    print(
        "| " + " | ".join(f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells_) + " |", flush=True
    )


def head(title: str, *names: str) -> None:
    print(f"\n{title}\n")
    row(*names)
    row(*["---"] * len(names))


def report_amounts(kept: dict, photons: list[float], measures: dict, what: str) -> None:
    head(what, "photons", "image", "slope", "offset", "scatter", "dimmest quarter", "brightest quarter")
    for level in photons:
        for method in METHODS:
            measured = np.concatenate([measures(s[method], p) for s, p, _ in kept[level]])
            true = np.concatenate([measures(t, p) for _, p, t in kept[level]])
            row(f"{level:g}", method, *(float(v) for v in line(measured, true).values()))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=2, help="scenes of each kind")
    parser.add_argument("--photons", nargs="*", type=float, default=[5, 15, 50])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--keep", type=Path, help="where restored images are kept for another time")
    parser.add_argument("--plot", type=Path, help="restored over true amounts, as a picture")
    parser.add_argument("--pictures", type=Path, help="one scene of each kind, as a picture")
    options = parser.parse_args()

    def runs(scene, seeds) -> Iterator[tuple[float, tuple]]:
        for level in options.photons:
            for seed in seeds:
                made = scene(options.size, seed)
                shown = images(made.light, level, seed, options.preset, options.keep)
                yield level, (shown, made.places, level * made.light)

    def collected(scene, seeds) -> dict[float, list[tuple]]:
        kept: dict[float, list[tuple]] = {level: [] for level in options.photons}
        for level, run in runs(scene, seeds):
            kept[level].append(run)
        return kept

    with_spots, with_cells = (collected(scene, range(options.seeds)) for scene in (spots, cells))
    report_amounts(with_spots, options.photons, spot_amounts, "Spots, light within 4 pixels")
    report_amounts(with_spots, options.photons, spot_heights, "Spots, height")
    report_amounts(with_cells, options.photons, cell_amounts, "Cells, mean within the true outline")

    names = ("Otsu, IoU", "things per cell", "Li, IoU", "things per cell", "raw light within")
    head("Masks of cells", "photons", "image", *names)
    for level in options.photons:
        for method in (*METHODS, "noise-free"):
            both = [
                overlap(true if method == "noise-free" else shown[method], places, shown["raw"], true)
                for shown, places, true in with_cells[level]
            ]
            row(f"{level:g}", method, *(float(v) for v in np.mean(both, axis=0)))

    head(
        "Spots by blob_log", "photons", "image", "threshold", "F1", "found of 100", "false in an empty image"
    )
    chosen = collected(spots, [CALIBRATION])
    for level in options.photons:
        nothing = images(np.full((options.size,) * 2, BACKGROUND), level, 7, options.preset, options.keep)
        for method in METHODS:
            shown, points, _ = chosen[level][0]
            threshold = best_threshold(blobs(shown[method], level), points)
            scores, hits = [], []
            for shown, points, _ in with_spots[level]:
                found = blobs(shown[method], level)
                found = found[found[:, 2] > threshold]
                scores.append(score(found, points))
                hits.append(100 * matches(found, points) / len(points))
            empty = int((blobs(nothing[method], level)[:, 2] > threshold).sum())
            row(
                f"{level:g}",
                method,
                f"{threshold:.3f}",
                float(np.mean(scores)),
                f"{np.mean(hits):.0f}",
                empty,
            )

    if options.plot:
        plot(options.plot, with_spots, with_cells, options.photons)
    if options.pictures:
        save(options.pictures, with_spots, with_cells, options.photons)


def plot(path: Path, with_spots: dict, with_cells: dict, photons: list[float]) -> None:
    """Draw what is measured over what is true, for the raw and the restored image."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        2, len(photons), figsize=(3.1 * len(photons), 6.0), layout="constrained", squeeze=False
    )
    kinds = ((with_spots, spot_amounts, "light of a spot"), (with_cells, cell_amounts, "mean of a cell"))
    for line_of_axes, (kept, measure, what) in zip(axes, kinds, strict=True):
        for axis, level in zip(line_of_axes, photons, strict=True):
            true = np.concatenate([measure(t, p) for _, p, t in kept[level]])
            for method, colour, size in (("raw", "0.6", 14), ("restored", "tab:blue", 9)):
                measured = np.concatenate([measure(s[method], p) for s, p, _ in kept[level]])
                axis.scatter(true, measured, s=size, color=colour, label=method, linewidths=0)
            axis.axline((0, 0), slope=1, color="black", linewidth=0.8)
            axis.set_title(f"{what}, {level:g} photons", fontsize=9)
            axis.tick_params(labelsize=8)
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.supxlabel("true, photons", fontsize=9)
    figure.supylabel("measured, photons", fontsize=9)
    figure.savefig(path, dpi=110)


def save(path: Path, with_spots: dict, with_cells: dict, photons: list[float]) -> None:
    """Save the raw, the restored and the true image of a scene of each kind at each level, side by side."""
    from imageio.v3 import imwrite

    rows = []
    for kept in (with_spots, with_cells):
        pictures = []
        for level in photons:
            shown, _, true = kept[level][0]
            pictures += [shown["raw"] / level, shown["restored"] / level, true / level]
        rows.append(np.hstack([np.pad(p.clip(0, 1) ** 0.7, 1, constant_values=1) for p in pictures]))
    imwrite(path, (255 * np.vstack(rows)).round().astype("uint8"))


if __name__ == "__main__":
    main()
