"""What a trained network sees: the image behind a layer's features, and the one that excites a unit most."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, DTypeLike, NDArray
from torch import Tensor, nn

from napari_dip.api import finish_job
from napari_dip.engine.features import Excitement, Features, device_of
from napari_dip.engine.presets import preset as preset_of
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import Settings
from napari_dip.engine.solver import iterate, resolve
from napari_dip.engine.stopping import Fixed
from napari_dip.given import take
from napari_dip.images.axes import Axes
from napari_dip.images.intensities import cast, check_image
from napari_dip.parts import Index
from napari_dip.restoration import RECORDED, Restoration, plain
from napari_dip.script import as_call, as_code, said_with_preset
from napari_dip.step import Pace, Step

__all__ = ["Seen", "invert_features", "maximise_activation"]

Normalise = Callable[[Tensor], Tensor] | Sequence[ArrayLike] | None

# An image's range is widened by this part of itself, so that no pixel lies where a generator hardly gets.
BEYOND = 0.05
# An image whose pixels are so many standard deviations off is in other units than they are.
FAR = 30.0


@dataclass(frozen=True, repr=False)
class Seen(Restoration):
    """An image that shows what a network sees, and how it came about.

    It has what a `napari_dip.Restoration` has, and one of the following.

    Attributes
    ----------
    feature_error
        How far the features of ``image`` are from those that were looked for: the root of the mean squared
        difference over that of the features themselves. 0: the layer can't tell the two images apart.
    activation
        What the unit gives when the network sees ``image``.
    """

    feature_error: float | None = None
    activation: float | None = None

    MEASURED: ClassVar[tuple[str, ...]] = ("feature_error", "activation")

    def as_python(
        self,
        image: str | os.PathLike[str] | None = None,
        mask: str | os.PathLike[str] | None = None,
        *,
        out: str | os.PathLike[str] | None = None,
    ) -> str:
        """Return a script that makes the same again; where the network comes from is for you to fill in.

        Parameters
        ----------
        image : path
            The file of the image; without it, the script has a place to fill in.
        mask, out
            Not for this.
        """
        said = said_with_preset(self.task, self.settings)
        setup = ["model = ...  # the trained network"]
        arguments = ["model", as_code(said.pop("layer", None))]
        if self.task == "invert-features":
            arguments.append("image" if image is None else as_code(os.fspath(image)))
            setup += ["image = ...  # what the network was shown"] if image is None else []
        if isinstance(said.get("normalise"), str):
            setup.append(f"normalise = ...  # the function {said.pop('normalise')}")
            arguments.append("normalise=normalise")
        arguments += [f"{name}={as_code(value)}" for name, value in said.items()]
        line = as_call(f"seen = dip.{self.task.replace('-', '_')}", arguments)
        return "\n".join(["import napari_dip as dip", "", *setup, "", line]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {name: getattr(self, name) for name in self.MEASURED}


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
    shown = _shown(canvas, normalise)
    target = canvas.to_engine()
    _refuse_other_units(canvas, normalise)
    features = Features.of(_network(model), layer or "", len(target), tuple(target.shape[1:]), shown)
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
        "normalise": _said(normalise),
    }
    problem = Problem(wanted[0] / scale, operator=features)
    look = Look("invert-features", features, problem, engine, canvas, said)
    return _finish(look, progress, callback)


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
    features = Features.of(_network(model), layer or "", size[0], tuple(size[1:]), _shown(canvas, normalise))
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
        "normalise": _said(normalise),
        "jitter": features.jitter,
    }
    nothing = torch.zeros((1,) * len(size))
    look = Look("maximise-activation", features, Problem(nothing, operator=features), engine, canvas, said)
    return _finish(look, progress, callback)


# The engine's own streams of random numbers begin far below.
MOVED = 1 << 40


# ------------------------------------------------------------------------------------------------- the run


class Look:
    """A run that shows what a network sees; iterate over it to do it, as over a `napari_dip.job.Job`.

    Attributes
    ----------
    settings
        Complete, in the words of the verbs.
    last
        The newest step, or None.
    stopped_by
        ``"user"`` if that ended it.
    warning
        A sentence for the user, or None.
    """

    def __init__(
        self,
        task: str,
        features: Features,
        problem: Problem,
        engine: Settings,
        canvas: Canvas,
        said: dict[str, Any],
    ) -> None:
        self.task, self.features, self.problem, self.canvas = task, features, problem, canvas
        self.engine = resolve(engine)
        self.settings = said | self.engine.to_dict()
        self.last: Step | None = None
        self.stopped_by: str | None = None
        self.warning: str | None = None
        self._rows: list[dict[str, Any]] = []

    def __iter__(self) -> Generator[Step]:
        pace = Pace(self.engine, 1)
        with closing(iterate(self.problem, self.engine)) as run:
            for it in run:
                self.last = pace.step(0, self.canvas.index, it, 0, None)
                row = {name: getattr(it, name) for name in RECORDED}
                self._rows.append(row | {name: plain(row[name]) for name in ("data_term", "figure")})
                yield self.last
                if self.stopped_by:
                    return

    def stop(self) -> None:
        """End the run after the iteration under way; what it has so far is kept."""
        self.stopped_by = "user"

    def result(self) -> Seen:
        """Return what has been found so far."""
        assert self.last is not None
        it = self.last.iterate
        image = it.best()
        error = activation = None
        if self.features.unit is None:
            error = it.residual()
        else:
            activation = float(self.features(image[None]))
            if activation == 0:
                self.warning = (
                    "The unit gives 0, from where no slope leads on: choose the layer before its ReLU, or "
                    "another seed."
                )
        return Seen(
            self.canvas.filled(image),
            len(self._rows),
            self.stopped_by or it.stopped_by or "user",
            {"run": [0] * len(self._rows), **{name: [row[name] for row in self._rows] for name in RECORDED}},
            self.settings,
            task=self.task,
            feature_error=error,
            activation=activation,
        )


def _finish(look: Look, progress: bool, callback: Callable[[Step], object] | None) -> Seen:
    with torch.enable_grad():  # notebooks that use networks often have it switched off for good
        return finish_job(look, progress=progress, callback=callback)


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


# ---------------------------------------------------------------------------------- images and intensities


@dataclass(frozen=True)
class Canvas:
    """Where an image of the engine's lies in the result, and what its numbers mean there.

    Parameters
    ----------
    frame
        An array of the result's shape and dtype; of a colour image with opacity, that stays.
    axes
        Which axis is which.
    index
        Where the plane or volume lies.
    limits
        What the engine's 0 and 1 are.
    settings
        What the verbs have to be told to make it again.
    """

    frame: NDArray[Any] = field(repr=False)
    axes: Axes
    index: Index
    limits: tuple[float, float]
    settings: dict[str, Any]

    @classmethod
    def of(
        cls, image: Any, axes: str | None, limits: Sequence[float] | None, dtype: DTypeLike | None
    ) -> Canvas:
        """Return the canvas of a given image, which lies on it."""
        given = take(image, axes)
        array, meaning = np.asarray(given.array), given.meaning()
        check_image(array)
        index = _only(meaning, array.shape)
        part = array[index]
        if not np.isfinite(part).all():
            raise ValueError(
                "some pixels of the image are NaN or infinite, of which a network sees nothing: fill them in "
                "first, as by napari_dip.denoise."
            )
        low, high = float(part.min()), float(part.max())
        around = BEYOND * ((high - low) or 1.0)
        asked = _limits((low - around, high + around) if limits is None else limits)
        said = {"limits": list(asked), "axes": meaning.names, "dtype": _named(dtype)}
        return cls(array, meaning, index, asked, said)

    @classmethod
    def blank(
        cls, shape: Sequence[int], axes: str | None, limits: Sequence[float], dtype: DTypeLike | None
    ) -> Canvas:
        """Return a canvas of a shape, with nothing on it but the middle of the range."""
        sides = tuple(np.atleast_1d(np.asarray(shape)).tolist())
        if not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(f"shape must be whole numbers above 0, such as (64, 64), but is {shape!r}.")
        meaning, asked = Axes.of(sides, axes), _limits(limits)
        frame = np.full(sides, sum(asked) / 2, np.float32)
        said = {"limits": list(asked), "axes": meaning.names, "dtype": _named(dtype)}
        return cls(frame, meaning, _only(meaning, sides), asked, said)

    def to_engine(self) -> Tensor:
        """Return what lies on the canvas as the engine has it, shape (channels, [Z,] Y, X)."""
        low, high = self.limits
        planes = self.axes.to_engine(self.frame[self.index]).astype(np.float64)
        return torch.from_numpy(((planes - low) / (high - low)).astype(np.float32))

    def intensities(self, image: Tensor) -> Tensor:
        """Return an image of the engine's in the user's intensities; nothing lies beyond the limits."""
        low, high = self.limits
        return low + (high - low) * image.clamp(0, 1)

    def filled(self, image: Tensor) -> NDArray[Any]:
        """Return the result, an image of the engine's on the canvas."""
        dtype = np.dtype(self.settings["dtype"] or self.frame.dtype).newbyteorder("=")
        result = cast(self.frame, dtype).copy()
        result[self.index] = cast(self.axes.from_engine(self.intensities(image.double()).numpy()), dtype)
        return result


