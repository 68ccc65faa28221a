"""The step rule."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
        Step of the kernels: the spectral norm of each change, times the root of rows over columns where a
        kernel's matrix has more rows.
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


# The quintic of Jordan et al., which brings all singular values between 0 and 1 near 1 in a few steps.
QUINTIC, STEPS = (3.4445, -4.7750, 2.0315), 5
# A processor takes as long for products of smaller matrices.
SMALL = 32
# The kinds of devices that take hardly longer for many products than for one.
PADS = ("cuda",)


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return nearly orthogonal matrices with the singular vectors of `matrices`.

    Parameters
    ----------
    matrices
        Shape (number, rows, columns), quickest with no more rows than columns.
    """
    return orthogonaliser(matrices @ matrices.mT) @ matrices


def orthogonaliser(squares: Tensor) -> Tensor:
    """Return what makes matrices nearly orthogonal when it multiplies them, given their squares ``X X^T``.

    A Newton-Schulz step multiplies ``X`` by a polynomial of ``X X^T``. All of these polynomials can be told
    from the first square, which is small where a kernel has many more columns than rows.

    Parameters
    ----------
    squares
        Shape (number, rows, rows). Smaller ones may have zeros around them.
    """
    first, third, fifth = QUINTIC
    norm = squares.diagonal(dim1=1, dim2=2).sum(1).sqrt()[:, None, None] + 1e-7
    square, product = squares / norm.square(), None
    for step in range(STEPS):
        # The polynomial's first term by itself: where products are rounded, as a user may have allowed torch
        # to do, an identity in them would make the steps diverge.
        others = torch.baddbmm(square, square, square, beta=third, alpha=fifth)
        if step < STEPS - 1:
            half = torch.baddbmm(square, others, square, beta=first)
            square = torch.baddbmm(half, half, others, beta=first)
        if product is None:
            product = others
            product.diagonal(dim1=1, dim2=2).add_(first)
        else:
            product = torch.baddbmm(product, others, product, beta=first)
    assert product is not None
    return product / norm


