"""What a trained network sees of an image: the network, up to one of its layers, as a forward operator.

The network is somebody else's. It is run as it would be to predict, and is left as it was found.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from napari_dip.engine.likelihoods import Likelihood
from napari_dip.engine.noise import Noise
from napari_dip.engine.noises import Noises
from napari_dip.engine.operators import Operator

__all__ = ["Excitement", "Features", "device_of"]


@dataclass(frozen=True, eq=False)
class Features(Operator):
    """What a layer of a network gives when the network sees an image; `Features.of` makes and checks one.

    Parameters
    ----------
    network
        The network.
    layer
        The layer's name in ``network.named_modules()``; empty for what the network itself gives.
    channels, shape
        The images': how many channels, and their spatial shape.
    shown
        What the network is given of an image of the engine's.
    unit
        The index of what is looked at in what the layer gives of an image, of which the mean is taken; None
        for all of it, number by number.
    scale
        What the numbers are divided by.
    jitter
        An image that is being fitted is moved by up to so many pixels, round the border, each time anew: then
        nothing can hang on where exactly a pixel lies. Others are seen as they are.
    generator
        Random numbers for that.
    calls
        How many times the layer has been used when what it gives is taken: the last time, where a network
        uses one more than once.
    """

    network: nn.Module
    layer: str
    channels: int
    shape: tuple[int, ...]
    shown: Callable[[Tensor], Tensor] = field(repr=False)
    unit: tuple[int, ...] | None = None
    scale: float = 1.0
    jitter: int = 0
    generator: torch.Generator = field(default_factory=torch.Generator, repr=False)
    calls: int = 1
    # It may be moved each time, and what a network does in its own program nobody knows.
    repeats: ClassVar[bool] = False

    @classmethod
    def of(
        cls,
        network: nn.Module,
        layer: str | None,
        channels: int,
        shape: tuple[int, ...],
        shown: Callable[[Tensor], Tensor],
    ) -> Features:
        """Return what the network sees at a layer, after a first look at an image of nothing.

        Raises
        ------
        TypeError, ValueError
            If the layer is not there or gives no tensor that follows the image, or the network can't take
            such an image; one sentence says what there is.
        """
        layer = "" if layer is None else layer
        _refuse_unknown(network, layer)
        features = cls(network, layer, channels, shape, shown)
        image = torch.full((1, channels, *shape), 0.5, requires_grad=True)
        outputs: list[Any] = []
        error: Exception | None = None
        with torch.enable_grad():
            given = features.given(image)
        try:
            with torch.enable_grad(), unchanged(network), _watched(network, layer, outputs.append):
                network(given)
        except Exception as raised:  # whatever goes wrong in somebody else's code
            error = raised
        if not outputs:
            raise ValueError(features._why_not(error)) from error
        _refuse_unusable(layer, outputs[-1])
        return replace(features, calls=len(outputs))

    def given(self, image: Tensor) -> Tensor:
        """Return what the network is given of an image, where its weights are and as they are."""
        weight = next(_weights(self.network), image)
        kind = weight.dtype if weight.is_floating_point() else image.dtype
        return self.shown(image).to(weight.device, kind)

    def __call__(self, image: Tensor) -> Tensor:
        fitted = image.requires_grad
        if self.jitter and fitted:
            sides, axes = 2 * self.jitter + 1, range(2, image.ndim)
            steps = torch.randint(sides, (len(axes),), generator=self.generator) - self.jitter
            image = image.roll(steps.tolist(), tuple(axes))
        with torch.set_grad_enabled(fitted), unchanged(self.network):
            output = _reach(self.network, self.layer, self.given(image), self.calls)
        output = output.to(image.device, torch.float32)
        output = output if output.ndim > 1 and len(output) == 1 else output[None]
        if self.unit is not None:
            output = output[(0, *self.unit)].mean().view(1, 1, *(1 for _ in self.shape))
        return output / self.scale

    def image_shape(self, measured: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape

    def image_channels(self, measured: int) -> int:
        return self.channels

    def _why_not(self, error: Exception | None) -> str:
        """Return why the layer gave nothing."""
        if error is None:
            return (
                f"the layer {self.layer!r} is never used when the network sees an image: choose another one "
                "of network.named_modules()."
            )
        size = " x ".join(map(str, self.shape))
        channels = f"{self.channels} channel{'s'[: self.channels != 1]}"
        for other in {1, 3} - {self.channels}:
            if self._takes(other):
                return (
                    f"the network takes images of {other} channel{'s'[: other != 1]}, but was given one of "
                    f"{channels}: {_INSTEAD[other]}."
                )
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"the network can't take an image of {channels} and {size} pixels: {reason}"

    def _takes(self, channels: int) -> bool:
        """Whether the layer is reached with so many channels."""
        plain = replace(self, shown=lambda image: image)
        try:
            plain(torch.zeros(1, channels, *self.shape))
        except Exception:
            return False
        return True


_INSTEAD = {
    3: "of a grey image pass normalise=(mean, std) with three numbers each, or "
    "normalise=lambda x: x.expand(-1, 3, -1, -1), which show it the same in all three",
    1: "pass one channel of it, or their mean, image.mean(-1)",
}


@dataclass(frozen=True)
class Excitement(Likelihood):
    """Minus the prediction: wanted is the image of which it is largest, and nothing is measured."""

    name: ClassVar[str] = "excitement"

    def __call__(
        self, prediction: Tensor, measurement: Tensor, level: Tensor | None, noise: Noise | Noises | None
    ) -> Tensor:
        return -prediction


def device_of(network: nn.Module) -> torch.device:
    """Return where a network's weights are."""
    return next((weight.device for weight in _weights(network)), torch.device("cpu"))


