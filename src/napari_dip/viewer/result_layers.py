"""A result's layer: where it lies, how it looks, what it is called, how it came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.transforms import Affine

from napari_dip.given import KEY
from napari_dip.restoration import PAST, Restoration, origin
from napari_dip.viewer.layers import cuts

if TYPE_CHECKING:
    from napari_dip.job import Job

__all__ = ["AFTERWARDS", "finer", "provenance", "result_layer", "result_name"]

# A result has one level, its own name, and is shown. All else of a layer's state is where it lies and how it
# looks, and the result keeps it.
NOT_KEPT = ("name", "metadata", "visible", "multiscale", "locked_data_level", "auto_contrast")


def result_layer(source: Image, picture: np.ndarray, job: Job) -> Image:
    """Return a new layer with `picture` that lies where `source` does and looks as it does."""
    _, state, _ = source.as_layer_data_tuple()
    kept = {name: value for name, value in dict(state).items() if name not in NOT_KEPT}
    # Without the axis of colours, which a layer's place does not have.
    factors = np.asarray(job.factors[: source.ndim], dtype=float)
    if (factors != 1).any():
        kept |= finer(source, factors) | cuts(source, np.zeros(source.ndim), factors)
    layer = Image(
        picture,
        name=result_name(source.name, job.task.name),
        metadata={**source.metadata, KEY: _origin(source, job.task.name) | {"settings": job.settings}},
        **kept,
    )
    layer.contrast_limits_range = source.contrast_limits_range  # or its limits are all that its slider has
    return layer


def result_name(source: str, task: str, progress: str = "", planes: str = "") -> str:
    """Return what a result is called.

    Parameters
    ----------
    source, task
        The source's name, and what is done to it.
    progress
        While it is being done, how far it is.
    planes
        Which planes of the source it is; empty for all.
    """
    what = f"{PAST[task]} {progress}".rstrip()
    return f"{source} [{what}, {planes}]" if planes else f"{source} [{what}]"


def finer(source: Image, factors: np.ndarray) -> dict[str, Any]:
    """Return where a layer lies whose pixels divide those of `source` by `factors`.

    The centre of fine pixel ``i`` lies at ``(i + 1/2) / factor - 1/2`` pixels of the source.
    """
    pixels = Affine(scale=source.scale, rotate=source.rotate, shear=source.shear, ndim=source.ndim)
    moved = np.asarray(pixels.linear_matrix) @ (0.5 / factors - 0.5)
    return {
        "scale": np.asarray(source.scale) / factors,
        "translate": np.asarray(source.translate) + moved,
    }


def provenance(
    source: Image, task: str, restoration: Restoration, which: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how a result came about, as plain JSON; `which` says what of the source it is."""
    return _origin(source, task) | dict(which) | restoration.to_dict()


def _origin(source: Image, task: str) -> dict[str, Any]:
    return origin(task) | {"source": source.name}


def _keep_both(viewer: Any, source: Image, result: Image) -> None:
    pass


def _hide_source(viewer: Any, source: Image, result: Image) -> None:
    source.visible = False


# What can be done with the window when a run has finished, in the order in which it is offered.
AFTERWARDS: dict[str, Callable[[Any, Image, Image], None]] = {
    "keep both": _keep_both,
    "hide the original": _hide_source,
}
