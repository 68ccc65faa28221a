"""What a verb is asked for, checked: its arguments become a `Plan`, and a plan a `Job`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from napari_dip.detail import check_detail
from napari_dip.engine.components import refuse_unknown, shown
from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.networks import Picture
from napari_dip.engine.presets import guided
from napari_dip.engine.settings import Settings
from napari_dip.forward import factors_of, kernels_of, point_spread_of, steps_of
from napari_dip.given import Given, array_of, is_layer, refuse_uneven, take
from napari_dip.images.axes import Axes
from napari_dip.images.damage import KINDS, worst_damage
from napari_dip.images.files import is_path
from napari_dip.images.guides import Guide, array_guide, layer_guide, shares_noise
from napari_dip.images.intensities import dtype_of
from napari_dip.images.jpeg import quantisation_of
from napari_dip.images.masks import EmptyMask, array_mask, layer_mask, missing_in
from napari_dip.images.noise import Noise
from napari_dip.images.repeats import Repeated
from napari_dip.job import Job
from napari_dip.plan import Plan
from napari_dip.presets import choose_preset
from napari_dip.tasks import Deblock, Deconvolve, Denoise, Inpaint, SuperResolve, Task

__all__ = [
    "Part",
    "asked_to_deblock",
    "asked_to_deconvolve",
    "asked_to_denoise",
    "asked_to_inpaint",
    "asked_to_super_resolve",
    "plan_deblock",
    "plan_deconvolve",
    "plan_denoise",
    "plan_inpaint",
    "plan_super_resolve",
    "refuse_unusable",
]

# A part of the engine that can be chosen: its name, or its settings.
Part = str | Mapping[str, Any] | None

# What a job is told besides the engine's settings.
OF_JOBS = (
    "guide", "guided_by", "noise", "dtype", "tile", "warm", "neighbours", "channels", "detail", "uncertainty",
    "out",
)  # fmt: skip
MOST_RUNS = 16
# A guide of more pixels is not looked through before a run.
LARGEST_LOOKED_AT = 2**26


def plan_denoise(image: Any, **settings: Any) -> Job:
    """Check the arguments of `denoise` and return the job that it would do, here and at once."""
    return Job(asked_to_denoise(image, **settings))


def plan_inpaint(image: Any, mask: Any = None, **settings: Any) -> Job:
    """Check the arguments of `inpaint` and return the job that it would do, here and at once."""
    return Job(asked_to_inpaint(image, mask, **settings))


def plan_deblock(image: Any, **settings: Any) -> Job:
    """Check the arguments of `deblock` and return the job that it would do, here and at once."""
    return Job(asked_to_deblock(image, **settings))


def plan_deconvolve(image: Any, psf: Any, **settings: Any) -> Job:
    """Check the arguments of `deconvolve` and return the job that it would do, here and at once."""
    return Job(asked_to_deconvolve(image, psf, **settings))


def plan_super_resolve(image: Any, factor: int | Sequence[int], **settings: Any) -> Job:
    """Check the arguments of `super_resolve` and return the job that it would do, here and at once."""
    return Job(asked_to_super_resolve(image, factor, **settings))


def asked_to_denoise(
    image: Any,
    *,
    repeat: Any = None,
    repeated: str | None = None,
    preset: str = "fast",
    axes: str | None = None,
    **settings: Any,
) -> Plan:
    """Check the arguments of `denoise` and return the plan of what it would do."""
    given = take(image, axes)
    if repeat is not None:
        if settings.get("dtype") is None:
            settings["dtype"] = given.array.dtype
        given = _with_repeat(given, repeat, settings.get("out") is not None)
    elif repeated is not None:
        raise ValueError(
            f"these settings are of a run with a repeat (repeated={repeated!r}): give it too, repeat=..., or "
            "leave repeated out."
        )
    return _plan(Denoise(), "denoise", given, given.meaning(_in_volumes(settings)), preset, settings)


def asked_to_inpaint(
    image: Any,
    mask: Any = None,
    *,
    labels: int | Sequence[int] | None = None,
    damage: str | None = None,
    denoise: bool = False,
    preset: str = "fast",
    axes: str | None = None,
    **settings: Any,
) -> Plan:
    """Check the arguments of `inpaint` and return the plan of what it would do."""
    given = take(image, axes)
    meaning, shape = given.meaning(_in_volumes(settings)), given.array.shape
    missing = _to_fill_in(given, mask, labels, meaning)
    if damage is not None and not (isinstance(damage, str) and damage in KINDS):
        raise ValueError(
            f"damage must be one of {', '.join(KINDS)}, or None to tell by the mask, but is {shown(damage)}."
        )
    worst = worst_damage(missing, meaning)
    chosen = None if labels is None else tuple(int(label) for label in np.ravel(labels))
    damaged = replace(worst, kind=damage or worst.kind)
    task = Inpaint.of(missing, meaning, shape, damaged, denoise, chosen)
    plan = _plan(task, task.damage.kind, given, meaning, preset, settings)
    _refuse_empty_planes(plan)
    return plan


def _refuse_empty_planes(plan: Plan) -> None:
    """Refuse planes of which the mask says nothing, unless pixels that are not finite may be filled in."""
    assert isinstance(plan.task, Inpaint)
    if not plan.planes or plan.task.denoise or plan.image.dtype.kind == "f":
        return
    if not np.asarray(plan.task.mask).any():
        raise ValueError(
            f"the mask has nothing to fill in on the planes {plan.planes}: choose others, or leave planes "
            "out."
        )


def _to_fill_in(given: Given, mask: Any, labels: Any, axes: Axes) -> Any:
    """Return what a mask says, or where it says nothing, which pixels are NaN or infinite."""
    try:
        if mask is None:
            raise EmptyMask(
                "without a mask, pixels that are NaN or infinite are filled in, but the image has none. Give "
                "a mask, nonzero where pixels are to be filled in."
            )
        if is_layer(mask) and given.layer is not None:
            return layer_mask(mask, given.layer, labels)
        if hasattr(mask, "to_labels"):  # a napari layer of shapes
            raise TypeError(
                "shapes lie on an image layer, but the image is none: give that layer as the image, or as "
                "the mask an array, such as shapes.to_labels(image.shape)."
            )
        return array_mask(array_of(mask, "mask"), given.array.shape, axes, labels)
    except EmptyMask:
        missing = missing_in(given.array, axes)
        if not missing.any():
            raise
        return missing


def asked_to_super_resolve(
    image: Any,
    factor: int | Sequence[int],
    *,
    kernel: Part | Sequence[Part] = None,
    psf: float | Sequence[float] | None = None,
    preset: str = "fast",
    axes: str | None = None,
    **settings: Any,
) -> Plan:
    """Check the arguments of `super_resolve` and return the plan of what it would do."""
    given = take(image, axes)
    refuse_uneven(factor, "factor")
    if _unnamed(given) and np.size(factor) == 3:
        given = replace(given, axes="ZYX")
    meaning = given.meaning(_in_volumes(settings))
    factors = factors_of(factor, meaning)
    kernels = kernels_of(kernel, psf, meaning, given.scale)
    presets = "super-resolve" if len(factors) == 2 else "super-resolve volumes"
    return _plan(SuperResolve(factors, kernels), presets, given, meaning, preset, settings)


def asked_to_deblock(
    image: Any,
    *,
    table: Any = None,
    preset: str = "fast",
    axes: str | None = None,
    **settings: Any,
) -> Plan:
    """Check the arguments of `deblock` and return the plan of what it would do."""
    given = take(image, axes)
    meaning = given.meaning(_in_volumes(settings))
    if len(meaning.spatial) != 2:
        raise ValueError(
            f"JPEG compresses planes, but with axes={meaning.names!r} the image is made of volumes: name Z "
            "otherwise, as T, or leave axes out."
        )
    if table is None and is_path(image):
        table = quantisation_of(image)
    return _plan(Deblock(steps_of(table, meaning, given)), "deblock", given, meaning, preset, settings)


def asked_to_deconvolve(
    image: Any, psf: Any, *, preset: str = "fast", axes: str | None = None, **settings: Any
) -> Plan:
    """Check the arguments of `deconvolve` and return the plan of what it would do."""
    given = take(image, axes)
    psf = array_of(psf, "psf")
    deep = np.ndim(psf) == 3 or (np.ndim(psf) == 1 and np.size(psf) == 3)
    if _unnamed(given) and deep:
        given = replace(given, axes="ZYX")
    meaning = given.meaning(_in_volumes(settings))
    presets = "deconvolve" if len(meaning.spatial) == 2 else "deconvolve volumes"
    return _plan(Deconvolve(point_spread_of(psf, meaning, given)), presets, given, meaning, preset, settings)


def _plan(
    task: Task,
    presets: str,
    given: Given,
    axes: Axes,
    preset: str,
    settings: dict[str, Any],
) -> Plan:
    planes = settings.pop("planes", None)
    if settings.get("guide") is not None:
        presets = guided(presets)
    chosen = choose_preset(preset, task.name, presets)
    settings = {**chosen.rest, **{name: value for name, value in settings.items() if value is not None}}
    refuse_unknown(settings, [*OF_JOBS, *(one.name for one in fields(Settings))], "The settings")
    rest = {name: settings.pop(name, None) for name in OF_JOBS}
    refuse_unusable(rest)
    if rest["channels"] == "together":
        axes = _together(axes, given, task)
    detail = 0.0 if rest["detail"] is None else float(rest["detail"])
    if detail and not task.adjustable:
        raise ValueError(
            f"detail={detail} is for denoising, and this is to {task.name}: leave it out, or denoise the "
            "result."
        )
    runs = _runs(rest["uncertainty"], task, detail)
    engine = chosen.engine.changed(**settings)
    if runs and not isinstance(engine.stopping, HeldOut):
        raise ValueError(
            f"uncertainty={runs} is told by pixels that are held out, but stopping is "
            f"{engine.stopping.name!r}: leave one of them out."
        )
    if rest["guide"] is not None and isinstance(engine.network, Picture):
        raise ValueError(
            f"network 'picture', as the preset {preset!r} has it here, makes nothing of a guide: leave guide "
            "out, or choose another preset."
        )
    plan = Plan(
        given.array,
        axes,
        engine,
        task,
        noise=_noise_along(axes, rest["noise"]),
        preset=chosen.name,
        dtype=None if rest["dtype"] is None else dtype_of(rest["dtype"]),
        tile=None if rest["tile"] is None else int(rest["tile"]),
        warm=rest["warm"] is None or bool(rest["warm"]),
        neighbours=None if rest["neighbours"] is None else int(rest["neighbours"]),
        detail=detail,
        uncertainty=runs,
        guide=_guide(rest["guide"], rest["guided_by"], task, given, axes),
        out=rest["out"],
        description=None if rest["out"] is None else given.description(axes),
        lazy=given.lazy and rest["out"] is None,
    )
    return plan if planes is None else plan.only(planes)


def refuse_unusable(settings: Mapping[str, Any]) -> None:
    """Refuse what a job can't be told, whatever its image and whatever else is asked.

    Raises
    ------
    ValueError, TypeError
        With a sentence for the user.
    """
    out, channels, neighbours, tile, warm = (
        settings.get(name) for name in ("out", "channels", "neighbours", "tile", "warm")
    )
    if out is not None and not is_path(out):
        raise TypeError(f"out must be the path of a file to write to, but is {out!r}.")
    if not isinstance(channels, str | None) or channels not in (None, "apart", "together"):
        raise ValueError(f"channels must be 'apart' or 'together', but is {shown(channels)}.")
    whole = isinstance(neighbours, Integral | None) and not isinstance(neighbours, bool)
    if not whole or neighbours not in (None, *range(9)):
        raise ValueError(
            f"neighbours must be a whole number of planes from 0 to 8, but is {shown(neighbours)}."
        )
    if tile is not None and (isinstance(tile, bool) or not isinstance(tile, Integral) or tile < 1):
        raise ValueError(
            f"tile must be a whole number of pixels, or None for no tiles, but is {shown(tile)}."
        )
    if not isinstance(warm, bool | np.bool_ | None):
        raise ValueError(f"warm must be True or False, but is {shown(warm)}.")
    _noise(settings.get("noise"))
    if settings.get("detail") is not None:
        check_detail(settings["detail"])


def _together(axes: Axes, given: Given, task: Task) -> Axes:
    """Return the axes with all channels of a plane or volume for one run."""
    if axes.channel is None or axes.joint_channels:
        raise ValueError(
            "channels='together' is for an image with a channel axis, but this is "
            f"{axes.describe(given.array.shape)}. Leave it out, or call an axis C, as in axes='CYX'."
        )
    if isinstance(task, Deblock) and task.table is not None:
        raise ValueError(
            "channels='together' is not for JPEG files, whose table is of one channel: leave one of them out."
        )
    return axes.together()


def _runs(uncertainty: Any, task: Task, detail: float) -> int:
    """Return by how many runs the uncertainty is told, 0 for none."""
    if uncertainty is None or (uncertainty == 0 and not isinstance(uncertainty, bool)):
        return 0
    if isinstance(uncertainty, bool) or uncertainty not in range(2, MOST_RUNS + 1):
        raise ValueError(
            f"uncertainty must be a number of runs from 2 to {MOST_RUNS}, or 0 for none, but is "
            f"{shown(uncertainty)}."
        )
    if not task.assessable:
        raise ValueError(
            f"uncertainty is for denoising and inpainting, and this is to {task.name}: pixels that are held "
            "out say nothing of the result's. Leave it out."
        )
    if detail:
        raise ValueError(
            f"uncertainty is that of the automatic choice, but detail is {detail}: leave one of them out."
        )
    return int(uncertainty)


def _unnamed(given: Given) -> bool:
    """Whether the image has three axes of which nothing says that the first is not depth."""
    return given.axes in (None, "QYX") and not given.rgb and given.array.ndim == 3


def _guide(guide: Any, asked: str | None, task: Task, given: Given, axes: Axes) -> Guide | None:
    if guide is None:
        if asked is not None:
            raise ValueError(
                f"these settings are of a run with a guide (guided_by={asked!r}): give it too, guide=..., or "
                "leave guided_by out."
            )
        return None
    pixels = array_of(guide, "guide")
    _refuse_empty_guide(pixels, given.array)
    factors = task.factors(axes)
    if is_layer(guide) and given.layer is not None:
        return layer_guide(guide, given.layer, axes, factors)
    return array_guide(pixels, given.array.shape, axes, factors)


def _refuse_empty_guide(guide: Any, image: Any) -> None:
    """Refuse a guide that says nothing, and warn of one that says what the image does, noise and all."""
    if not isinstance(guide, np.ndarray) or guide.dtype.kind not in "biuf" or guide.size > LARGEST_LOOKED_AT:
        return
    finite = guide[np.isfinite(guide)]
    if not finite.size or finite.min() == finite.max():
        raise ValueError(
            "the guide is the same everywhere, or has no finite pixel, and says nothing of the image: leave "
            "it out, or choose another."
        )
    if isinstance(image, np.ndarray) and image.shape == guide.shape and shares_noise(guide, image):
        warnings.warn(
            "the guide is the image itself, or made of it, noise and all, which then passes for structure: "
            "leave it out, or choose a cleaner picture of the same.",
            stacklevel=2,
        )


def _with_repeat(given: Given, repeat: Any, to_file: bool) -> Given:
    """Return the mean of an image and a repeat, as it was given."""
    if given.lazy and not to_file:
        raise ValueError(
            "repeat is for images that are restored at once, but a dask array is restored when it is "
            "computed: pass image.compute(), or out=, a file for the result."
        )
    return replace(given, array=Repeated(given.array, array_of(repeat, "repeat")))


def _in_volumes(settings: Mapping[str, Any]) -> bool:
    return settings.get("neighbours") is None


def _noise_along(axes: Axes, noise: Any) -> Noise | None:
    told = _noise(noise)
    if told is not None and told.correlation and len(told.correlation) != len(axes.spatial):
        names = ", ".join(axes.names[axis] for axis in axes.spatial)
        raise ValueError(
            f"noise's correlation must have a list for each of the axes {names}, or be empty, but has "
            f"{len(told.correlation)}."
        )
    return told


def _noise(noise: Any) -> Noise | None:
    if noise is None or (isinstance(noise, str) and noise == "auto"):
        return None
    if isinstance(noise, Mapping):
        return Noise.from_dict(noise)
    if isinstance(noise, Real) and not isinstance(noise, bool) and 0 <= float(noise) < float("inf"):
        return Noise(gain=0.0, offset=0.0, read_noise=float(noise), correlation=())
    raise ValueError(
        f"noise must be 'auto', a standard deviation of 0 or more in the image's units, or a dict of gain, "
        f"offset, read_noise and correlation, but is {shown(noise)}."
    )
