"""The methods that `rivals.py` compares: napari-dip's presets, and those that users have instead.

A method is given a picture and a watch, and returns an image. The oracle alone sees the truth. Those that are
given the noise know its true parameters; the others know nothing but the noisy image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

import numpy as np
import torch
import zero_shot
from pictures import Picture
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, estimate_sigma
from stabilise import Anscombe
from watch import Watch

from napari_dip.api import plan_denoise

# Of 0.4, 0.6, 0.7, 0.8, 1, 1.2, 1.5 and 2 times the noise those with the highest mean PSNR over 15 made
# pictures and the middles of 6 captures, judged by the truth.
NLM_TRUE, NLM_BLIND, TV_WEIGHT = 0.7, 1.2, 1.2
PATCHES = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}


@dataclass(frozen=True)
class Run:
    """How a run is to be made.

    Parameters
    ----------
    device
        Where torch computes. Methods without torch use the processor.
    seed
        Of the random numbers.
    iterations
        Limit on the iterations; None for the method's own.
    """

    device: str = "cpu"
    seed: int = 0
    iterations: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the image, after how many iterations, and after how long if not at its end."""

    image: np.ndarray
    iterations: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Method:
    """One method, and what the tables say of it.

    Parameters
    ----------
    run
        Does the work.
    given
        What it knows besides the noisy image.
    kind
        ``"ours"``, ``"classic"`` or ``"network"``.
    package
        The package that it needs besides napari-dip's own.
    """

    run: Callable[[Picture, Watch, Run], Outcome]
    given: str
    kind: str
    package: str | None = None

    def missing(self) -> str | None:
        """Return why it can't run here, in one sentence; None if it can."""
        if self.package is None:
            return None
        try:
            import_module(self.package)
        except (ImportError, RuntimeError) as error:
            return f"it needs the package {self.package}, which can't be loaded ({error})."
        return None


def preset(name: str, picture: Picture, watch: Watch, run: Run) -> Outcome:
    """Run one of napari-dip's presets, as `napari_dip.denoise` does."""
    job = plan_denoise(
        picture.noisy, preset=name, iterations=run.iterations, seed=run.seed, device=run.device
    )
    for step in job:
        watch.look(step.iterate.iteration, lambda: job.preview()[1])
    result = job.result()
    return Outcome(result.image, result.iterations)


def deepinv_at_its_best(picture: Picture, watch: Watch, run: Run) -> Outcome:
    """Run deepinv's deep image prior and take the iterate that is nearest to the truth."""
    from deepinv.models import ConvDecoder, DeepImagePrior
    from deepinv.physics import Denoising

    torch.manual_seed(run.seed)
    channels, coarse = 256, (4, 4)  # ConvDecoder's own
    decoder = ConvDecoder((1, *picture.noisy.shape), in_size=coarse, channels=channels)
    limit = {} if run.iterations is None else {"iterations": run.iterations}
    prior = DeepImagePrior(decoder, (channels, *coarse), **limit).to(run.device)
    best = Outcome(picture.noisy), -np.inf
    iteration = 0

    def see(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal best, iteration
        newest: list[np.ndarray] = []

        def image() -> np.ndarray:
            newest.append(output.detach()[0, 0].double().cpu().numpy())
            return newest[0]

        # What the first call shows is no iterate yet.
        if iteration and watch.look(iteration, image, every=1) is not None:
            seconds, _, quality = watch.trace[-1]
            if quality > best[1]:
                best = Outcome(newest[0], iteration, seconds), quality
        iteration += 1

    decoder.register_forward_hook(see)
    measurement = torch.as_tensor(picture.noisy, dtype=torch.float32, device=run.device)[None, None]
    prior(measurement, Denoising())
    return best[0]


def zero_shot_noise2noise(picture: Picture, watch: Watch, run: Run) -> Outcome:
    """Fit the small network of Zero-Shot Noise2Noise."""
    steps = run.iterations or zero_shot.STEPS
    for step, image in zero_shot.fit(picture.noisy, device=run.device, seed=run.seed, steps=steps):
        watch.look(step, image)
    return Outcome(image(), steps)


def bm3d_given_noise(picture: Picture, watch: Watch, run: Run) -> Outcome:
    """Run BM3D on the stabilised picture, with as many threads as torch has."""
    from bm3d import BM3DProfile, bm3d

    profile = BM3DProfile()
    profile.num_threads = torch.get_num_threads()

    def denoise(image: np.ndarray, sigma: float) -> np.ndarray:
        # It expects 0 to 1.
        low, span = image.min(), np.ptp(image)
        return bm3d((image - low) / span, sigma / span, profile=profile) * span + low

    return Outcome(_stabilised(picture, denoise))


def nlm_given_noise(picture: Picture, watch: Watch, run: Run) -> Outcome:
    """Run non-local means on the stabilised picture."""
    return Outcome(_stabilised(picture, partial(_nlm, strength=NLM_TRUE)))


def nlm_blind(picture: Picture, watch: Watch, run: Run) -> Outcome:
    """Run non-local means with scikit-image's estimate of the noise."""
    return Outcome(_nlm(picture.noisy, estimate_sigma(picture.noisy), strength=NLM_BLIND))


def tv_blind(picture: Picture, watch: Watch, run: Run) -> Outcome:
    """Run total variation with scikit-image's estimate of the noise."""
    weight = TV_WEIGHT * estimate_sigma(picture.noisy)
    return Outcome(denoise_tv_chambolle(picture.noisy, weight=weight))


def _nlm(image: np.ndarray, sigma: float, *, strength: float) -> np.ndarray:
    return denoise_nl_means(image, h=strength * sigma, sigma=sigma, **PATCHES)


def _stabilised(picture: Picture, denoise: Callable[[np.ndarray, float], np.ndarray]) -> np.ndarray:
    """Denoise a picture where its noise is Gaussian, given the true parameters of its noise."""
    noise = picture.noise
    assert noise is not None
    if noise.gain == 0:
        return denoise(picture.noisy, noise.read_noise)
    transform = Anscombe(noise)
    return transform.inverse(denoise(transform(picture.noisy), 1.0))


METHODS = {
    "fast": Method(partial(preset, "fast"), "nothing", "ours"),
    "best": Method(partial(preset, "best"), "nothing", "ours"),
    "ulyanov2018": Method(partial(preset, "ulyanov2018"), "nothing", "network"),
    "deepinv-oracle": Method(deepinv_at_its_best, "the truth, to stop", "network", "deepinv"),
    "ZS-N2N": Method(zero_shot_noise2noise, "nothing", "network"),
    "BM3D": Method(bm3d_given_noise, "noise", "classic", "bm3d"),
    "NLM": Method(nlm_given_noise, "noise", "classic"),
    "NLM-blind": Method(nlm_blind, "nothing", "classic"),
    "TV-blind": Method(tv_blind, "nothing", "classic"),
}
