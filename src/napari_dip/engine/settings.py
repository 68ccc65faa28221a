"""The complete, printable setting of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

from napari_dip.engine.components import Range, check, choose, either, plain_values, refuse_unknown, shown
from napari_dip.engine.devices import PRECISIONS
from napari_dip.engine.features import Excitement
from napari_dip.engine.inputs import INPUTS, Input
from napari_dip.engine.judging import StoppingRule
from napari_dip.engine.likelihoods import LIKELIHOODS, Likelihood
from napari_dip.engine.networks import NETWORKS, Network
from napari_dip.engine.optimisers import OPTIMISERS, Optimiser
from napari_dip.engine.penalties import PENALTIES, NoPenalty, Penalty
from napari_dip.engine.rounding import Rounding
from napari_dip.engine.stopping import RULES

__all__ = ["CORRECTIONS", "MACHINE", "Settings"]

CORRECTIONS = ("none", "interpolation", "patches")
MACHINE = ("device", "precision")
"""Settings that are a machine's, not a preset's."""

LARGEST_SEED = 2**61  # each makes several seeds of torch's, which end at 2**63

_KINDS: dict[str, Mapping[str, Any]] = {
    "network": NETWORKS,
    "input": INPUTS,
    "optimiser": OPTIMISERS,
    "likelihood": LIKELIHOODS | {Excitement.name: Excitement},
    "penalty": PENALTIES,
    "stopping": RULES | {Rounding.name: Rounding},
}


@dataclass(frozen=True)
class Settings:
    """Everything that decides how a problem is solved.

    Parameters
    ----------
    network, input, optimiser, likelihood, stopping
        The parts.
    averaging
        Largest decay of the exponential average of the iterates, below 1; 0 for none. The decay in iteration
        n is ``min(averaging, (n - 1) / (n + 8))``, so that the first, bad iterates are soon forgotten.
    tv
        Weight of the total variation beside the logarithm of the mean data term; 0 for none. None as the
        input needs it: nothing beside noise that is another in each iteration, which can't be fitted, and
        else 8.
    penalty
        An explicit prior as a term beside half the mean data term (`napari_dip.engine.penalties`).
    correction
        The explicit prior that corrects the generator's estimate, by the part that held-out pixels confirm.
        ``"interpolation"`` (a smooth image): what the generator leaves unexplained of the known pixels is
        interpolated and added, and the estimate moves towards the interpolated measurement. Where single
        pixels are missing, what similar patches show there has the last word, if held-out pixels agree.
        ``"patches"`` (small patches repeat nearby): the estimate moves towards the one that similar patches
        give, and in the end towards what they give where it says which ones are similar. A generator whose
        input is an image is given what the prior makes of the seen pixels. Where the data term expects
        outliers, which would pass for structure, patches are not asked.
        ``"none"``; None as the task needs it.
    guess
        Iterations at the beginning in which missing pixels are fitted to a smooth continuation of the pixels
        around them. It keeps the middle of a large hole from drifting out of the image's range.
    finish
        Iterations with all known pixels after the stopping rule has found the best ones.
    expected
        Iterations that a run usually takes; nothing depends on it but the time left that is shown.
    iterations
        Limit, on top of which the finish comes.
    seconds
        Limit on the time spent computing, or None.
    seed
        Decides the weights, the input, its perturbation and the held-out pixels.
    device
        ``"auto"`` or a torch device's name.
    precision
        ``"float32"``, ``"bfloat16"``, or ``"auto"``: the quicker one, measured.
    """

    network: Network
    input: Input
    optimiser: Optimiser
    likelihood: Likelihood
    stopping: StoppingRule
    averaging: Annotated[float, Range(0, 1, but=1)] = 0.99
    tv: Annotated[float, Range(0)] | None = 0.0
    penalty: Penalty = field(default_factory=NoPenalty)
    correction: str | None = None
    guess: Annotated[int, Range(0)] = 0
    finish: Annotated[int, Range(0)] = 0
    expected: Annotated[int, Range(1)] = 500
    iterations: Annotated[int, Range(1)] = 3000
    seconds: Annotated[float, Range(0, but=0)] | None = None
    seed: Annotated[int, Range(0, LARGEST_SEED)] = 0
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values that no run could use."""
        check(self)
        for name, words in (("correction", (None, *CORRECTIONS)), ("precision", ("auto", *PRECISIONS))):
            value = getattr(self, name)
            if value not in words:
                raise ValueError(f"{name} must be {either(map(str, words))}, but is {shown(value)}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {k: v.to_dict() if k in _KINDS else v for k, v in values.items()}

    def changed(self, **changes: Any) -> Settings:
        """Return these settings with `changes`, in which None leaves a setting as it is.

        Parts are given by name or as a dict, as `napari_dip.engine.components.choose` takes them.
        """
        refuse_unknown(changes, [one.name for one in fields(self)], "The settings")
        given = {k: v for k, v in plain_values(changes).items() if v is not None}
        for name, kinds in _KINDS.items():
            if name in given:
                given[name] = choose(kinds, given[name], getattr(self, name), name)
        return replace(self, **given)
