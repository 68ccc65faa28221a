"""Point spread functions: measured, or computed from a width or from a microscope's optics."""

from __future__ import annotations

import base64
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import center_of_mass, gaussian_filter, label
from scipy.special import j0

from napari_dip.engine.components import Component, Entries, Range, shown

__all__ = ["PSFS", "GaussianPSF", "MeasuredPSF", "Optics", "PointSpread"]

Floats = NDArray[np.float64]
Length = Annotated[float, Range(0, 1000, but=0)]
Lengths = Length | Annotated[tuple[Length, ...], Entries(1, 3)]

# Part of its light by which a point spread function may be cut at its ends along each axis: each pixel less
# is a pixel less around the image.
FAINT = 0.002
# How far the light of `Optics` is followed, in radii of the Airy disk and in the depths of its first zero.
RINGS, DEPTHS = 4.0, 1.5
# Points within a pixel, along each axis in the plane, at which the light is looked at.
POINTS = 3
# Of a point's image this part of the pixels, at least, is as good as dark; more than so much of its light in
# all of them is a background. (Of computed optics' light it is 0.03, in depth 0.02.)
DARK, MOST_EVEN = 0.1, 0.15
# Pixels: noise is smoothed by so much before bright spots are looked for, and one may lie so far off.
SPECK, FAR = 1.0, 1.0
# At more points than this no point spread function is worth its memory.
MOST_POINTS = 2**25


class PointSpread(Component, ABC):
    """What a microscope makes of a point of light."""

    @abstractmethod
    def array(self, axes: int) -> Floats:
        """Return it over the last 2 or all 3 spatial axes: odd sizes, the point in the middle, sum 1."""

    @property
    def doubt(self) -> str:
        """Why it is not likely to be the image of one point, in a sentence, or nothing."""
        return ""


@dataclass(frozen=True)
class GaussianPSF(PointSpread):
    """A Gaussian, as good as any where little is known.

    Parameters
    ----------
    fwhm
        Full width at half maximum in pixels, for all axes or for each.
    """

    fwhm: Lengths = 2.0
    name: ClassVar[str] = "gaussian"

    def array(self, axes: int) -> Floats:
        psf = np.ones((1,) * axes)
        sigmas = [fwhm / math.sqrt(8 * math.log(2)) for fwhm in _each(self.fwhm, axes, "fwhm")]
        reaches = [max(1, math.ceil(3.5 * sigma)) for sigma in sigmas]
        _refuse_large([2 * reach + 1 for reach in reaches], f"fwhm is {shown(self.fwhm)} pixels")
        for axis, (sigma, reach) in enumerate(zip(sigmas, reaches, strict=True)):
            along = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
            psf = psf * np.expand_dims(along, [other for other in range(axes) if other != axis])
        return _summing_to_1(psf)


