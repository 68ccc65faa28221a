"""Layers that the generators share, for 2 and 3 spatial axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["OUTPUTS", "Head", "Normalise", "conv", "conv_block", "halve", "shuffle", "unshuffle", "upsample"]

_LINEAR = {2: "bilinear", 3: "trilinear"}


class Normalise(nn.Module):
    """Batch normalisation of a batch of one, by the statistics of the image at hand, always.

    The original trains its batch normalisation in training mode throughout; running statistics would never
    be read, so none are kept.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True)


class Border(nn.Module):
    """A border around an image, as wide along each axis.

    Parameters
    ----------
    width
        In pixels.
    mode
        ``"reflect"`` or ``"replicate"``.
    """

    def __init__(self, width: int, mode: str) -> None:
        super().__init__()
        self.width, self.mode = width, mode

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cuda:
            return F.pad(x, (self.width,) * (2 * (x.ndim - 2)), mode=self.mode)
        # The gradient of CUDA's own is summed in any order, and no two runs would come to the same.
        for axis in range(2, x.ndim):
            last, first = x.shape[axis] - 1, int(self.mode == "reflect")
            near = [x.narrow(axis, first * i, 1) for i in range(self.width, 0, -1)]
            far = [x.narrow(axis, last - first * i, 1) for i in range(1, self.width + 1)]
            x = torch.cat([*near, x, *far], axis)
        return x


