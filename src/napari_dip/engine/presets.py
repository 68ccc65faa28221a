"""Named, complete settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_dip.engine.components import shown
from napari_dip.engine.features import Excitement
from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.inputs import CoordinateInput, ImageInput, NoiseInput
from napari_dip.engine.likelihoods import Gaussian, PoissonGaussian
from napari_dip.engine.networks import Hourglass, Picture, SubPixel
from napari_dip.engine.optimisers import Adam, Muon
from napari_dip.engine.penalties import Penalty, Tikhonov, TotalVariation
from napari_dip.engine.rounding import Rounding
from napari_dip.engine.settings import Settings
from napari_dip.engine.stopping import Fixed

__all__ = ["PRESETS", "guided", "preset"]

_HALF = Settings(
    # Half resolution: most of the arithmetic on a quarter of the pixels.
    network=SubPixel(),
    input=NoiseInput(channels=16, perturbation=0.02),
    optimiser=Muon(),
    likelihood=Gaussian(),
    stopping=HeldOut(guard=None),
    averaging=0.98,
    tv=8.0,
    finish=40,
    expected=700,
    iterations=2000,
)
# What an explicit prior makes of the image is a quick way to its edges.
_FAST = replace(
    _HALF,
    input=ImageInput(channels=16, perturbation=0.02),
    correction="patches",
    expected=200,
)
# Full resolution with few channels at it.
_FULL = Hourglass(channels=(16, 32, 64, 64, 64), padding="zeros", bias=False, output="semilinear")
_BEST = replace(
    _HALF,
    network=_FULL,
    stopping=HeldOut(guard=None, patience=0.3),
    expected=1500,
    iterations=4000,
)
_HINTED = replace(
    _BEST,
    input=_FAST.input,
    correction="patches",
    stopping=HeldOut(guard=None, patience=0.6),
    expected=700,
)
# What is fitted is a denoiser, as the noise is another in each step. More of the finest detail comes past the
# halvings.
_DENOISER = replace(_FULL, skip=16, renormalise=False, output="linear")
_RECORRUPTED = replace(
    _HINTED,
    network=_DENOISER,
    input=ImageInput(channels=16, perturbation=0.02, recorruption=1.0),
    stopping=HeldOut(guard=None, patience=0.4),
    tv=None,
    finish=20,
    expected=400,
)
# It learns that in no time, and half of the channels and four scales are enough for a while.
_QUICK = replace(
    _RECORRUPTED,
    network=replace(_DENOISER, channels=(8, 32, 32, 32), skip=8),
    stopping=HeldOut(guard=None, wait=70),
    expected=100,
)
# The paper's denoising, to the letter: 1800 iterations, stopped by number.
_ULYANOV = Settings(
    network=Hourglass(),
    input=NoiseInput(channels=32, perturbation=1 / 30),
    optimiser=Adam(),
    likelihood=Gaussian(),
    stopping=Fixed(),
    averaging=0.99,
    expected=1800,
    iterations=1800,
    precision="float32",
    correction="none",
)
# Between known pixels there is detail that a generator at half the resolution can't tell, and more of it than
# in a noisy image.
_FILL = replace(
    _BEST,
    network=replace(_FULL, channels=(32, 64, 64, 64, 64)),
    input=NoiseInput(channels=16, perturbation=0.03),
    stopping=HeldOut(guard=None),
    expected=600,
    iterations=2000,
)
# Among scattered pixels interpolation is never far off. It is perturbed strongly: a hint, not a template.
_SCATTERED = replace(_FILL, input=ImageInput(channels=16, perturbation=0.1), iterations=3000)
_HOLE = replace(_HALF, network=SubPixel((32, 64, 64, 64, 64, 64), skip=0), tv=2.0, guess=30, expected=500)
# At half the resolution there would be patterns that no coarse pixel sees.
_FINER = replace(_FILL, network=_FULL, input=NoiseInput(channels=16, perturbation=0.02))

# What a blur has taken is seen in small differences, which total variation would take for noise. The noise is
# taken from the measurement before, and what a classical prior makes of that is the hint.
_SHARPER = replace(
    _FINER,
    input=ImageInput(channels=16, perturbation=0.02),
    likelihood=PoissonGaussian(),
    tv=0.5,
    expected=400,
)
_SHARPEST = replace(
    _SHARPER,
    network=replace(_FULL, channels=(32, 64, 64, 64, 64)),
    input=ImageInput(channels=32, perturbation=0.05),
    tv=0.2,
    expected=500,
)

# What a network sees. Nothing is measured that could be held out: these runs have a length.
_INVERT = Settings(
    network=Hourglass(channels=(16, 32, 64, 64, 64), bias=False),
    input=NoiseInput(channels=16, perturbation=0.01),
    optimiser=Muon(),
    likelihood=Gaussian(),
    stopping=Fixed(),
    averaging=0.9,
    correction="none",
    expected=400,
    iterations=400,
)
# Muon, a generator at half the resolution, and noise that comes past the halvings find fine patterns that
# excite a unit and are no image.
_EXCITE = replace(
    _INVERT,
    network=Hourglass(channels=(16, 32, 64, 64, 64), skip=0, bias=False),
    input=NoiseInput(channels=32, perturbation=0.03),
    optimiser=Adam(0.001),
    likelihood=Excitement(),
)
# The pixels themselves, with total variation, to compare with. How large activations are depends on the
# network, so that beside them it is weighed against their logarithm.
_PIXELS: dict[str, Any] = {
    "network": Picture(),
    "input": NoiseInput(channels=1, perturbation=0.0),
    "optimiser": Adam(0.01, memory=0.9),
    "precision": "float32",
}
# Widths, rate and iterations of IJCV 2020; the kernels and the halving are ours.
_LARGE = Hourglass(channels=(16, 32, 64, 128, 128, 128))


def _for(settings: Settings, iterations: int, **changes: Any) -> Settings:
    return replace(settings, iterations=iterations, expected=iterations, **changes)


# By what is to be done: "denoise"; "scattered", "scratches" and "holes", which are inpainting by the kind of
# damage; "super-resolve" and "deconvolve", each with "... volumes" beside it; "deblock"; "denoise guided".
PRESETS: dict[str, dict[str, Settings]] = {
    "denoise": {
        "fast": _QUICK,
        "best": _RECORRUPTED,
        "ulyanov2018": _ULYANOV,
    },
    "scattered": {
        "fast": _SCATTERED,
        "best": replace(_SCATTERED, stopping=HeldOut(guard=None, patience=0.4), iterations=4000),
        # IJCV 2020, sec. 4.3, 50% of the pixels missing.
        "ulyanov2018": _for(_ULYANOV, 11000, input=NoiseInput(32, perturbation=0.03), optimiser=Adam(0.001)),
    },
    "scratches": {
        "fast": _FILL,
        "best": replace(_FILL, stopping=HeldOut(guard=None, patience=0.4), iterations=4000),
        # Sec. 4.3, text.
        "ulyanov2018": _for(
            _ULYANOV,
            6001,
            network=Hourglass(skip=128, upsampling="nearest"),
            input=NoiseInput(32, perturbation=0.03),
        ),
    },
    "holes": {
        "fast": _HOLE,
        "best": replace(
            _BEST, network=replace(_FULL, channels=(16, 32, 64, 64, 64, 64), skip=0), tv=2.0, guess=30
        ),
        # Sec. 4.3, the large hole ("vase"): no skip connections, coordinates in.
        "ulyanov2018": _for(
            _ULYANOV,
            5001,
            network=Hourglass(skip=0, upsampling="nearest"),
            input=CoordinateInput(perturbation=0.03),
        ),
    },
    # In three dimensions full resolution is too slow, and most patterns are seen by some coarse pixel.
    "super-resolve volumes": {
        # Zeros beyond the border let a corner of the volume stray.
        "fast": replace(_HALF, network=SubPixel(padding="replicate"), expected=900),
        "best": replace(_FINER, stopping=HeldOut(guard=None, patience=0.4), iterations=4000),
        "ulyanov2018": _for(_ULYANOV, 2000, input=NoiseInput(32, perturbation=0.03)),
    },
    "super-resolve": {
        "fast": _FINER,
        "best": replace(_FINER, stopping=HeldOut(guard=None, patience=0.4), iterations=4000),
        # Sec. 4.2, a factor of 4.
        "ulyanov2018": _for(_ULYANOV, 2000, input=NoiseInput(32, perturbation=0.03)),
    },
    # What JPEG rounds away is shared by the pixels of a block: what is held out would tell of it.
    "deblock": {
        "fast": replace(_FINER, stopping=Rounding(), tv=8.0, finish=0, expected=400),
        # IJCV 2020, sec. 4.1.
        "ulyanov2018": _for(_ULYANOV, 2400),
    },
    "deconvolve": {
        "fast": _SHARPER,
        "best": _SHARPEST,
    },
    "invert-features": {
        "fast": _INVERT,
        "best": _for(_INVERT, 3100, network=_LARGE),
        "tv": replace(_INVERT, **_PIXELS, penalty=TotalVariation(0.3)),
    },
    "maximise-activation": {
        "fast": _EXCITE,
        "best": _for(_EXCITE, 3100, network=replace(_LARGE, skip=0)),
        "tv": replace(_EXCITE, **_PIXELS, tv=3.0),
    },
    "deconvolve volumes": {
        "fast": replace(_SHARPER, network=replace(_FULL, channels=(8, 16, 32, 32), padding="replicate")),
        "best": _SHARPER,
    },
}

# A guide tells what is noise where total variation would guess.
PRESETS["denoise guided"] = {
    "fast": replace(_FAST, tv=1.0, stopping=HeldOut(guard=None, patience=0.4)),
    "best": replace(_HINTED, tv=1.0),
    "ulyanov2018": _ULYANOV,
}

# Explicit priors by themselves, to compare with: the pixels take the network's place, and everything else is
# the same. Held-out pixels tell when the penalty, which begins strong, has become too weak.
_EXPLICIT = Settings(
    network=Picture(),
    input=NoiseInput(channels=1, perturbation=0.0),
    optimiser=Adam(0.01, memory=0.9),
    likelihood=Gaussian(),
    # At first the picture is flat, and nothing improves until the weight is a tenth, perhaps.
    stopping=HeldOut(guard=None, wait=200),
    averaging=0.9,
    correction="none",
    finish=100,
    expected=600,
    iterations=2000,
    precision="float32",
)
EXPLICIT: dict[str, Penalty] = {"tv": TotalVariation(), "tikhonov": Tikhonov()}
"""The presets that are no deep image prior, and the explicit priors that they are."""

for _task, _presets in PRESETS.items():
    if _task not in ("deblock", "invert-features", "maximise-activation"):
        _presets |= {name: replace(_EXPLICIT, penalty=penalty) for name, penalty in EXPLICIT.items()}


def preset(name: str, task: str = "denoise") -> Settings:
    """Return the settings called `name` for a task, a key of `PRESETS`.

    Raises
    ------
    ValueError
        If there are none; the message lists the names.
    """
    presets = PRESETS[task]
    if not isinstance(name, str) or name not in presets:
        raise ValueError(f"preset {shown(name)} does not exist. Choose one of: {', '.join(presets)}.")
    return presets[name]


def guided(task: str) -> str:
    """Return the key of `PRESETS` for a task that has a guide: one of its own, or the task's as ever."""
    return f"{task} guided" if f"{task} guided" in PRESETS else task