class AdamStepper:
    """`Adam` at work: torch's own arithmetic (`torch.optim.adam`), on all parameters at once.

    torch's class for it takes a second or more to load torch's compiler, which nothing here needs, and no
    step of it can be recorded on a GPU unless it is told before.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, memory: float = 0.999) -> None:
        self.parameters, self.rate, self.betas = list(parameters), rate, (0.9, memory)
        numbers, device = sum(p.numel() for p in self.parameters), self.parameters[0].device
        # In one piece each: they are copied often.
        self.memory = torch.zeros(2, numbers, device=device)
        self.steps = torch.zeros(len(self.parameters), device=device)
        self.means, self.squares = (_pieces(half, self.parameters) for half in self.memory)

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
    """`Muon` at work.

    All kernels' gradients lie in one piece of memory, one after another.
    """

    def __init__(self, setting: Muon, parameters: Iterable[nn.Parameter]) -> None:
        parameters = list(parameters)
        self.setting = setting
        others = [p for p in parameters if p.ndim < 3]
        self.adam = AdamStepper(others, setting.adam_rate) if others else None
        self.kernels = sorted((p for p in parameters if p.ndim >= 3), key=_shape)
        if self.kernels:
            device = self.kernels[0].device
            self.momentum = torch.zeros(sum(p.numel() for p in self.kernels), device=device)
            flat = torch.zeros(len(self.momentum) + 1, device=device)
            self.gradient, change = flat[:-1], torch.zeros_like(self.momentum)
            self.weights, self.changes = [p.detach() for p in self.kernels], _pieces(change, self.kernels)
            self.batches = _batches(list(_alike(self.kernels)), flat, change)

    @torch.no_grad()
    def step(self) -> None:
        if self.kernels:
            torch.cat([_flat(p) for p in self.kernels], out=self.gradient)
            self.momentum.lerp_(self.gradient, 1 - self.setting.momentum)
            self.gradient.lerp_(self.momentum, self.setting.momentum)
            for batch in self.batches:
                batch.orthogonalise()
            torch._foreach_add_(self.weights, self.changes, alpha=-self.setting.rate)
        if self.adam is not None:
            self.adam.step()

    def zero_grad(self) -> None:
        for p in self.kernels:
            p.grad = None
        if self.adam is not None:
            self.adam.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        return {
            "momentum": self.momentum if self.kernels else None,
            "adam": None if self.adam is None else self.adam.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.kernels:
            self.momentum.copy_(state["momentum"])
        if self.adam is not None:
            self.adam.load_state_dict(state["adam"])


@dataclass(frozen=True)
class Alike:
    """Some matrices of one shape that lie one after another in flat memory, from a place on."""

    start: int
    number: int
    rows: int
    columns: int

    def of(self, flat: Tensor) -> Tensor:
        """Return them, shape (number, short side, long side)."""
        size = self.number * self.rows * self.columns
        matrices = flat[self.start : self.start + size].view(self.number, self.rows, self.columns)
        return matrices.mT if self.rows > self.columns else matrices

    @property
    def short(self) -> int:
        return min(self.rows, self.columns)

    @property
    def long(self) -> int:
        return max(self.rows, self.columns)

    @property
    def factor(self) -> float:
        """How much larger than the rate their change is."""
        return math.sqrt(max(1.0, self.rows / self.columns))


class Batch:
    """Matrices that are orthogonalised together.

    Parameters
    ----------
    several
        Which.
    gradient, change
        Flat memory: where they lie, a 0 behind the last, and where what becomes of them is to lie.
    """

    def __init__(self, several: list[Alike], gradient: Tensor, change: Tensor) -> None:
        size = max(one.short for one in several)
        ends = _ends(several)
        self.squares = torch.zeros(ends[-1], size, size, device=gradient.device)
        self.factors = _factors(several, gradient.device)
        self.parts = [
            ((slice(end - one.number, end), *[slice(one.short)] * 2), one.of(gradient), one.of(change))
            for one, end in zip(several, ends, strict=True)
        ]

    def orthogonalise(self) -> None:
        for where, matrices, _ in self.parts:
            torch.bmm(matrices, matrices.mT, out=self.squares[where])
        products = orthogonaliser(self.squares).mul_(self.factors)
        for where, matrices, change in self.parts:
            torch.bmm(products[where], matrices, out=change)


class Padded:
    """A `Batch` of one size, with zeros around the smaller matrices: few products of many at a time."""

    def __init__(self, several: list[Alike], gradient: Tensor, change: Tensor) -> None:
        self.gradient, self.change, self.factors = gradient, change, _factors(several, gradient.device)
        sizes = (max(one.short for one in several), max(one.long for one in several))
        last = len(change)
        # Where each number is taken from, and where what becomes of it is taken from.
        there = torch.full((len(self.factors), *sizes), last)
        back, places, ends = torch.zeros(last, dtype=torch.int64), torch.arange(last), _ends(several)
        for one, end in zip(several, ends, strict=True):
            where = (slice(end - one.number, end), slice(one.short), slice(one.long))
            there[where] = one.of(places)
            one.of(back).copy_(torch.arange(there.numel()).view_as(there)[where])
        self.there, self.back = there.to(gradient.device), back.to(gradient.device)

    def orthogonalise(self) -> None:
        matrices = self.gradient.index_select(0, self.there.view(-1)).view_as(self.there)
        changes = (orthogonaliser(matrices @ matrices.mT) * self.factors) @ matrices
        torch.index_select(changes.view(-1), 0, self.back, out=self.change)


def _ends(several: list[Alike]) -> list[int]:
    return list(itertools.accumulate(one.number for one in several))


def _factors(several: list[Alike], device: torch.device) -> Tensor:
    factors = [one.factor for one in several for _ in range(one.number)]
    return torch.tensor(factors, device=device)[:, None, None]


def _batches(several: list[Alike], gradient: Tensor, change: Tensor) -> Sequence[Batch | Padded]:
    """Say which matrices are orthogonalised together.

    A GPU takes hardly longer for many than for one; a processor would compute with all the zeros.
    """
    if gradient.device.type in PADS:
        return [Padded(several, gradient, change)]
    groups: dict[int, list[Alike]] = defaultdict(list)
    for one in several:
        groups[max(SMALL, one.short)].append(one)
    return [Batch(group, gradient, change) for group in groups.values()]


def _shape(kernel: Tensor) -> tuple[int, int]:
    """Return a kernel's size as a matrix of (output channels, everything else)."""
    return len(kernel), kernel[0].numel()


def _alike(kernels: list[nn.Parameter]) -> Iterator[Alike]:
    """Yield those of each shape, given kernels that are sorted by it and lie flat one after another."""
    start = 0
    for (rows, columns), some in itertools.groupby(kernels, _shape):
        number = len(list(some))
        yield Alike(start, number, rows, columns)
        start += number * rows * columns


def _flat(kernel: nn.Parameter) -> Tensor:
    """Return a kernel's gradient in the order in which the kernel's numbers lie in memory."""
    assert kernel.grad is not None
    order = sorted(range(kernel.ndim), key=lambda axis: (kernel.stride(axis), -axis), reverse=True)
    numbers: Tensor = kernel.grad.permute(order).flatten()
    return numbers


def _pieces(flat: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Cut flat memory into what belongs to each parameter, and lies as it does."""
    parts = torch.split(flat, [p.numel() for p in parameters])
    return [part.as_strided(p.shape, p.stride()) for p, part in zip(parameters, parts, strict=True)]


OPTIMISERS: dict[str, type[Optimiser]] = {kind.name: kind for kind in (Adam, Muon)}
