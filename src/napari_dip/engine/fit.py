"""The state of a run: a generator that is being fitted, the average of its images, and what corrects it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from napari_dip.engine.capture import Recording
from napari_dip.engine.company import told_by_others
from napari_dip.engine.completion import Completion, choose
from napari_dip.engine.devices import autocast, layout, repeatable
from napari_dip.engine.filters import interpolate, smooth_fill
from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.hints import PARTS, by_patches, denoised, hint
from napari_dip.engine.inputs import ImageInput, Perturbed, on_grid
from napari_dip.engine.judging import Judge, Unseen
from napari_dip.engine.memory import refuse_too_large
from napari_dip.engine.neighbours import Neighbour
from napari_dip.engine.networks.layers import Head
from napari_dip.engine.operators import Blur, Identity, Linear
from napari_dip.engine.penalties import total_variation
from napari_dip.engine.problem import Problem
from napari_dip.engine.recorruption import Recorruption, input_of
from napari_dip.engine.settings import Settings
from napari_dip.engine.shrinkage import deviations

__all__ = ["TRUSTED", "WATCHED", "Fit", "stream"]

# Iterations in which a generator forgets pixels that it has fitted and that are masked now.
FORGETTING = 20

# As long as what a neighbour found out on held-out pixels can be trusted, nothing needs to be held out: a run
# takes so many steps on all pixels, more where it has to learn what several channels now have to do with one
# another. It is found out anew in one of so many runs.
STEPS, STEPS_OF_SEVERAL, TRUSTED = 20, 60, 5

# The weight of the total variation where noise can be fitted and nobody says another.
USUAL_TV = 8.0

# The better the estimate, the better it is seen what it has in common with a guide.
GUIDED = (*PARTS, 1.0, 1.0)

# By chance noise is that many times as strong as usual in one of a million pixels.
FAR = 5.0

# torch's random numbers are the whole process's, and a run on another device may begin at the same time.
SEEDED = threading.Lock()

# Streams of random numbers, which must not repeat one another.
INPUT, PERTURBED, WATCHED, RECORRUPTED = range(4)


class Fit:
    """The state of a run: generator, input, optimiser and the averaged iterates.

    Attributes
    ----------
    problem
        The problem, with its tensors on the device.
    seen
        Weights of the measurement's pixels in the fit.
    average
        Average of the iterates on the image grid, shape (1, channels, [Z,] Y, X).
    parts
        How much of each correction is made, in all channels or in each.
    fallen
        Iterations for which the weight of a prior that is to be found has fallen.
    pilot
        The best state of a generator of recorrupted images, by the rule's figures for what it says itself:
        similar patches are told from that in the end.
    unseen
        What the best estimate by the stopping rule's figures said of pixels that it did not see.
    completion
        What is to be made of the last estimate where pixels are missing.
    """

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self.settings = settings
        self.device = device = torch.device(settings.device)
        if settings.correction == "patches" and not isinstance(problem.operator, Identity | Blur):
            raise ValueError(
                "correction='patches' is for denoising and deconvolution. Choose 'interpolation' or 'none'."
            )
        if settings.correction == "interpolation" and not isinstance(problem.operator, Linear):
            raise ValueError("correction='interpolation' is for linear forward operators. Choose 'none'.")
        shape = problem.image_shape
        canvas = settings.network.canvas(shape)
        refuse_too_large(problem, settings)
        self.canvas, self.factors = canvas, settings.network.factors(canvas)
        self.chosen = input_of(problem, settings)
        width = self.chosen.width(problem, self.factors)
        with SEEDED, torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            network = settings.network.build(width, problem.channels, canvas)
        self.network = network.to(device, memory_format=layout(device, len(shape)))  # type: ignore[call-overload]
        self.optimiser = settings.optimiser.bind(self.network.parameters())
        self.problem = problem.to(device)
        self.measurement = self.problem.filled
        self.crop = (
            ...,
            *(slice((c - s) // 2, (c - s) // 2 + s) for c, s in zip(canvas, shape, strict=True)),
        )
        self.average = self.last = torch.zeros(1, problem.channels, *shape, device=device)
        self.parts: list[tuple[float, ...]] = []
        self.learned: tuple[tuple[float, ...], ...] = ()  # on held-out pixels, so many runs ago
        self.age = 0
        self.hints: dict[Tensor, Tensor] = {}  # of what is seen with these weights
        self.patches: Tensor | None = None
        self.guessing = 0  # iterations that are left for it
        self.recorruption: Recorruption | None = None
        self.recording = Recording(device)
        self.input: Perturbed | None = None
        self.kept: dict[str, Any] | None = None
        self.pilot: dict[str, Any] | None = None
        self.least = math.inf  # the figure of that
        self._copied: list[Any] | None = None  # weights and the optimiser's memory, as they are now
        self.fallen, self.falling = 0, True
        self.begun = False  # whether its weights are more than random
        self.unseen: Unseen | None = None
        self.completion = Completion()
        if settings.guess and problem.known is not None:
            self.guess(1 - self.problem.weights, settings.guess)

    def show(self, seen: Tensor) -> None:
        """Let the fit see the pixels with these weights from here on."""
        self.seen = seen
        if self._freed:
            self.measurement = denoised(self.problem, seen)
        problem, chosen, self.recorruption = self.problem, self.chosen, None
        hinted = self.settings.correction not in (None, "none")
        # What is held out tells nothing of a generator that it was shown to.
        hidden = hinted or isinstance(self.settings.stopping, HeldOut)
        if hidden and isinstance(chosen, ImageInput) and problem.guide is None:
            clear = hinted and bool(self._corrections or self._freed or chosen.recorruption)
            shown = self._hint(seen) if clear else torch.zeros_like(self.average)
            if hinted and chosen.recorruption:
                assert problem.noise is not None
                again = stream(self.settings.seed, RECORRUPTED)
                self.recorruption = Recorruption(problem.noise, shown, chosen.recorruption, again)
                shown = torch.where(seen > 0, problem.filled, shown)
            problem = replace(problem, measurement=shown[0], known=None)
        # The same numbers as the last time, where there are any in the input.
        z = chosen.draw(problem, self.canvas, self.factors, stream(self.settings.seed, INPUT))
        if self.input is None:
            moving = stream(self.settings.seed, PERTURBED)
            self.input = Perturbed(z, chosen.perturbation, moving, self.device)
        else:
            self.input.show(z)

    def take(self, problem: Problem) -> None:
        """Go on with another problem with the same image behind it: what was the best no longer counts."""
        self.recording.renew()
        before = self.problem.weights
        self.problem = problem.to(self.device)
        self.measurement = self.problem.filled
        self.kept, self.parts, self.hints, self.patches, self.age = None, [], {}, None, 0
        self.pilot, self.least = None, math.inf
        self.unseen, self.completion = None, Completion()
        self.fallen, self.falling = 0, True
        # What it has fitted, a generator unlearns only slowly where it sees no pixels now.
        hidden, still = before * (1 - self.problem.weights), self.guessing
        self.guessing = 0
        where = torch.maximum(hidden, self.guessed * (1 - self.problem.weights)) if still else hidden
        if where.any():
            self.guess(where, max(FORGETTING, self.settings.guess) if hidden.any() else still)
            if self.average.shape == hidden.shape:  # the edit is seen at once
                self.average = torch.where(hidden > 0, self.measurement, self.average)

    def guess(self, where: Tensor, iterations: int) -> None:
        """Fit missing pixels for some iterations to what the pixels around them suggest."""
        filled = smooth_fill(self.measurement, self.problem.weights)
        self.measurement = torch.where(where > 0, filled, self.measurement)
        self.guessed, self.guessing = where, iterations

    def step(self, iteration: int) -> Tensor:
        """Take one step on the pixels that are seen; return the mean data term."""
        assert self.input is not None
        self._copied = None
        if self.recorruption is None:
            z, measurement = self.input(), self.measurement
        else:
            more, less = self.recorruption()
            z, measurement = self.input(on_grid(more, self.canvas, self.factors)), self.measurement - less
        fresh = 1 - min(self.settings.averaging, (iteration - 1) / (iteration + 8))
        average = self.average if iteration > 1 else None
        seen = self.seen + self.guessed if self.guessing else self.seen
        if not self.begun:
            self._begin(z, measurement, seen)
        given = (measurement, seen, fresh)
        with repeatable():
            if average is not None and self._alike:
                results = self.recording(self.descend, z, average, *given)
            else:
                results = self.descend(z, average, *given)
        self.last, self.average, data_term = results
        self.guessing = max(0, self.guessing - 1)
        self.fallen += self.falling
        return data_term

    @property
    def _tv(self) -> float:
        """The weight of the total variation."""
        if self.settings.tv is not None:
            return self.settings.tv
        return USUAL_TV if self.recorruption is None else 0.0

    @torch.no_grad()
    def _begin(self, z: Tensor, measurement: Tensor, seen: Tensor) -> None:
        """Let the last layer make the best of the features as they are, where it can be told at once."""
        self.begun, body, head = True, *_last(self.network)
        if head is not None and isinstance(self.problem.operator, Identity):
            with repeatable():
                with autocast(self.device, self.settings.precision):
                    features = body(z)
                head.fit(features[self.crop], measurement, seen)

    @property
    def _alike(self) -> bool:
        """Whether the steps that follow are like the next, but for what they are given."""
        changing = self.falling and self.settings.penalty.sought
        return self.problem.operator.repeats and not self.guessing and not changing

    def descend(
        self,
        z: Tensor,
        average: Tensor | None,
        measurement: Tensor,
        seen: Tensor,
        fresh: Tensor | float,
    ) -> tuple[Tensor, ...]:
        """Take one step with the input `z` on the pixels `seen`.

        Returns
        -------
        tuple of Tensor
            The image, the `average` with a part `fresh` of it (without one, the image as it is), and the
            mean data term.
        """
        problem, settings = self.problem, self.settings
        with autocast(self.device, settings.precision):
            x = self.network(z)
        x = x[self.crop].float()
        level = None
        if average is not None and settings.likelihood.weighs:
            level = problem.operator(average)
        predicted = problem.operator(x)
        # What looks beyond a pixel must find no error where the fit may not see one.
        measured = torch.where(seen > 0, measurement, predicted)
        errors = settings.likelihood(predicted, measured, level, problem.noise)
        data_term = (errors * seen).sum() / seen.sum()
        loss = data_term
        if weight := self._tv:
            # The noise's variance is not known; the data term is its estimate. This is the gradient of the
            # profile likelihood, log(data term), beside the prior.
            loss = data_term + weight * data_term.detach().abs() * total_variation(x)
        if weight := settings.penalty.weight_at(self.fallen):
            loss = loss + 2 * weight * settings.penalty(x)
        self.optimiser.zero_grad()  # before: a step that could not be recorded may have left gradients
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

        image = x.detach()
        before = torch.zeros_like(image) if average is None else average
        finite = torch.where(image.isfinite(), image, before)
        return image, torch.lerp(before, finite, fresh), data_term.detach()

    def judged(self, judge: Judge, iteration: int) -> float | None:
        """Return the figure that `judge` gives the estimate, made of nothing but what the fit may see.

        It also says how much of each correction is to be made.
        """
        operator, estimate = self.problem.operator, self.average
        self.parts, noisy = [], self.settings.correction == "patches"
        if self.recorruption is not None:
            alone = judge.figure(iteration, operator(self.last), operator(estimate))
            if alone is not None and alone < self.least:
                self.least, self.pilot = alone, self.state()
        for correction in self._corrections:
            change = correction(estimate, self.seen)
            part = judge.confirmed(operator(estimate), operator(change), noisy)
            estimate = estimate + _times(part, change)
            self.parts.append(part)
        return judge.figure(iteration, operator(self.last), operator(estimate))

    def settle(self, warm: bool) -> None:
        """Let the average become the estimate that the run ends with."""
        if self._settles and not self.age:
            self.learned = tuple(self.parts)
            self.patches = None  # with all pixels, those that the rule watched as well
        if self._settles or self.completion.times:
            self.average, self.parts = self.settled(warm), []

    def learn(self) -> None:
        """Find out on pixels that are held out, before they are shown, what similar patches can add.

        Such pixels speak for missing ones that lie as they do: one by one.
        """
        problem, unseen, rule = self.problem, self.unseen, self.settings.stopping
        alone = isinstance(rule, HeldOut) and rule.target == "missing" and rule.guard == 0
        interpolates = isinstance(problem.operator, Identity) and self.settings.correction == "interpolation"
        if alone and interpolates and problem.known is not None and unseen is not None:
            estimate = self._corrected(self.average, self.parts, self.seen)
            self.completion = choose(problem.filled, self.seen, estimate, unseen.where)

    @property
    def _settles(self) -> bool:
        """Whether the explicit prior has the last word."""
        settings = self.settings
        asked = settings.correction == "patches" and not settings.likelihood.robust
        return asked and self.problem.noise is not None and not self._freed

    def settled(self, warm: bool) -> Tensor:
        """Return the estimate that the run would end with if it ended here."""
        if self._settles and self.recorruption is not None:  # its own says more than the second opinion
            told = by_patches(self.problem, self.problem.weights, self._explained)
            part = self._together
            if not part.any():  # a plane by itself: no estimate is worked out that does not count
                return told
            # In the few steps after a warm start the generator alone does not come as far.
            return told + part * ((self.estimate if warm else self.average) - told)
        estimate = self.completion(self.problem.filled, self.problem.weights, self.estimate)
        if not self._settles:
            return estimate
        if warm and self._corrections:  # after a warm start it is hardly better, and takes as long
            return estimate
        # Which patches are similar is seen best in the best estimate.
        looks = PARTS if self.problem.guide is None else GUIDED
        return by_patches(self.problem, self.problem.weights, estimate, looks)

    @property
    def _together(self) -> Tensor:
        """How much more the generator knows of each plane than patches of that plane alone can."""
        noise, average = self.problem.noise, self.average
        assert noise is not None
        return told_by_others(average, deviations(noise, average).square().mean((-2, -1), keepdim=True))

    @property
    def _explained(self) -> Tensor:
        """The average, but the measurement where far more is left of that than could be noise."""
        noise, measured, average = self.problem.noise, self.problem.filled, self.average
        assert noise is not None
        far = (measured - average).abs() > FAR * deviations(noise, average)
        return torch.where(far & (self.problem.weights > 0), measured, average)

    @property
    def _freed(self) -> bool:
        """Whether the measurement is freed of its noise before it is fitted.

        A generator that is to undo a blur would fit noise as soon as detail, and hardly be found out by what
        it says of a blurred, held-out pixel.
        """
        problem = self.problem
        blurred = isinstance(problem.operator, Blur) and problem.noise is not None
        return blurred and self.settings.correction == "patches"

    @property
    def _corrections(self) -> list[Callable[[Tensor, Tensor], Tensor]]:
        """What can be added to an estimate, given the weights of the pixels that may be looked at."""
        match self.settings.correction:
            case "interpolation":
                return [self._unexplained, self._otherwise]
            # Correlated noise would pass for structure, and so would outliers.
            case "patches" if self._white and not self._freed:
                return [self._otherwise]
        return []

    @property
    def _white(self) -> bool:
        """Whether the noise is known to be each pixel's own, and without outliers."""
        noise = self.problem.noise
        return noise is not None and not noise.correlated and not self.settings.likelihood.robust

    def _unexplained(self, estimate: Tensor, seen: Tensor) -> Tensor:
        """What an estimate leaves unexplained of the measurement, interpolated."""
        operator = self.problem.operator
        assert isinstance(operator, Linear)
        return interpolate(operator, self.problem.filled - operator(estimate), seen)

    def _otherwise(self, estimate: Tensor, seen: Tensor) -> Tensor:
        """Where the explicit prior, all by itself, would rather see the estimate, and how far away."""
        if self.settings.correction == "interpolation":
            return self._hint(seen) - estimate
        if self.patches is None:
            self.patches = by_patches(self.problem, seen, self._hint(seen))
        return self.patches - estimate

    def _hint(self, seen: Tensor) -> Tensor:
        """Return what the explicit prior makes of the seen pixels in no time, without a generator."""
        if seen not in self.hints:
            self.hints[seen] = hint(self.problem, seen, self.settings.correction)
        return self.hints[seen]

    def _corrected(
        self, average: Tensor, parts: list[tuple[float, ...]], seen: Tensor | None = None
    ) -> Tensor:
        seen = self.problem.weights if seen is None else seen
        for part, correction in zip(parts, self._corrections, strict=False):
            if any(part):
                average = average + _times(part, correction(average, seen))
        return average

    @property
    def estimate(self) -> Tensor:
        """The newest estimate."""
        return self._corrected(self.average, self.parts)

    @property
    def best(self) -> Tensor:
        """The best estimate so far, by the stopping rule's figures; the newest before there is a figure."""
        if self.kept is None:
            return self.estimate
        return self._corrected(self.kept["average"], self.kept["parts"])

    def residuals(self) -> Tensor:
        """Return the mean square over each channel's known pixels of the best average's residual."""
        known = self.problem.weights[0]
        errors = (self.problem.operator(self.best) - self.problem.filled)[0].square() * known
        # Features need have no places, and torch's sum over no axes is one over all.
        sums, pixels = (one.reshape(len(known), -1).sum(1) for one in (errors, known))
        return sums / pixels.clamp_min(1)

    def resembles(self, neighbour: Neighbour) -> bool:
        """Whether a neighbour's weights are of such a generator, and its image is much the same.

        Where the noise is of another kind it was given another kind of input.
        """
        own, given = self.network.state_dict(), neighbour.weights
        alike = own.keys() == given.keys() and all(own[key].shape == given[key].shape for key in own)
        return alike and neighbour.resembles(self.problem)

    def start_from(self, neighbour: Neighbour) -> None:
        """Go on from the weights of another run."""
        self.network.load_state_dict(neighbour.weights)
        self.falling = False
        self.begun, self._copied = True, None

    @property
    def steps(self) -> int:
        """How many steps it takes on all pixels after a warm start."""
        return STEPS if self.problem.channels == 1 else STEPS_OF_SEVERAL

    def trust(self, neighbour: Neighbour) -> bool:
        """Make each correction as a neighbour did, and see all pixels, if it is known well enough how."""
        watched = isinstance(self.settings.stopping, HeldOut) and self.settings.correction == "patches"
        if not watched or not neighbour.parts or neighbour.age >= TRUSTED:
            return False
        if self.problem.known is not None or len(neighbour.parts) != len(self._corrections):
            return False
        if any(len(part) not in (1, self.problem.channels) for part in neighbour.parts):
            return False
        self.learned, self.parts, self.age = neighbour.parts, list(neighbour.parts), neighbour.age + 1
        self.show(self.problem.weights)
        return True

    def neighbour(self) -> Neighbour:
        """Return what another run may start from: the weights as they are, and the best estimate."""
        weights, prediction = _copy(self.network.state_dict()), self.problem.operator(self.best)
        return Neighbour(weights, prediction, self.learned, self.age)

    def keep(self, unseen: Unseen | None) -> None:
        """Remember the state as the best so far, and by which pixels it is that."""
        self.unseen, self.kept = unseen, self.state()

    def go_back(self) -> None:
        """Return to the best state and forget it: from here on the newest average is the best."""
        self.falling = False
        best = self.kept if self.pilot is None else self.pilot
        if best is not None:
            self.restore(best)
            self.kept, self.pilot, self.least = None, None, math.inf

    def state(self) -> dict[str, Any]:
        """Return a copy of all that a step changes."""
        if self._copied is None:  # once after each step, whoever asks
            self._copied = _copy([self.network.state_dict(), self.optimiser.state_dict()])
        # The others are made anew where they change.
        return {
            "weights": self._copied,
            "average": self.average,
            "parts": self.parts,
            "fallen": self.fallen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        network, optimiser = state["weights"]
        self.network.load_state_dict(network)
        self.optimiser.load_state_dict(optimiser)
        self.average, self.parts, self.fallen = state["average"], state["parts"], state["fallen"]
        self._copied = state["weights"]


def _last(network: nn.Module) -> tuple[nn.Module, Head | None]:
    """Return a generator without its last layer, and that layer if it can be fitted by itself."""
    if isinstance(network, nn.Sequential) and isinstance(network[-1], Head) and network[-1].fits:
        return network[:-1], network[-1]
    return network, None


def _copy(tree: Any) -> Any:
    """Return what consists of dictionaries, lists and tensors with all of its tensors copied."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: _copy(one) for key, one in tree.items()}
    return [_copy(one) for one in tree] if isinstance(tree, list) else tree


def _times(part: tuple[float, ...], change: Tensor) -> Tensor:
    """Return a part of a change, the same of all channels or one of each."""
    return change.new_tensor(part).view(1, -1, *(1,) * (change.ndim - 2)) * change


def stream(seed: int, number: int) -> torch.Generator:
    """Return the generator of one stream of a seed's random numbers."""
    # Seeds of 3 * 2**61 and more are not used otherwise, and the generator takes negative ones.
    return torch.Generator().manual_seed(-1 - seed if number == RECORRUPTED else 3 * seed + number)