@dataclass(frozen=True)
class Optics(PointSpread):
    """A microscope without aberrations: the scalar Debye integral over its pupil [1]_.

    The light at the distance ``r`` from the optical axis and ``z`` from the focus of a point is
    ``|integral of sqrt(cos t) J0(k r sin t) exp(i k z cos t) sin t dt|**2`` for ``t`` from 0 to ``alpha``,
    ``k = 2 pi n / wavelength`` and ``n sin(alpha) = NA``; in the focus and for a small aperture this is the
    Airy disk.

    Parameters
    ----------
    numerical_aperture
        The objective's.
    wavelength
        Of the light that is seen, in micrometres.
    refractive_index
        Of what is between the objective and the sample: 1.0 air, 1.33 water, 1.515 oil.
    pixel_size
        In micrometres, for all axes or for each; None to take it from the layer or file.
    microscope
        ``"widefield"``, or ``"confocal"`` with a small pinhole, whose point spread is the square.

    References
    ----------
    .. [1] Gu, "Advanced Optical Imaging Theory", Springer, 2000, section 6.2; Born, Wolf, "Principles of
       Optics", section 8.8, for small apertures.
    """

    numerical_aperture: Annotated[float, Range(0, 10)] = 1.4
    wavelength: Annotated[float, Range(0)] = 0.52
    refractive_index: Annotated[float, Range(1, 10)] = 1.515
    pixel_size: Lengths | None = None
    microscope: Literal["widefield", "confocal"] = "widefield"
    name: ClassVar[str] = "optics"

    def __post_init__(self) -> None:
        """Refuse what no microscope has."""
        super().__post_init__()
        if not 0 < self.numerical_aperture < self.refractive_index:
            raise ValueError(
                "numerical_aperture must be above 0 and below the refractive index, "
                f"{self.refractive_index!r}, but is {self.numerical_aperture!r}."
            )
        if not 0.1 <= self.wavelength <= 10:
            raise ValueError(
                f"wavelength must be in micrometres, as 0.52 for green light, but is {self.wavelength!r}."
            )

    def array(self, axes: int) -> Floats:
        if self.pixel_size is None:
            raise ValueError(
                "the psf's optics need a pixel_size in micrometres, as the image doesn't say one: add it, as "
                "in psf={'numerical_aperture': 1.4, 'wavelength': 0.52, 'pixel_size': 0.1}."
            )
        *depth, height, width = _each(self.pixel_size, axes, "pixel_size")
        wavelength, index, aperture = self.wavelength, self.refractive_index, self.numerical_aperture
        farthest = DEPTHS * 2 * index * wavelength / aperture**2 if depth else 0.0
        # Away from the focus the light fills a cone.
        slope = aperture / math.sqrt(index**2 - aperture**2)
        radius = max(RINGS * 0.61 * wavelength / aperture, farthest * slope)
        reaches = [(farthest, depth[0], 1)] if depth else []
        reaches += [(radius, height, POINTS), (radius, width, POINTS)]
        sizes = [points * (2 * reach / step + 1) for reach, step, points in reaches]
        _refuse_large(sizes, f"pixel_size is {shown(self.pixel_size)} micrometres")
        z = np.array([0.0]) if not depth else _around(farthest, depth[0])
        fine = [_around(radius, step, POINTS) for step in (height, width)]
        r = np.hypot(fine[0][:, None], fine[1])
        distances = np.linspace(0, r.max(), 1 + math.ceil(r.max() / (0.02 * wavelength / aperture)))
        light = np.stack([np.interp(r, distances, along) for along in self._light(distances, z)])
        if self.microscope == "confocal":
            light = light**2
        planes = light.reshape(len(z), len(fine[0]) // POINTS, POINTS, -1, POINTS).sum((2, 4))
        return _trimmed(planes if depth else planes[0])

    def _light(self, r: Floats, z: Floats) -> Floats:
        """Return the light at distances from the axis, for each distance from the focus."""
        alpha, k = (
            math.asin(self.numerical_aperture / self.refractive_index),
            2 * math.pi * self.refractive_index / self.wavelength,
        )
        # Enough points for the fastest phase.
        count = 64 + 4 * math.ceil(k * (r.max() + np.abs(z).max()))
        t = (np.arange(count) + 0.5) * alpha / count
        pupil = np.sqrt(np.cos(t)) * np.sin(t)
        waves = j0(k * np.outer(r, np.sin(t))) * pupil
        return np.asarray(np.abs(np.exp(1j * k * np.outer(z, np.cos(t))) @ waves.T) ** 2)


@dataclass(frozen=True)
class MeasuredPSF(PointSpread):
    """One that was measured, or computed elsewhere.

    Parameters
    ----------
    shape
        Its sizes, odd.
    float32
        Its numbers in C order, in base 64: plain JSON, and short.
    """

    shape: Annotated[tuple[Annotated[int, Range(1, 2**16)], ...], Entries(2, 3)]
    float32: str
    name: ClassVar[str] = "measured"

    def __post_init__(self) -> None:
        """Refuse what is no point spread function."""
        super().__post_init__()
        try:
            numbers = self._numbers()
        except ValueError:
            numbers = np.empty(0)
        usable = numbers.size == math.prod(self.shape) and bool(np.isfinite(numbers).all())
        if not (usable and all(size % 2 for size in self.shape) and numbers.sum() > 0):
            raise ValueError(
                f"the measured psf must have odd sizes and, in float32, as many numbers in base 64, with a "
                f"sum above 0, but its shape is {self.shape} and its numbers are {shown(self.float32)}: give "
                "the psf itself again, an array or a file."
            )

    @property
    def doubt(self) -> str:
        light = self._numbers().reshape(self.shape)
        dark = float(np.quantile(light, DARK))
        even = dark * light.size / float(light.sum())
        if even > MOST_EVEN and dark < light.max() / 2:  # else it is a box, or a disc
            return (
                f"{even:.0%} of the point spread's light is as strong everywhere, as a background is: "
                "subtract that first."
            )
        smooth = gaussian_filter(light, SPECK, mode="constant")
        spots, number = label(smooth > smooth.max() / 2)
        if number > 1:
            return (
                f"The point spread has {number} bright spots, as of {number} beads: cut out a single one, "
                "unless one point of light makes them all."
            )
        away = np.array(center_of_mass(smooth, spots, 1)) - [size // 2 for size in self.shape]
        if np.abs(away).max() > FAR:
            beside = " x ".join(f"{abs(one):.0f}" for one in away)
            return (
                f"The point spread lies {beside} pixels beside its middle, and the result will lie as far "
                "from the image: cut the bead out with its brightest pixel in the middle."
            )
        return ""

    def _numbers(self) -> Floats:
        return np.frombuffer(base64.b64decode(self.float32, validate=True), "<f4").astype(np.float64)

    @classmethod
    def of(cls, psf: ArrayLike, axes: int) -> MeasuredPSF:
        """Take an array of any sizes and scale.

        The point lies at ``size // 2`` along each axis, as for `numpy.fft.fftshift`,
        `scipy.ndimage.convolve` and `skimage.restoration.wiener`.
        """
        array = np.asarray(psf)
        if array.dtype.kind not in "biuf" or array.ndim != axes:
            raise ValueError(
                f"the psf has shape {array.shape} and type {array.dtype}, but the image has {axes} spatial "
                f"axes: give an array of {axes} axes of real numbers, a width in pixels, or the optics."
            )
        with np.errstate(over="ignore"):
            light = array.astype(np.float64).clip(0).sum()
        if not np.isfinite(array).all() or not 0 < light < math.inf:
            raise ValueError(
                "the point spread must be of finite numbers, and have light in it: check how the bead, or "
                "psf, was loaded."
            )
        # What lies below 0 is a background that was taken away.
        light = np.pad(array.astype(np.float64).clip(0), [(0, 1 - size % 2) for size in array.shape])
        light = _trimmed(light).astype("<f4")
        return cls(light.shape, base64.b64encode(light.tobytes()).decode())

    def array(self, axes: int) -> Floats:
        if len(self.shape) != axes:
            raise ValueError(f"the psf has {len(self.shape)} axes, but the image has {axes} spatial axes.")
        return _summing_to_1(self._numbers().reshape(self.shape))


PSFS: dict[str, type[Any]] = {kind.name: kind for kind in (GaussianPSF, Optics, MeasuredPSF)}


def _each(value: float | tuple[float, ...], axes: int, what: str) -> list[float]:
    values = [float(one) for one in np.ravel(value)]
    values = values * axes if np.ndim(value) == 0 else values
    if len(values) != axes:
        raise ValueError(
            f"the psf's {what} has {len(values)} entries, but the image has {axes} spatial axes."
        )
    return values


def _refuse_large(sizes: Sequence[float], why: str) -> None:
    if math.prod(sizes) > MOST_POINTS:
        raise ValueError(
            f"the psf would have {math.prod(sizes):.2g} points, as its {why}: at most {MOST_POINTS:.2g} are "
            "possible. Check the unit."
        )


def _around(reach: float, step: float, points: int = 1) -> Floats:
    """Return places that are evenly apart, `points` of them to each step, up to some steps on each side."""
    count = points * (2 * math.ceil(reach / step) + 1)
    return (np.arange(count) - (count - 1) / 2) * step / points


def _trimmed(psf: Floats) -> Floats:
    """Return the part of it around its middle that is worth its place, with a sum of 1."""
    psf = _summing_to_1(psf)
    for axis in range(psf.ndim):
        along = psf.sum(tuple(other for other in range(psf.ndim) if other != axis))
        pairs = np.cumsum(along + along[::-1])[: len(along) // 2]
        cut = int(np.searchsorted(pairs, FAINT, side="right"))
        psf = np.take(psf, range(cut, len(along) - cut), axis)
    return _summing_to_1(psf)


def _summing_to_1(psf: Floats) -> Floats:
    return np.asarray(psf / psf.sum())
