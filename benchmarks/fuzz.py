"""Random input through the public functions: a result, or one clear sentence, and nothing else.

    python benchmarks/fuzz.py --count 10000 --seed 0
    python benchmarks/fuzz.py --only 1234 --seed 0      # one call again, with its whole traceback

Images of 1 to 24 pixels a side, of every dtype and any values, and arguments that are right, at their
limits or nonsense. A call is in order when it returns a result of the right shape and dtype, without
holes, or raises a ValueError, TypeError, OSError or MemoryError of ours, one line that a person can read.
All else (an IndexError, a sentence of torch's, a warning of numpy's, a call that takes too long) is an
offender. Of one result in ten the settings have to make the same pixels again.
"""

from __future__ import annotations

import argparse
import dis
import itertools
import json
import logging
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import torch

import napari_dip as dip
from napari_dip.engine.inputs import INPUTS
from napari_dip.engine.likelihoods import LIKELIHOODS
from napari_dip.engine.networks import NETWORKS
from napari_dip.engine.operators import KERNELS
from napari_dip.engine.optimisers import OPTIMISERS
from napari_dip.engine.penalties import PENALTIES
from napari_dip.engine.stopping import RULES
from napari_dip.images.files import Description, write
from napari_dip.images.psf import PSFS

LONGEST = 30  # seconds of the processor that a call may take
HERE = {"iterations": 2, "device": "cpu", "precision": "float32"}
USUAL = ("uint8", "uint16", "float32", "float64")
DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint32", "uint64", "float16", ">u2", ">f4", "longdouble",
    "complex64", "O", "U3", "M8[s]",
)  # fmt: skip
NONSENSE = (
    0, 1, 2, 3, -1, 7, 0.5, -0.5, 1.5, 1e9, 10**30, float("nan"), float("inf"), True, False, None, "", "a",
    "auto", "noise", [], [1], [4, 4], (8,), {}, {"a": 1}, np.float32(0.5), np.int64(3), np.zeros(3), b"a",
    object(),
)  # fmt: skip
NO_IMAGES = (
    None, "", "nowhere.tif", "a.txt", 3, [], [[1, 2], [3]], {}, b"abc", object(), np.float32(3),
    [[1, 2], [3, 4]], [["a", "b"]], np.matrix([[1.0, 2.0], [3.0, 5.0]]), range(3),
    np.ma.masked_less([[1.0, 5.0]], 2),
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A call of a public function.

    Parameters
    ----------
    verb
        The function's name.
    given
        What it is given by place.
    keywords
        What it is given by name.
    repeats
        Whether its result's settings must make the result again.
    """

    verb: str
    given: tuple[Any, ...]
    keywords: dict[str, Any]
    repeats: bool = False

    def __str__(self) -> str:
        told = [_short(one) for one in self.given]
        told += [f"{name}={_short(value)}" for name, value in self.keywords.items() if name != "callback"]
        return f"{self.verb}({', '.join(told)})"


def _short(value: Any) -> str:
    if not hasattr(value, "dtype") or not np.ndim(value):
        return " ".join(repr(value).split())[:90]
    text = f"<{type(value).__name__} {value.dtype} {value.shape}"
    if isinstance(value, np.ndarray) and value.size and value.dtype.kind in "biuf":
        text += f" {np.asarray(value, float).ravel()[:3]}"
    return text + ">"


# ------------------------------------------------------------------------------------------ what is drawn


class Draw:
    """Random numbers, and what is made of them."""

    def __init__(self, seed: int, number: int, folder: Path) -> None:
        self.rng = np.random.default_rng((seed, number))
        self.folder, self.number = folder, number

    def chance(self, part: float) -> bool:
        return bool(self.rng.random() < part)

    def one(self, *those: Any) -> Any:
        return those[int(self.rng.integers(len(those)))]

    def shape(self) -> tuple[int, ...]:
        axes = int(self.rng.choice(6, p=(0.01, 0.02, 0.62, 0.23, 0.1, 0.02)))
        sides = [int(side) for side in self.rng.integers(1, 4, max(0, axes - 2))]
        sides += [int(side) for side in self.rng.integers(1, 25, min(axes, 2))]
        if self.chance(0.1) and axes > 2:
            sides[-1] = self.one(3, 4)
        if self.chance(0.02) and sides:
            sides[self.one(*range(axes))] = 0
        return tuple(sides)

    def pixels(self, shape: tuple[int, ...] | None = None) -> np.ndarray:
        shape = self.shape() if shape is None else shape
        dtype = np.dtype(self.one(*USUAL) if self.chance(0.75) else self.one(*DTYPES))
        rng = self.rng
        if dtype.kind not in "biuf":
            return np.zeros(shape).astype(dtype)
        limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo("float32")
        if dtype.kind == "f":
            limits = np.finfo(dtype)
        low, high = (0.0, 1.0) if dtype.kind == "b" else (float(limits.min), float(limits.max))
        kind = int(rng.integers(9))
        values = rng.normal(100, 20, shape)
        if kind == 1:
            values = np.full(shape, self.one(0.0, 1.0, -3.0, high))
        elif kind == 2:
            values = np.where(rng.random(shape) < 0.1, high, 0.0)
        elif kind == 3:
            values = rng.random(shape) * self.one(1e-40, 1e-12, 1e12, high)
        elif kind == 4:
            values = np.where(rng.random(shape) < 0.5, low, high)
        elif kind == 5:
            values = rng.poisson(self.one(0.05, 1, 50), shape).astype(float)
        elif kind == 6:
            values = 1e6 + rng.random(shape) * 1e-3
        values = np.asarray(values, np.longdouble)
        if dtype.kind == "f" and self.chance(0.3):
            part = self.one(0.05, 0.5, 0.99, 1.0)
            values = np.where(rng.random(shape) < part, self.one(np.nan, np.inf, -np.inf), values)
        with np.errstate(all="ignore"):
            return values.clip(low, high).astype(dtype) if dtype.kind != "b" else values > 50

    def image(self) -> Any:
        if self.chance(0.03):
            return self.one(*NO_IMAGES)
        image = np.asarray(self.pixels())
        layout = int(self.rng.integers(12))
        if layout == 0:
            image = np.asfortranarray(image)
        elif layout == 1:
            image = image[::-1] if image.ndim else image
        elif layout == 2 and image.ndim:
            image.flags.writeable = False
        elif layout == 3 and image.size:
            return da.from_array(image, chunks=self.one(-1, 1, 5))
        elif layout == 4 and image.dtype.kind in "iuf":
            return self.file(image)
        return image

    def file(self, image: np.ndarray) -> Any:
        """Write an image to a file, in which some bytes may be wrong."""
        path = self.folder / f"{self.number}{self.one('.ome.tif', '.tif', '.png', '.ome.zarr')}"
        if image.ndim < 2 or not path.name.endswith("tif"):
            path = path.with_name(f"{self.number}.ome.tif")
        try:
            write(path, image, Description.plain("Q" * (image.ndim - 2) + "YX"))
        except (TypeError, ValueError):
            return image
        if self.chance(0.5):
            content = bytearray(path.read_bytes())
            for at in self.rng.integers(len(content), size=self.one(1, 3, 30)):
                content[at] = int(self.rng.integers(256))
            path.write_bytes(bytes(content[: self.one(len(content), len(content) // 2, 3)]))
        return path

    def axes(self, image: Any) -> Any:
        if self.chance(0.1):
            return self.one(*NONSENSE)
        count = np.ndim(image) if isinstance(image, np.ndarray | da.Array) else 2
        letters = list("TPCZYXQ")
        self.rng.shuffle(letters)
        ends = list("YX") if self.chance(0.5) else letters[:2]
        free = [letter for letter in letters if letter not in ends]
        names = free[: max(0, count - 2)] + ends
        if self.chance(0.3):
            self.rng.shuffle(names)
        return "".join(names)

    def part(self, kinds: Any) -> Any:
        """Draw a part of the engine: its name, or some of its fields with values that they may not take."""
        name = self.one(*kinds)
        if self.chance(0.3):
            return name
        if self.chance(0.15):
            return self.one(*NONSENSE)
        chosen: dict[str, Any] = {"name": name} if self.chance(0.9) else {}
        for field in fields(kinds[name]):
            if self.chance(0.15):
                chosen[field.name] = self.one(*NONSENSE, 1, 2, 3, 0.5, [4, 4])
        return chosen

    def settings(self, image: Any) -> dict[str, Any]:
        """Draw the keywords that all verbs share, each of which may be nonsense."""
        shape = getattr(image, "shape", (8, 8))
        usual: dict[str, Callable[[], Any]] = {
            "axes": lambda: self.axes(image),
            "preset": lambda: self.one("fast", "best", "ulyanov2018", "tv", "tikhonov"),
            "iterations": lambda: self.one(1, 2, 3, 50),
            "seconds": lambda: self.one(1e-9, 0.01),
            "seed": lambda: self.one(0, 5, 2**63 - 1, 2**63, -1),
            "dtype": lambda: self.one("float32", "uint8", "float16", "int64", ">f8", "c8", "nope", float),
            "noise": lambda: self.one("auto", 0, 0.1, 1e6, {"gain": 1, "offset": 0, "read_noise": 1}),
            "tile": lambda: self.one(1, 16, 144, 10**6),
            "warm": lambda: self.one(True, False),
            "neighbours": lambda: self.one(0, 1, 2, 8),
            "channels": lambda: self.one("apart", "together"),
            "detail": lambda: self.one(-1, -0.3, 0, 0.5, 1),
            "averaging": lambda: self.one(0, 0.5, 0.99, 1.0),
            "tv": lambda: self.one(0, 0.1, 1e30),
            "correction": lambda: self.one("none", "interpolation", "patches"),
            "guess": lambda: self.one(0, 1, 5),
            "finish": lambda: self.one(0, 1, 5),
            "expected": lambda: self.one(1, 500),
            "precision": lambda: self.one("float32", "bfloat16"),
            "device": lambda: self.one("cpu", "cuda", "cuda:7", "mps", "tpu"),
            "stopping": lambda: self.part(RULES),
            "network": lambda: self.part(NETWORKS),
            "input": lambda: self.part(INPUTS),
            "optimiser": lambda: self.part(OPTIMISERS),
            "likelihood": lambda: self.part(LIKELIHOODS),
            "penalty": lambda: self.part(PENALTIES),
            "guide": lambda: self.pixels(self.one(shape, shape[-2:], (5, 6), self.shape())),
            "repeat": lambda: self.pixels(self.one(shape, shape, self.shape())),
            "out": lambda: (
                self.folder / f"to-{self.number}{self.one('.ome.zarr', '.ome.tif', '.png', '.xyz')}"
            ),
        }
        names = self.rng.choice(list(usual), int(self.rng.integers(4)), replace=False)
        names = [*names, "speed"] if self.chance(0.01) else names
        drawn = {str(name): usual.get(name, int)() for name in names}
        drawn = {name: self.one(*NONSENSE) if self.chance(0.1) else value for name, value in drawn.items()}
        return HERE | drawn

    def call(self) -> Call:
        verb = str(self.rng.choice(VERBS, p=WEIGHTS))
        if verb in ("invert_features", "maximise_activation"):
            return self.look(verb)
        image = self.image()
        settings, shape = self.settings(image), getattr(image, "shape", (8, 8))
        given: tuple[Any, ...] = (image,)
        if verb == "inpaint":
            among = self.one(shape, shape, shape[-2:], shape[:-1], self.shape())
            mask = self.rng.random(among) < self.one(0.0, 0.05, 0.3, 0.9, 1.0)
            masks = (mask, mask, mask.astype("uint8") * 3, mask.astype(float), self.pixels())
            given += (self.one(*masks, self.one(*NONSENSE)),)
            for name, values in (
                ("labels", (3, [1, 3], 0, *NONSENSE)),
                ("damage", ("scattered", "scratches", "holes", "rust")),
                ("denoise", (True, False)),
            ):
                if self.chance(0.2):
                    settings[name] = self.one(*values)
        elif verb == "super_resolve":
            given += (self.one(2, 2, 3, 4, (2, 1), (1, 1), (2, 2), (2, 1, 1), 17, *NONSENSE),)
            if self.chance(0.3):
                settings["kernel"] = self.part(KERNELS)
            if self.chance(0.1):
                settings["psf"] = self.one(1.5, (2, 2), *NONSENSE)
        elif verb == "deconvolve":
            count = max(1, len(shape))
            psf = self.rng.random(tuple(self.rng.integers(1, 8, self.one(2, 2, 3, count))))
            given += (self.one(psf, psf, self.pixels(), 2.0, (1.5, 2.5), self.part(PSFS), *NONSENSE),)
        elif verb == "deblock" and self.chance(0.5):
            settings["table"] = self.one(np.full((8, 8), 16), np.ones((8, 8), int).tolist(), *NONSENSE)
        # A dask array is restored later, when nobody looks.
        if not isinstance(image, da.Array) or settings.get("out") is not None:
            settings["callback"] = _soon_enough
        return Call(verb, given, settings, self.chance(0.1))

    def look(self, verb: str) -> Call:
        nn = torch.nn
        model = nn.Sequential(nn.Conv2d(self.one(1, 3), 4, 3), nn.ReLU(), nn.Flatten())
        image = self.image()
        keywords = {name: v for name, v in self.settings(image).items() if self.chance(0.7)}
        keywords = HERE | {"callback": _soon_enough} | keywords
        if self.chance(0.3):
            keywords["normalise"] = self.one((0, 1), ([0, 0, 0], [1, 1, 1]), (1, 0), torch.relu, *NONSENSE)
        if self.chance(0.2):
            keywords["limits"] = self.one((0, 1), (1, 0), (0, np.inf), *NONSENSE)
        layer = self.one("0", "1", "2", "", None, "nine", *NONSENSE)
        if verb == "invert_features":
            return Call(verb, (self.one(model, model, model, 3), layer, image), keywords)
        keywords["unit"] = self.one(0, 1, (1, 2, 3), 99, *NONSENSE)
        keywords["shape"] = self.one((12, 12), (12, 12), (8, 9, 3), (1, 1), (0, 5), *NONSENSE)
        if self.chance(0.2):
            keywords["jitter"] = self.one(0, 2, 100, *NONSENSE)
        return Call(verb, (model, layer), keywords)


VERBS = (
    "denoise", "inpaint", "super_resolve", "deconvolve", "deblock", "invert_features", "maximise_activation",
)  # fmt: skip
WEIGHTS = (0.38, 0.22, 0.15, 0.12, 0.07, 0.03, 0.03)


def _soon_enough(step: Any) -> bool:
    """End a run that was told to take many iterations."""
    return bool(step.iterate.iteration >= 3)


# ------------------------------------------------------------------------------------------- what comes out


@dataclass(frozen=True)
class Outcome:
    """What a call came to: whether that is in order, and in a few words what it was."""

    fine: bool
    what: str


class TooSlowError(Exception):
    """A call has taken longer than `LONGEST`."""


def attempt(call: Call) -> Outcome:
    """Make a call, and judge what comes out of it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            outcome = _judge_result(call, getattr(dip, call.verb)(*call.given, **call.keywords))
        except Exception as error:
            outcome = _judge_error(error)
    # What napari-dip has to say comes as a UserWarning.
    stray = next((one for one in told if one.category is not UserWarning), None)
    if stray is not None and outcome.fine:
        place = f"{Path(stray.filename).name}:{stray.lineno}"
        return Outcome(False, f"{stray.category.__name__} at {place}: {str(stray.message)[:80]}")
    return outcome


def _judge_result(call: Call, result: Any) -> Outcome:
    image = result.image
    asked = call.keywords.get("dtype")
    if call.verb in ("invert_features", "maximise_activation"):
        return Outcome(True, "a result")
    computed = np.asarray(image)
    source = call.given[0]
    if isinstance(source, np.ndarray | da.Array):
        factor = np.array(result.settings.get("factor") or 1)
        wanted = np.dtype(source.dtype if asked is None else asked).newbyteorder("=")
        if call.keywords.get("repeat") is None and computed.dtype != wanted:
            return Outcome(False, f"a result of dtype {computed.dtype}, not {wanted}")
        if factor.max() == 1 and computed.shape != source.shape:
            return Outcome(False, f"a result of shape {computed.shape}, not {source.shape}")
        if computed.size < source.size:
            return Outcome(False, f"a result of {computed.size} pixels, fewer than {source.size}")
        whole = np.isfinite(np.asarray(source, np.longdouble)).all()
        if whole and not np.isfinite(computed).all():
            return Outcome(False, "a result with pixels that are not finite")
    record = json.loads(json.dumps(result.to_dict()))
    if call.repeats and not record["settings"].get("seconds") and call.keywords.get("out") is None:
        others = {k: call.keywords[k] for k in ("guide", "repeat", "callback") if k in call.keywords}
        given = call.given[:2] if call.verb == "inpaint" else call.given[:1]
        labels = {"labels": call.keywords["labels"]} if call.keywords.get("labels") is not None else {}
        again = getattr(dip, call.verb)(*given, **record["settings"], **others, **labels)
        if not np.array_equal(np.asarray(again.image), computed, equal_nan=True):
            return Outcome(False, "settings that make other pixels")
    return Outcome(True, "a result")


def _judge_error(error: Exception) -> Outcome:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    assert trace is not None
    code, text = trace.tb_frame.f_code, str(error)
    ours = Path(dip.__file__).parent in Path(code.co_filename).parents
    on_purpose = ours and code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    # Python's own words for a keyword that there is not.
    by_python = isinstance(error, TypeError) and "keyword argument" in text and code is attempt.__code__
    kind = isinstance(error, ValueError | TypeError | OSError | MemoryError)
    readable = 12 < len(text) < 900 and "\n" not in text and " " in text
    if kind and readable and (on_purpose or by_python):
        return Outcome(True, f"a {type(error).__name__}")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "napari_dip" in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside"
    return Outcome(False, f"{type(error).__name__} at {place}: {' '.join(text.split())[:100]}")


def calls(seed: int, numbers: Iterator[int], folder: Path) -> Iterator[tuple[int, Call]]:
    """Yield calls by their numbers."""
    for number in numbers:
        yield number, Draw(seed, number, folder).call()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="how many calls")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first call")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end after so long")
    parser.add_argument("--only", type=int, help="make one call, and show its traceback")
    chosen = parser.parse_args()
    began, outcomes, offenders = time.monotonic(), Counter[str](), dict[str, list[str]]()
    logging.disable()  # what tifffile says of damaged files
    numbers = iter([chosen.only]) if chosen.only is not None else itertools.count(chosen.first)

    def too_slow(*_: Any) -> None:
        raise TooSlowError(f"more than {LONGEST} s")

    limited = hasattr(signal, "SIGPROF")
    if limited:
        signal.signal(signal.SIGPROF, too_slow)
    with tempfile.TemporaryDirectory() as folder:
        for number, call in calls(chosen.seed, numbers, Path(folder)):
            if chosen.only is not None:
                print(call)
                warnings.simplefilter("error")
                warnings.simplefilter("default", UserWarning)
                print(getattr(dip, call.verb)(*call.given, **call.keywords))
                return
            if limited:
                signal.setitimer(signal.ITIMER_PROF, LONGEST)
            outcome = attempt(call)
            if limited:
                signal.setitimer(signal.ITIMER_PROF, 0)
            outcomes[outcome.what if outcome.fine else "an offender"] += 1
            if not outcome.fine:
                offenders.setdefault(outcome.what, []).append(f"{number}: {call}")
                if len(offenders[outcome.what]) == 1:
                    print(f"{outcome.what}\n    {number}: {call}", flush=True)
            if outcomes.total() >= chosen.count or time.monotonic() - began > 60 * chosen.minutes:
                break
    print(f"\n{outcomes.total()} calls, seed {chosen.seed}, in {time.monotonic() - began:.0f} s")
    for what, times in outcomes.most_common():
        print(f"{times:7} {what}")
    for what, those in sorted(offenders.items(), key=lambda item: -len(item[1])):
        print(f"{len(those):7} {what}")
        print(*(f"          {call}" for call in those[:3]), sep="\n")
    sys.exit(bool(offenders))


if __name__ == "__main__":
    main()
