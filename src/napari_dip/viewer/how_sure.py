"""How sure is a result? It is restored again, with other noise, and what comes of it is a layer."""

from __future__ import annotations

from typing import Any

from napari_dip.viewer.layers import unwrap
from napari_dip.viewer.runs import Run
from napari_dip.viewer.uncertainty import USUAL, show_uncertainty

__all__ = ["ask_how_sure"]


def ask_how_sure(viewer: Any, run: Run) -> Run | None:
    """Add a layer with the uncertainty of a run's result, in the image's units; the result stays as it is.

    Parameters
    ----------
    viewer
        The viewer that the run's layers are in.
    run
        A run that is done.

    Returns
    -------
    Run
        The run that finds it out; its layer comes when it is done, or when it is stopped, with what is known
        then. None where that was known already.

    Raises
    ------
    ValueError
        If that can't be told: of a run that is not done, whose result is in a file, that has neither denoised
        nor inpainted, or that held out no pixels; or of another detail than the automatic one.
    """
    if run.detail:
        raise ValueError(
            "how sure a result is can be told of its automatic detail: move Detail to Automatic first, or "
            "call run.adjust(0)."
        )
    if not run.assessable or run.result is None or run.layer is None:
        raise ValueError(
            "how sure a result is can be told of a finished denoising or inpainting in memory that held out "
            "pixels to know when to stop. Wait for its end, or leave 'Stop when' to the preset."
        )
    if run.result.uncertainty is not None:
        show_uncertainty(unwrap(viewer), run, run.result)
        return None
    return Run(viewer, run.source, run.again(USUAL), region=run.region, guide=run.guide, of=run)
