"""What a run took away, as a layer: it should look like noise."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_info

from napari_dip.given import KEY
from napari_dip.restoration import origin
from napari_dip.viewer.layers import same_place, unwrap
from napari_dip.viewer.over_results import SEE_BELOW, over_result
from napari_dip.viewer.words import looks_like_noise

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run

__all__ = ["show_removed"]

# Standard deviations of the noise that are still told apart in the layer, above and below 0.
SPREAD = 3.0
SHOWS = "what was removed"


def show_removed(viewer: Any, run: Run) -> Image:
    """Add a layer with what a run took away from its image, and say whether it looks like noise.

    It lies where the result does, and follows the choice of the result's detail for as long as it is there.
    Asked for again, it is shown again.

    Parameters
    ----------
    viewer
        The viewer that the run's layers are in.
    run
        A run that is done.

    Returns
    -------
    napari.layers.Image
        The image less the result, in the image's units, as floats; of colours their mean.

    Raises
    ------
    ValueError
        If that can't be told: of a run that is no denoising, that is not done, or whose result is in a file.
    """
    viewer = unwrap(viewer)
    if run.layer is None or run.result is None or run.result.removed is None:
        raise ValueError(
            "what was removed can be shown of a finished denoising in memory. Wait for its end, or subtract "
            "the result from the image."
        )
    layer = over_result(viewer, run, SHOWS, lambda: _made(viewer, run))
    show_info(f"{looks_like_noise(run.result.structure)} {SEE_BELOW}".lstrip())
    return layer


def _made(viewer: Any, run: Run) -> Image:
    assert run.layer is not None
    layer = Image(name=f"{run.source.name} [removed]", **_look(run), **same_place(run.layer))
    _follow(viewer, run, layer)
    return layer


def _look(run: Run) -> dict[str, Any]:
    result = run.result
    assert result is not None and result.removed is not None
    removed = result.removed
    limit = SPREAD * (result.noise or float(removed.std())) or 1.0
    record = origin(run.task) | {
        "source": run.source.name,
        "shows": SHOWS,
        "structure": result.structure,
    }
    assert run.layer is not None
    return {
        # Colours could not be below 0; and opacity is left as it is.
        "data": removed[..., :3].mean(axis=-1) if run.layer.rgb else removed,
        "contrast_limits": (-limit, limit),
        "colormap": "gray",
        "metadata": {KEY: record},
    }


def _follow(viewer: Any, run: Run, layer: Image) -> None:
    """Have a layer show what was removed, whatever detail is chosen, for as long as it is in the viewer."""
    # The run's handle may outlive both, and must not keep them.
    its_viewer, its_layer = weakref.ref(viewer), weakref.ref(layer)

    def follow() -> None:
        viewer, layer = its_viewer(), its_layer()
        if viewer is None or layer is None or layer not in viewer.layers:
            run.updated.disconnect(follow)
        elif run.result is not None:
            look = _look(run)
            layer.data, layer.metadata = look["data"], look["metadata"]

    run.updated.connect(follow)