class ByPlanes(nn.Conv3d):
    """A 3-D convolution of a batch of one, which a processor computes as 2-D ones of its planes.

    PyTorch's own takes some 8 times as long there, and its gradients in bfloat16 write beyond their memory
    for many sizes where there are matrix units (2.13, AMX): the process ends.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        # What lies channels last as a volume does so as planes, too.
        given = [x.transpose(1, 2).squeeze(0), self.weight, self.bias]
        if torch.is_autocast_enabled("cpu"):
            precision = torch.get_autocast_dtype("cpu")
            given = [one if one is None else one.to(precision) for one in given]
        planes: Tensor = _PlaneByPlane.apply(*given, self.stride, self.padding)  # type: ignore[no-untyped-call]
        return planes.unsqueeze(0).transpose(1, 2)


class _PlaneByPlane(torch.autograd.Function):
    """The sum of 2-D convolutions of planes, shape (Z, C, Y, X), one for each plane of the kernel.

    By PyTorch's gradients of slices, zeros would be made and added for each of those, in another layout.
    """

    @staticmethod
    def forward(
        ctx: Any,
        planes: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
    ) -> Tensor:
        ctx.save_for_backward(planes, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        total = None
        for offset, seen, told in _seen(len(planes), weight.shape[2], stride[0], padding[0]):
            of_all = bias if total is None else None
            part = F.conv2d(planes[seen], weight[:, :, offset], of_all, stride[1:], padding[1:])
            if total is None:
                total = part
            else:
                total[told] += part
        assert total is not None
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        planes, weight = ctx.saved_tensors
        wanted, stride, padding = ctx.needs_input_grad[0], ctx.stride, ctx.padding
        of_planes = torch.zeros_like(planes) if wanted else None
        of_weight = torch.zeros_like(weight)
        for offset, seen, told in _seen(len(planes), weight.shape[2], stride[0], padding[0]):
            of_seen, of_weight[:, :, offset], _ = torch.ops.aten.convolution_backward(
                gradient[told],
                planes[seen],
                weight[:, :, offset],
                None,
                stride[1:],
                padding[1:],
                (1, 1),
                False,
                (0, 0),
                1,
                (wanted, True, False),
            )
            if of_planes is not None:
                of_planes[seen] += of_seen
        of_bias = gradient.sum((0, 2, 3)) if ctx.biased else None
        return of_planes, of_weight, of_bias, None, None


def _seen(planes: int, depth: int, stride: int, pad: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield each plane of a kernel, which planes of a volume it sees, and for which planes of the result.

    The first sees some for all of them.
    """
    results = (planes + 2 * pad - depth) // stride + 1
    for offset in sorted(range(depth), key=lambda offset: offset != pad):
        first = max(0, -((offset - pad) // stride))
        last = min(results - 1, (planes - 1 + pad - offset) // stride)
        seen = first * stride + offset - pad, last * stride + offset - pad
        if first <= last:
            yield offset, slice(seen[0], seen[1] + 1, stride), slice(first, last + 1)


def conv(
    dims: int,
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int | tuple[int, ...] = 1,
    *,
    padding: str = "reflect",
    bias: bool = True,
) -> nn.Module:
    """Return a convolution that keeps the size (over the stride), with PyTorch's own initialisation."""
    layer = nn.Conv2d if dims == 2 else ByPlanes
    if kernel == 1 or padding == "zeros":
        return layer(inputs, outputs, kernel, stride, kernel // 2, bias=bias)  # type: ignore[arg-type]
    return nn.Sequential(
        Border(kernel // 2, padding),
        layer(inputs, outputs, kernel, stride, bias=bias),  # type: ignore[arg-type]
    )


def conv_block(
    dims: int,
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int | tuple[int, ...] = 1,
    *,
    padding: str = "reflect",
    bias: bool = True,
) -> nn.Sequential:
    """Return convolution, normalisation and leaky ReLU (slope 0.2)."""
    return nn.Sequential(
        conv(dims, inputs, outputs, kernel, stride, padding=padding, bias=bias),
        Normalise(outputs),
        nn.LeakyReLU(0.2, inplace=True),
    )


def halve(shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the strides of one halving of `shape`, and the shape after it.

    An axis of fewer than 4 pixels is left as it is, so that a flat volume or a small image still has
    something to reflect at its border.
    """
    strides = tuple(2 if size >= 4 else 1 for size in shape)
    return strides, tuple(-(-size // stride) for size, stride in zip(shape, strides, strict=True))


def upsample(x: Tensor, shape: tuple[int, ...], mode: str) -> Tensor:
    """Undo `halve`: enlarge `x` to the spatial `shape`; `mode` is ``"linear"`` or ``"nearest"``."""
    factors = tuple(2 if size > small else 1 for size, small in zip(shape, x.shape[2:], strict=True))
    if mode == "nearest":
        x = F.interpolate(x, scale_factor=factors, mode="nearest")
    elif x.is_cuda:
        x = Enlarge.apply(x, factors)  # type: ignore[no-untyped-call]
    else:
        x = _enlarged(x, factors)
    for axis, size in enumerate(shape, 2):
        if x.shape[axis] != size:  # the gradient of a part is a copy with zeros around it
            x = x.narrow(axis, 0, size)
    return x


def _enlarged(x: Tensor, factors: tuple[int, ...]) -> Tensor:
    return F.interpolate(x, scale_factor=factors, mode=_LINEAR[len(factors)], align_corners=False)


class Enlarge(torch.autograd.Function):
    """Linear interpolation to twice the size, or once, along each axis.

    The gradient of CUDA's own is summed in any order, and no two runs would come to the same. Along an axis,
    it is that of pixels which pass on 1, 3, 3 and 1 quarters: twice the mean over two neighbours, taken three
    times over.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, factors: tuple[int, ...]) -> Tensor:
        ctx.factors = factors
        return _enlarged(x, factors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        factors = ctx.factors
        around = [part for factor in reversed(factors) for part in (factor - 1, factor - 1)]
        mean = F.avg_pool2d if len(factors) == 2 else F.avg_pool3d
        gradient = F.pad(gradient, around, mode="replicate")
        for stride in (1, 1):
            gradient = mean(gradient, factors, stride)
        return mean(gradient, factors, factors, divisor_override=1), None


MIDDLE, SLOPE = 0.5, 0.25
# A part of each feature's power that is added to it, or features that are alike would be played off against
# one another.
RIDGE = 1e-3


def semilinear(x: Tensor) -> Tensor:
    """Return the sigmoid below 0 and its tangent above: bounded towards darkness, open towards light.

    A sigmoid starts a run inside the image's range, which saves iterations, but a bright speck far above the
    rest of the image could not come back through it.
    """
    return torch.where(x < 0, x.sigmoid(), linear(x))


def linear(x: Tensor) -> Tensor:
    """Return the tangent of the sigmoid at 0."""
    return MIDDLE + SLOPE * x


OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "semilinear": semilinear,
    "sigmoid": torch.sigmoid,
    "linear": linear,
}


class Head(nn.Module):
    """The last convolution, to intensities: in float32 also where the rest computes in bfloat16.

    bfloat16 has 8 significant bits: enough for features, not for intensities.

    Parameters
    ----------
    last
        The convolution.
    output
        One of `OUTPUTS`.
    """

    def __init__(self, last: nn.Module, output: str) -> None:
        super().__init__()
        if output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, but is {output!r}.")
        self.last, self.to_intensity = last, OUTPUTS[output]
        pointwise = isinstance(last, nn.Conv2d | nn.Conv3d) and set(last.kernel_size) == {1}
        self.fits = output == "linear" and pointwise

    def forward(self, x: Tensor) -> Tensor:
        device = "cpu" if x.is_meta else x.device.type  # autocast knows no meta device
        with torch.autocast(device, enabled=False):
            return self.to_intensity(self.last(x.float()))

    @torch.no_grad()
    def fit(self, features: Tensor, image: Tensor, weights: Tensor) -> None:
        """Come as close to an image as this layer by itself can: by linear regression on what it is given.

        Only where `fits`, that is, for a linear convolution of single pixels.

        Parameters
        ----------
        features
            What it is given, shape (1, features, [Z,] Y, X).
        image, weights
            The image and how much each of its pixels counts, shape (1, channels, [Z,] Y, X).
        """
        last, features = self.last, features[0].flatten(1).float()
        assert isinstance(last, nn.Conv2d | nn.Conv3d) and last.bias is not None
        for channel, (wanted, weight) in enumerate(zip(image[0], weights[0], strict=True)):
            weight = weight.flatten() / weight.sum().clamp_min(1e-12)
            wanted = (wanted.flatten() - MIDDLE) / SLOPE
            weighed = features * weight
            means, mean = weighed.sum(1), (wanted * weight).sum()
            squares = weighed @ features.T - means[:, None] * means
            # What does not vary has no power.
            squares += (RIDGE * (weighed * features).sum(1) + 1e-12).diag()
            products = weighed @ wanted - means * mean
            # Not every device has numbers of double precision.
            kernel = torch.linalg.solve(squares.cpu().double(), products.cpu().double()).to(means)
            last.weight[channel] = kernel.view_as(last.weight[channel])
            last.bias[channel] = mean - (kernel * means).sum()


def unshuffle(x: Tensor, factors: tuple[int, ...]) -> Tensor:
    """Move blocks of ``factors`` pixels into the channels: (N, C, [Z,] Y, X) to (N, C * f, ...)."""
    n, c, *sizes = x.shape
    split = [part for size, f in zip(sizes, factors, strict=True) for part in (size // f, f)]
    dims = len(sizes)
    order = [0, 1, *(3 + 2 * i for i in range(dims)), *(2 + 2 * i for i in range(dims))]
    coarse = [size // f for size, f in zip(sizes, factors, strict=True)]
    return x.reshape(n, c, *split).permute(order).reshape(n, c * math.prod(factors), *coarse)


def shuffle(x: Tensor, factors: tuple[int, ...]) -> Tensor:
    """Undo `unshuffle`: (N, C * f, [Z,] Y, X) to (N, C, ...) on the fine grid."""
    n, c, *sizes = x.shape
    dims = len(sizes)
    order = [0, 1, *(part for i in range(dims) for part in (2 + dims + i, 2 + i))]
    fine = [size * f for size, f in zip(sizes, factors, strict=True)]
    channels = c // math.prod(factors)
    return x.reshape(n, channels, *factors, *sizes).permute(order).reshape(n, channels, *fine)
