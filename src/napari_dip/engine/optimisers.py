"""The step rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from napari_dip.engine.components import Component, Range

__all__ = ["OPTIMISERS", "Adam", "Muon", "Optimiser", "Stepper", "orthogonalise"]

Rate = Annotated[float, Range(0)]


class Stepper(Protocol):
    """An optimiser bound to its parameters (`torch.optim.Optimizer` is one)."""

    def step(self) -> None:
        """Take one step along the gradients."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def state_dict(self) -> dict[str, Any]:
        """Return the optimiser's memory."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a memory that `state_dict` gave."""


class Optimiser(Component, ABC):
    """A step rule, not yet bound to parameters."""

    @abstractmethod
    def bind(self, parameters: Iterable[nn.Parameter]) -> Stepper:
        """Return the rule at work on `parameters`."""


@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam at a constant rate, the paper's choice.

    Parameters
    ----------
    rate
        Step of each weight, about.
    memory
        Decay of the mean of the squared gradients by which a step is divided. Where what is minimised
        changes, a long memory of steep gradients makes steps too short.
    """

    rate: Rate = 0.01
    memory: Annotated[float, Range(0, 1, but=1)] = 0.999
    name: ClassVar[str] = "adam"

    def bind(self, parameters: Iterable[nn.Parameter]) -> Stepper:
        return _adam(parameters, self.rate, self.memory)


@dataclass(frozen=True)
class Muon(Optimiser):
    """Orthogonalised momentum on the kernels, Adam on the rest (Jordan et al., "Muon", 2024).

    Each kernel is seen as a matrix of (output channels, everything else).

    Parameters
    ----------
    rate
        Step of the kernels: the spectral norm of each change.
    momentum
        Decay of the momentum.
    adam_rate
        Adam's rate for biases and normalisations.
    """

    rate: Rate = 0.02
    momentum: Annotated[float, Range(0, 1, but=1)] = 0.95
    adam_rate: Rate = 0.01
    name: ClassVar[str] = "muon"

    def bind(self, parameters: Iterable[nn.Parameter]) -> Stepper:
        return MuonStepper(self, parameters)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Return nearly orthogonal matrices with the singular vectors of `matrices`.

    Five Newton-Schulz steps with the quintic of Jordan et al., which brings all singular values near 1.

    Parameters
    ----------
    matrices
        Shape (number, rows, columns).
    """
    x = matrices
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x.mT if tall else x


class MuonStepper:
    """`Muon` at work. Kernels of equal shape are orthogonalised together."""

    def __init__(self, setting: Muon, parameters: Iterable[nn.Parameter]) -> None:
        parameters = list(parameters)
        self.setting = setting
        others = [p for p in parameters if p.ndim < 3]
        self.adam = _adam(others, setting.adam_rate) if others else None
        self.kernels: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
        for p in parameters:
            if p.ndim >= 3:
                self.kernels[p.shape[0], p[0].numel()].append(p)
        self.momenta = [
            torch.zeros(len(kernels), *shape, device=kernels[0].device)
            for shape, kernels in self.kernels.items()
        ]

    @torch.no_grad()
    def step(self) -> None:
        rate, decay = self.setting.rate, self.setting.momentum
        for ((rows, columns), kernels), momentum in zip(self.kernels.items(), self.momenta, strict=True):
            gradient = torch.stack([p.grad.flatten(1) for p in kernels])  # type: ignore[union-attr]
            momentum.lerp_(gradient, 1 - decay)
            change = orthogonalise(gradient.lerp_(momentum, decay))
            change *= -rate * max(1, rows / columns) ** 0.5
            for p, delta in zip(kernels, change, strict=True):
                p.add_(delta.view(p.shape))
        if self.adam is not None:
            self.adam.step()

    def zero_grad(self) -> None:
        for kernels in self.kernels.values():
            for p in kernels:
                p.grad = None
        if self.adam is not None:
            self.adam.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        return {"momenta": self.momenta, "adam": None if self.adam is None else self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for momentum, saved in zip(self.momenta, state["momenta"], strict=True):
            momentum.copy_(saved)
        if self.adam is not None:
            self.adam.load_state_dict(state["adam"])


def _adam(parameters: Iterable[nn.Parameter], rate: float, memory: float = 0.999) -> torch.optim.Adam:
    parameters = list(parameters)
    # On a GPU its steps may be recorded.
    recorded = any(p.is_cuda for p in parameters)
    return torch.optim.Adam(parameters, lr=rate, betas=(0.9, memory), fused=True, capturable=recorded)


OPTIMISERS: dict[str, type[Optimiser]] = {kind.name: kind for kind in (Adam, Muon)}
