"""Named, complete settings."""

from __future__ import annotations

from napari_dip.engine.inputs import NoiseInput
from napari_dip.engine.likelihoods import Gaussian
from napari_dip.engine.networks import Hourglass, SubPixel
from napari_dip.engine.optimisers import Adam, Muon
from napari_dip.engine.settings import Settings
from napari_dip.engine.stopping import Fixed, HeldOut

__all__ = ["PRESETS", "preset"]

PRESETS: dict[str, Settings] = {
    # Half resolution: most of the arithmetic on a quarter of the pixels.
    "fast": Settings(
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
    ),
    # Full resolution with few channels at it.
    "best": Settings(
        network=Hourglass(channels=(16, 32, 64, 64, 64), padding="zeros", bias=False, output="semilinear"),
        input=NoiseInput(channels=16, perturbation=0.02),
        optimiser=Muon(),
        likelihood=Gaussian(),
        stopping=HeldOut(guard=None, patience=0.3),
        averaging=0.98,
        tv=8.0,
        finish=40,
        expected=1500,
        iterations=4000,
    ),
    # The paper's denoising, to the letter: 1800 iterations, stopped by number.
    "ulyanov2018": Settings(
        network=Hourglass(),
        input=NoiseInput(channels=32, perturbation=1 / 30),
        optimiser=Adam(),
        likelihood=Gaussian(),
        stopping=Fixed(),
        averaging=0.99,
        expected=1800,
        iterations=1800,
        precision="float32",
    ),
}


def preset(name: str) -> Settings:
    """Return the settings called `name`.

    Raises
    ------
    ValueError
        If there are none; the message lists the names.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"preset {name!r} does not exist. Choose one of: {', '.join(PRESETS)}.")
    return PRESETS[name]