def _weights(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Let a network predict, without slopes of its weights, and be as it was afterwards."""
    training = [module for module in network.modules() if module.training]
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    try:
        for module in training:
            module.training = False
        for weight in learning:
            weight.requires_grad_(False)
        yield
    finally:
        for module in training:
            module.training = True
        for weight in learning:
            weight.requires_grad_(True)


@contextmanager
def _watched(network: nn.Module, layer: str, seen: Callable[[Any], object]) -> Iterator[None]:
    """Let `seen` have whatever the layer gives."""
    hook = network.get_submodule(layer).register_forward_hook(lambda module, inputs, output: seen(output))
    try:
        yield
    finally:
        hook.remove()


class _Reached(Exception):
    """The layer has given what is wanted: what comes after it need not be computed."""


def _reach(network: nn.Module, layer: str, image: Tensor, calls: int) -> Tensor:
    """Return what the layer gives the last time that it is used."""
    outputs: list[Tensor] = []

    def seen(output: Tensor) -> None:
        outputs.append(output)
        if len(outputs) == calls:
            raise _Reached

    with _watched(network, layer, seen), suppress(_Reached):
        network(image)
    return outputs[-1]


def _refuse_unknown(network: nn.Module, layer: object) -> None:
    names = [name for name, _ in network.named_modules() if name]
    if not isinstance(layer, str):
        raise TypeError(
            f"layer must be the name of a layer, such as {(names or ['0'])[0]!r}, or None for the whole "
            f"network, but is {layer!r}."
        )
    if layer == "" or layer in names:
        return
    word = layer.lower()
    near = difflib.get_close_matches(layer, names, 5, 0.5)
    near += [name for name in names if word in name.lower() and name not in near]
    which = "the nearest names are" if near else "there are"
    raise ValueError(
        f"the network has no layer {layer!r}; {which} {_listed(near or names)}. "
        "Choose one of network.named_modules()."
    )


def _listed(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more if names else "none"


def _refuse_unusable(layer: str, output: Any) -> None:
    what = f"the layer {layer!r}" if layer else "the network"
    if not isinstance(output, Tensor):
        raise TypeError(
            f"{what} gives a {type(output).__name__}, but a tensor is needed: choose a layer that gives one, "
            "such as a layer inside it."
        )
    if not output.is_floating_point():
        raise TypeError(
            f"{what} gives {str(output.dtype).removeprefix('torch.')} numbers, which do not change little by "
            "little with the image: choose a layer before it."
        )
    if not output.requires_grad:
        raise ValueError(
            f"what {what} gives can't be followed back to the image, as where a network works under "
            "torch.no_grad() or detaches: choose a layer before that."
        )
