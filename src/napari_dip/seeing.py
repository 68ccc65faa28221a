"""What a trained network sees: the image behind a layer's features, and the one that excites a unit most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor, nn

from napari_dip.api import finish_job
from napari_dip.canvas import Canvas
from napari_dip.engine.features import Excitement, Features, device_of
from napari_dip.engine.presets import preset as preset_of
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.engine.stopping import Fixed
from napari_dip.given import refuse_uneven
from napari_dip.normalising import Normalise, refuse_other_units, said_of, shown_by
from napari_dip.seen import Look, Seen
from napari_dip.step import Step

__all__ = ["Seen", "invert_features", "maximise_activation"]


@torch.inference_mode(False)
@torch.enable_grad()
def invert_features(
    model: nn.Module,
    layer: str | None,
    image: Any,
    *,
    normalise: Normalise = None,
    limits: Sequence[float] | None = None,
    preset: str = "fast",
    axes: str | None = None,
    dtype: DTypeLike | None = None,
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
    **settings: Any,
) -> Seen:
    """Show what a layer of a trained network keeps of an image: another image with the same features.

    The result is the generator's output ``x`` whose features ``F(x)`` at the layer are those of the image
    ``y``, ``min ||F(f(z)) - F(y)||**2 / ||F(y)||**2`` [1]_. What the layer has thrown away is not seen by the
    fit; the generator fills it in with what images are like. Where result and image differ, the layer
    is blind.

    Parameters
    ----------
    model : torch.nn.Module
        Any network that takes a tensor of shape (1, channels, [Z,] Y, X). It predicts (``eval``) where it is,
        on a processor or a graphics card, and is left as it was found.
    layer : str
        The name of a layer in ``model.named_modules()``, such as ``"features.8"``; None for what the network
        itself gives.
    image : array_like, napari layer or path, shape ([Z,] Y, X) or (Y, X, RGB)
        One plane or volume (a volume: ``axes="ZYX"``), in the intensities that `normalise` starts from.
    normalise : (mean, std) or callable
        What is done to an image before the network sees it. Two numbers, or two sequences with a number for
        each channel, in the image's own intensities: the network is given ``(image - mean) / std``. A grey
        image and three numbers each make three channels, for a network that takes colours. A callable
        is given a float tensor of shape (1, channels, [Z,] Y, X) in the image's intensities and returns what
        the network takes; it must be made of torch's functions. By default the network sees the image as it
        is.
    limits : (float, float)
        How dark and how bright a pixel may be; by default a little more than the image's own range.
    preset : {'fast', 'best', 'tv'}
        The complete settings that the other keywords change; ``'tv'`` fits the pixels themselves, with total
        variation, to compare with.
    axes : str
        A letter for each axis, as `napari_dip.denoise` takes them.
    dtype : dtype
        The result's; by default the image's.
    progress : bool
        Draw a progress bar.
    callback : callable
        Called with a `napari_dip.step.Step` after each iteration; when it returns True the run stops.
    **settings
        Of the engine, as `napari_dip.denoise` takes them: ``iterations``, ``seconds``, ``seed``, ``tv``,
        ``network``, ``input``, ``optimiser``, ``likelihood``, ``averaging``, ``device``, ...

    Returns
    -------
    Seen
        With the ``image``, of the given one's shape and dtype, and its ``feature_error``. Its ``settings``
        make the same again: ``invert_features(model, image=image, **settings)``. They are plain JSON: of a
        callable they have the name, and it has to be passed again.

    Raises
    ------
    ValueError, TypeError
        If the layer is not there, is not reached or gives no tensor, or the network can't take the image;
        one sentence says what was given and what is needed.
    MemoryError
        If the run would not fit in memory.

    See Also
    --------
    maximise_activation : What excites a unit most.

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020, the section on natural pre-images;
       after Mahendran, Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015.

    Examples
    --------
    >>> import numpy as np, torch, napari_dip as dip
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    >>> image = np.add.outer(np.arange(24), np.arange(24)).astype("float32")
    >>> seen = dip.invert_features(model, "1", image, normalise=(23, 10), iterations=5)
    >>> seen.image.shape, seen.iterations, seen.feature_error < 2
    ((24, 24), 5, True)
    """
    canvas = Canvas.of(image, axes, limits, dtype)
    shown = shown_by(canvas, normalise)
    target = canvas.to_engine()
    refuse_other_units(canvas, normalise)
    channels, *size = target.shape
    features = Features.of(_network(model), layer, channels, tuple(size), shown)
    wanted = features(target[None])
    scale = float(wanted.square().mean().sqrt())
    if not (scale > 0 and math.isfinite(scale)):
        raise ValueError(
            f"of this image the layer {layer!r} gives {'nothing but 0' if scale == 0 else 'no numbers'}: "
            "check normalise=, or choose another layer."
        )
    features = replace(features, scale=scale)
    engine = _engine("invert-features", preset, model, settings)
    said = {
        "preset": preset,
        "layer": layer,
        **canvas.settings,
        "normalise": said_of(normalise),
    }
    problem = Problem(wanted[0] / scale, operator=features)
    look = Look("invert-features", features, problem, engine, canvas, said)
    return finish_job(look, progress=progress, callback=callback)


@torch.inference_mode(False)
@torch.enable_grad()
def maximise_activation(
    model: nn.Module,
    layer: str | None,
    *,
    unit: int | Sequence[int],
    shape: Sequence[int],
    normalise: Normalise = None,
    limits: Sequence[float] = (0.0, 1.0),
    jitter: int = 0,
    preset: str = "fast",
    axes: str | None = None,
    dtype: DTypeLike | None = None,
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
    **settings: Any,
) -> Seen:
    """Show what a unit of a trained network looks for: an image that excites it as much as an image can.

    The result is the generator's output ``x`` for which the unit's activation is largest, ``max F(f(z))``
    [1]_. Over pixels alone, the largest activation is that of a noise that means nothing to people; over a
    generator's weights it is that of an image.

    Parameters
    ----------
    model : torch.nn.Module
        As for `invert_features`.
    layer : str
        The name of a layer in ``model.named_modules()``; None for what the network itself gives, such as the
        scores of its classes.
    unit : int or sequence of int
        Which of the layer's numbers: the index of a channel or class, whose mean over all places is taken, or
        ``(channel, y, x)`` for what one neuron sees.
    shape : sequence of int
        The result's: (Y, X), (Y, X, 3) for a network that takes colours, or as `axes` says.
    normalise : (mean, std) or callable
        As for `invert_features`, from intensities within `limits`.
    limits : (float, float)
        How dark and how bright a pixel may be: the range of images that the network was made for.
    jitter : int
        Pixels by which the image is moved at random, round its border, before each look: nothing then hangs
        on where exactly something lies.
    preset : {'fast', 'best', 'tv'}
        The complete settings that the other keywords change; ``'tv'`` fits the pixels themselves, with total
        variation, to compare with.
    axes : str
        A letter for each axis of `shape`, ``"ZYX"`` of a volume.
    dtype : dtype
        The result's; float32 by default.
    progress, callback, **settings
        As for `invert_features`.

    Returns
    -------
    Seen
        With the ``image`` and the ``activation`` that it brings. Its ``settings`` make the same again:
        ``maximise_activation(model, **settings)``.

    Raises
    ------
    ValueError, TypeError
        As for `invert_features`, and if there is no such unit.
    MemoryError
        If the run would not fit in memory.

    See Also
    --------
    invert_features : What a layer keeps of an image.

    References
    ----------
    .. [1] Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", IJCV 128, 2020, the section on activation
       maximisation.

    Examples
    --------
    >>> import torch, napari_dip as dip
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
    >>> seen = dip.maximise_activation(model, "0", unit=2, shape=(24, 24), iterations=5)
    >>> seen.image.shape, seen.image.dtype, seen.settings["unit"]
    ((24, 24), dtype('float32'), 2)
    """
    canvas = Canvas.blank(shape, axes, limits, dtype)
    size = canvas.to_engine().shape
    features = Features.of(_network(model), layer, size[0], tuple(size[1:]), shown_by(canvas, normalise))
    if isinstance(jitter, bool) or not isinstance(jitter, Integral) or jitter < 0:
        raise ValueError(f"jitter must be a whole number of pixels of at least 0, but is {jitter!r}.")
    engine = _engine("maximise-activation", preset, model, settings)
    features = replace(
        features,
        unit=_unit(unit, features(canvas.to_engine()[None])[0], layer),
        jitter=int(jitter),
        generator=torch.Generator().manual_seed(MOVED + engine.seed),
    )
    said = {
        "preset": preset,
        "layer": layer,
        "unit": list(features.unit) if np.ndim(unit) else features.unit[0],
        "shape": list(canvas.frame.shape),
        **canvas.settings,
        "normalise": said_of(normalise),
        "jitter": features.jitter,
    }
    nothing = torch.zeros((1,) * len(size))
    look = Look("maximise-activation", features, Problem(nothing, operator=features), engine, canvas, said)
    return finish_job(look, progress=progress, callback=callback)


# The engine's own streams of random numbers begin far below.
MOVED = 1 << 40


def _engine(task: str, preset: str, model: nn.Module, settings: dict[str, Any]) -> Settings:
    settings = {"device": str(device_of(model))} | {k: v for k, v in settings.items() if v is not None}
    usual = preset_of(preset, task)
    engine = usual.changed(**settings)
    if not isinstance(engine.stopping, Fixed):
        raise ValueError(
            f"stopping={engine.stopping.name!r} needs a measured image, and here is none: leave it out, and "
            "set iterations= or seconds=."
        )
    if isinstance(engine.likelihood, Excitement) != isinstance(usual.likelihood, Excitement):
        raise ValueError(f"likelihood={engine.likelihood.name!r} is not for this: leave it out.")
    return engine


def _network(model: object) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, but is a {type(model).__name__}.")
    return model


def _unit(unit: int | Sequence[int], output: Tensor, layer: str | None) -> tuple[int, ...]:
    """Return the unit's index, checked against what the layer gives."""
    refuse_uneven(unit, "unit")
    asked = tuple(np.atleast_1d(np.asarray(unit)).tolist())
    fits = 0 < len(asked) <= output.ndim and all(
        isinstance(index, int) and 0 <= index < size for index, size in zip(asked, output.shape, strict=False)
    )
    if not fits:
        size = " x ".join(map(str, output.shape))
        raise ValueError(
            f"unit={unit!r} is not there: the layer {layer!r} gives {size} numbers. Choose one from 0 to "
            f"{output.shape[0] - 1}" + (", or an index along each of these axes." if output.ndim > 1 else ".")
        )
    return asked