def _only(axes: Axes, shape: Sequence[int]) -> Index:
    """Return where the one plane or volume lies."""
    runs = axes.runs(shape)
    if len(runs) > 1:
        raise ValueError(
            f"a network sees one image at a time, but shape {tuple(shape)} is {axes.describe(shape)}: "
            'pass one of them, such as image[0]; of a volume say axes="ZYX".'
        )
    return runs[0]


def _named(dtype: DTypeLike | None) -> str | None:
    return None if dtype is None else np.dtype(dtype).name


def _limits(limits: Sequence[float]) -> tuple[float, float]:
    try:
        low, high = map(float, limits)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"limits must be two numbers, the darker first, such as (0, 1), but are {limits!r}.")
    return low, high


def _shown(canvas: Canvas, normalise: Normalise) -> Callable[[Tensor], Tensor]:
    """Return what the network is given of an image of the engine's."""
    if normalise is None:
        return canvas.intensities
    if callable(normalise):
        return lambda image: _checked(normalise(canvas.intensities(image)))
    channels, dims = canvas.to_engine().shape[0], len(canvas.axes.spatial)
    mean, std = (torch.tensor(part).view(1, -1, *(1,) * dims) for part in _pair(normalise, channels))
    return lambda image: (canvas.intensities(image) - mean.to(image)) / std.to(image)


