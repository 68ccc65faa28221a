"""Settings for a microscope, found on images in files and what is known of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_dip.calibration import Calibration, calibrate
from napari_dip.cli.files import find, partners
from napari_dip.cli.told import EXPECTED, Speaker, UsageError, sentence_of
from napari_dip.restoration import plain

__all__ = ["calibrate_files"]


def calibrate_files(
    images: Sequence[str],
    others: Sequence[str],
    what: str,
    speaker: Speaker,
    **options: Any,
) -> int:
    """Find settings on some images, say what was found, and return the exit code.

    Parameters
    ----------
    images
        Files, folders and patterns.
    others
        The same, or a name with ``{stem}`` in it: their truths or repeats.
    what
        Which of the two, ``"truths"`` or ``"repeats"``.
    speaker
        Says it.
    **options
        As `napari_dip.calibrate` takes them.

    Raises
    ------
    UsageError
        If they can't be used.
    """
    found = find(images)
    if found.failures:
        raise UsageError(f"{found.failures[0].name}: {found.failures[0].sentence}")
    used, known = partners(found.images, others, what)
    for image, other in zip(used, known, strict=True):
        speaker.note(f"{image} with {other}")
    try:
        with warnings.catch_warnings(record=True) as told:
            calibration = calibrate(used, progress=speaker.bar, **options | {what: known})
    except EXPECTED as error:
        raise UsageError(sentence_of(error)) from None
    for one in told:
        speaker.note(sentence_of(one.message))
    speaker.say(_text(calibration), _facts(calibration, used, known, what))
    if options.get("name") and calibration.preset == calibration.base:
        name = options["name"]
        speaker.warn(
            "--save", f"nothing was saved as {name!r}, for nothing is better than {calibration.base!r}"
        )
    return 0


def _text(found: Calibration) -> str:
    if found.preset != found.base:
        last = f"Saved as the preset {found.preset!r}: napari-dip denoise IN --preset {found.preset!r}"
    elif found.gain:
        last = "The best can be kept as a preset: the same command with --save NAME."
    else:
        last = f"Nothing is better than the preset {found.base!r}: keep it."
    return f"{found.table}\n{last}"


def _facts(found: Calibration, images: Sequence[Path], others: Sequence[Path], what: str) -> dict[str, Any]:
    return {
        "images": [str(path) for path in images],
        what: [str(path) for path in others],
        "preset": found.preset,
        "base": found.base,
        "gain": found.gain,
        "uncertainty": found.uncertainty,
        "settings": found.settings,
        "tried": [
            {
                "what": one.what,
                "gain": plain(one.gain),
                "uncertainty": plain(one.uncertainty),
                "gains": [plain(gain) for gain in one.gains],
                "settings": one.settings,
            }
            for one in found.tried
        ],
    }
