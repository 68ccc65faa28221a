"""The step rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from napari_dip.engine.components import Component, Range

__all__ = ["OPTIMISERS", "Adam", "Muon", "Optimiser", "Stepper", "orthogonalise"]

Rate = Annotated[float, Range(0)]


class Stepper(Protocol):
    """An optimiser bound to its parameters."""

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
        return AdamStepper(parameters, self.rate, self.memory)


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
        Shape (number, rows, columns), quickest with no more rows than columns.
    """
    x: Tensor = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x


class AdamStepper:
    """`Adam` at work: torch's own arithmetic (`torch.optim.adam`), on all parameters at once.

    torch's class for it takes a second or more to load torch's compiler, which nothing here needs, and no
    step of it can be recorded on a GPU unless it is told before.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, memory: float = 0.999) -> None:
        self.parameters, self.rate, self.betas = list(parameters), rate, (0.9, memory)
        sizes, device = [p.numel() for p in self.parameters], self.parameters[0].device
        # In one piece each: they are copied often.
        self.memory = torch.zeros(2, sum(sizes), device=device)
        self.steps = torch.zeros(len(sizes), device=device)
        self.means, self.squares = (
            [part.as_strided(p.shape, p.stride()) for p, part in zip(self.parameters, parts, strict=True)]
            for parts in (half.split(sizes) for half in self.memory)
        )

    @torch.no_grad()
    def step(self) -> None:
        rows = zip(self.parameters, self.means, self.squares, self.steps.unbind(), strict=True)
        some = [row for row in rows if row[0].grad is not None]
        if not some:
            return
        parameters, means, squares, steps = (list(column) for column in zip(*some, strict=True))
        adam(
            parameters,
            [p.grad for p in parameters],
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {"memory": self.memory, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.memory.copy_(state["memory"])
        self.steps.copy_(state["steps"])


class MuonStepper:
    """`Muon` at work."""

    def __init__(self, setting: Muon, parameters: Iterable[nn.Parameter]) -> None:
        parameters = list(parameters)
        self.setting = setting
        others = [p for p in parameters if p.ndim < 3]
        self.adam = AdamStepper(others, setting.adam_rate) if others else None
        self.batches = [Batch(kernels) for kernels in _together([p for p in parameters if p.ndim >= 3])]

    @torch.no_grad()
    def step(self) -> None:
        for batch in self.batches:
            batch.step(self.setting.rate, self.setting.momentum)
        if self.adam is not None:
            self.adam.step()

    def zero_grad(self) -> None:
        for batch in self.batches:
            for p in batch.kernels:
                p.grad = None
        if self.adam is not None:
            self.adam.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        momenta = [batch.momentum for batch in self.batches]
        return {"momenta": momenta, "adam": None if self.adam is None else self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for batch, saved in zip(self.batches, state["momenta"], strict=True):
            batch.momentum.copy_(saved)
        if self.adam is not None:
            self.adam.load_state_dict(state["adam"])


class Batch:
    """Kernels that are orthogonalised together: matrices that lie flat, with zeros around the smaller ones.

    Zeros change nothing: what is orthogonal stays so.
    """

    def __init__(self, kernels: list[nn.Parameter]) -> None:
        self.kernels = kernels
        self.orders = [_order(p) for p in kernels]
        matrices = [_matrix(p.detach(), order) for p, order in zip(kernels, self.orders, strict=True)]
        self.tall = [len(matrix) > matrix.shape[1] for matrix in matrices]
        self.matrices = [m.mT if tall else m for m, tall in zip(matrices, self.tall, strict=True)]
        rows, columns = (max(sizes) for sizes in zip(*(m.shape for m in self.matrices), strict=True))
        self.gradient = torch.zeros(len(kernels), rows, columns, device=kernels[0].device)
        self.momentum = torch.zeros_like(self.gradient)

    def step(self, rate: float, decay: float) -> None:
        """Take one step."""
        for slot, p, order, tall in zip(
            self._cut(self.gradient), self.kernels, self.orders, self.tall, strict=True
        ):
            assert p.grad is not None
            gradient = _matrix(p.grad, order)
            slot.copy_(gradient.mT if tall else gradient)
        self.momentum.lerp_(self.gradient, 1 - decay)
        change = orthogonalise(self.gradient.lerp_(self.momentum, decay))
        for matrix, delta, tall in zip(self.matrices, self._cut(change), self.tall, strict=True):
            rows, columns = matrix.shape
            matrix.add_(delta, alpha=-rate * ((columns / rows) ** 0.5 if tall else 1.0))

    def _cut(self, batch: Tensor) -> list[Tensor]:
        """Return what belongs to each kernel."""
        return [one[: len(m), : m.shape[1]] for one, m in zip(batch, self.matrices, strict=True)]


def _together(kernels: list[nn.Parameter]) -> Iterable[list[nn.Parameter]]:
    """Say which kernels are orthogonalised together.

    A GPU takes hardly longer for many than for one; a processor would compute with all the zeros.
    """
    groups: dict[object, list[nn.Parameter]] = defaultdict(list)
    for p in kernels:
        groups[None if p.is_cuda else (len(p), p[0].numel())].append(p)
    return groups.values()


def _order(kernel: Tensor) -> list[int]:
    """Return a kernel's axes but the first in the order in which its numbers lie in memory."""
    return sorted(range(1, kernel.ndim), key=kernel.stride, reverse=True)


def _matrix(kernel: Tensor, order: list[int]) -> Tensor:
    """Return a kernel as a matrix of (output channels, everything else), whichever column is which."""
    matrix: Tensor = kernel.permute(0, *order).flatten(1)
    return matrix


OPTIMISERS: dict[str, type[Optimiser]] = {kind.name: kind for kind in (Adam, Muon)}