def _pair(normalise: Any, channels: int) -> tuple[list[float], list[float]]:
    """Return the means and the standard deviations."""
    try:
        mean, std = (np.atleast_1d(np.asarray(part, float)) for part in normalise)
        good = mean.ndim == std.ndim == 1 and np.isfinite(mean).all() and (std > 0).all()
        good = good and len({mean.size, std.size, 1, *([channels] if channels > 1 else [])}) <= 2
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            "normalise must be (mean, std), numbers or a number each for every channel "
            f"({channels} here) with std above 0, or a callable, but is {normalise!r}."
        )
    return mean.tolist(), std.tolist()


def _checked(given: Any) -> Tensor:
    if not isinstance(given, Tensor):
        raise TypeError(
            f"normalise must return a torch tensor, but returned a {type(given).__name__}: make it of "
            "torch's functions."
        )
    return given


def _refuse_other_units(canvas: Canvas, normalise: Normalise) -> None:
    """Refuse a mean and a standard deviation that can't be those of images like the given one."""
    if normalise is None or callable(normalise):
        return
    off = float(_shown(canvas, normalise)(canvas.to_engine()[None]).abs().median())
    if off > FAR:
        raise ValueError(
            f"by normalise={normalise!r} most pixels are more than {off:.0f} standard deviations off: give "
            "both in the image's own intensities, or change those, as by image / 255."
        )


def _said(normalise: Normalise) -> Any:
    """Return what settings say of it: of a callable its name, by which nobody can find it."""
    if normalise is None:
        return None
    if callable(normalise):
        return getattr(normalise, "__qualname__", type(normalise).__name__)
    return [np.asarray(part, float).tolist() for part in normalise]
