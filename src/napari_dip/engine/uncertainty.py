"""How far a result may be from the truth, pixel by pixel, told by the measurement alone.

Runs with other random numbers differ where the measurement leaves a choice. But they have the same noise
before them, and err together; so one run restores the result itself, with noise made anew, and shows what
that does. A result is smoother than the truth, and is restored better than the truth was. How large the
errors really are is therefore told by pixels that a run did not see, too: each run holds out others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_dip.engine.filters import gaussian_blur
from napari_dip.engine.judging import Unseen
from napari_dip.engine.noises import shared
from napari_dip.engine.problem import Problem

__all__ = ["Guess", "deviation", "made_anew"]

# What a few runs differ by is itself by chance in a single pixel: it is averaged over so many around.
BLUR = 2.0
# ... and runs may agree by chance: this part of its mean is added everywhere.
FLOOR = 0.25
# Pixels of similar spread are judged together, in at most so many groups, of so many held-out ones at least.
GROUPS, ENOUGH = 4, 500
# A result's squared error is so many times that of one made anew: 1.2 to 2.4 where the truth is known.
SMOOTHER = 1.5
# Held-out pixels tell it without that, but by a small difference of large numbers: they are believed so far.
BELIEVED = 2.5
# Of detail that the neighbours cannot tell, a measured noise knows nothing: at most this part of the error on
# held-out pixels is it, where they stand for missing ones.
MOST_NOISE = 0.6


@dataclass(frozen=True)
class Guess:
    """What a run came to.

    Parameters
    ----------
    image
        Its result, shape (channels, [Z,] Y, X), on the CPU.
    unseen
        What it had said of the pixels that were held out; None where none were.
    finished
        Whether it was shown them afterwards.
    """

    image: Tensor
    unseen: Unseen | None
    finished: bool = True


def made_anew(problem: Problem, image: Tensor, seed: int) -> Problem:
    """Return the problem whose solution is `image`, with the same noise, but made anew.

    Parameters
    ----------
    problem
        With the identity as its forward operator, on the CPU.
    image
        A result, perhaps without the last of its channels.
    """
    assert problem.noise is not None
    of_image = problem.noise.first(len(image))
    level = of_image.variance(image[None])[0].sqrt()
    numbers = torch.from_numpy(np.random.default_rng(seed).standard_normal(image[None].shape)).float()
    measurement = problem.measurement.clone()
    measurement[: len(image)] = image + level * shared(numbers, of_image)[0]
    return replace(problem, measurement=measurement)


def deviation(problem: Problem, guesses: Sequence[Guess], anew: Tensor | None) -> Tensor | None:
    """Return the standard deviation of the first guess's error, or None where nothing tells it.

    Parameters
    ----------
    problem
        With the identity as its forward operator, on the CPU.
    guesses
        Of runs of it with different random numbers.
    anew
        What a run came to that had the first guess with noise made anew before it; None where there is none.

    Returns
    -------
    Tensor
        Of the image's shape.
    """
    told = [Told.of(problem, guess, guesses) for guess in guesses if guess.unseen is not None]
    if problem.noise is None or (anew is None and (not told or len(guesses) < 2)):
        return None
    known, image = problem.weights[0] > 0, guesses[0].image
    spread = torch.zeros_like(image)
    if len(guesses) > 1:
        spread = torch.stack([guess.image for guess in guesses]).var(0)
    if anew is not None:
        spread = spread + (anew - image).square()
    found = torch.zeros_like(spread)
    for part, judge in ((known, _measured), (~known, _missing)):
        if part.any():
            # What is filled in differs more than what is measured: neither is to be taken for the other.
            weights = part.to(spread.dtype)[None]
            near = gaussian_blur(weights, BLUR).clamp_min(1e-6)
            local = (gaussian_blur(weights * spread, BLUR) / near)[0]
            mean = float(local[part].mean())
            error = max(judge(problem, image, local, told), mean) if told else SMOOTHER * mean
            if told and anew is not None and judge is _measured:
                error = SMOOTHER * mean
                ratio = judge(problem, image, local, told) / max(error, 1e-30)
                # Both know it to within a part of it: the mean of their logarithms.
                error *= math.sqrt(min(max(ratio, 1 / BELIEVED), BELIEVED))
            pattern = local + FLOOR * mean
            found = torch.where(part, error * pattern / pattern[part].mean().clamp_min(1e-30), found)
    return found.sqrt()


@dataclass(frozen=True)
class Told:
    """What is told by pixels that a run did not see at first, and that are seen in the end.

    Parameters
    ----------
    where
        Which pixels.
    unseen, seen
        The squared differences from what was measured there, before and after, shape (channels, pixels).
    """

    where: Tensor
    unseen: Tensor
    seen: Tensor

    @classmethod
    def of(cls, problem: Problem, guess: Guess, guesses: Sequence[Guess]) -> Told:
        """Return it of one of some guesses; where a run has ended early, others have seen the pixels."""
        assert guess.unseen is not None
        where = guess.unseen.where.cpu()
        others = [other for other in guesses if other is not guess]
        ends = [guess] if guess.finished or not others else others
        left = torch.stack([(end.image - problem.filled[0]).flatten(1)[:, where] for end in ends])
        return cls(where, guess.unseen.errors.cpu().square(), left.square().mean(0))


def _measured(problem: Problem, image: Tensor, spread: Tensor, told: Sequence[Told]) -> float:
    """Return the mean squared error of pixels that are measured.

    It is ``D + v (1 - 2 sqrt(D / H))`` (see `napari_dip.engine.held_out.HeldOut`) of pixels of similar spread
    together: where there is detail, a result follows the measurement more than elsewhere.
    """
    assert problem.noise is not None
    unseen, seen, like = (
        torch.cat(parts, 1).numpy()
        for parts in (
            [one.unseen for one in told],
            [one.seen for one in told],
            [spread.flatten(1)[:, one.where] for one in told],
        )
    )
    known = problem.weights[0] > 0
    noise = problem.noise.variance(image[None])[0][known].double().numpy()
    if problem.noise.correlated:
        # What a pixel takes from its own measurement is told by its neighbours' as well, and they are hidden.
        # Watched is the second of two captures, where there are two.
        return float(unseen.mean() - noise.mean())
    left = (image - problem.filled[0])[known].square().double().numpy()
    spreads = spread[known].numpy()
    groups = min(GROUPS, max(1, unseen.size // ENOUGH))
    edges = np.quantile(spreads, np.arange(1, groups) / groups)
    of, of_unseen = np.digitize(spreads, edges), np.digitize(like, edges)
    total = 0.0
    for group in range(groups):
        here, there = of == group, of_unseen == group
        # The part of its own measurement that a pixel takes.
        part = 1 - math.sqrt(min(1.0, float(seen[there].sum() / max(unseen[there].sum(), 1e-30))))
        total += float((left[here] + noise[here] * (2 * part - 1)).sum())
    return total / spreads.size


def _missing(problem: Problem, image: Tensor, spread: Tensor, told: Sequence[Told]) -> float:
    """Return the mean squared error of pixels that are missing: as little is known of those held out."""
    assert problem.noise is not None
    unseen = float(torch.cat([one.unseen for one in told], 1).mean())
    noise = float(problem.noise.variance(image[None])[problem.weights > 0].mean())
    return unseen - min(noise, MOST_NOISE * unseen)
