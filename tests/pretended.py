"""A graphics processor that is pretended: tensors with a device of their own, which records and replays.

They lie in the processor's memory and are computed there, but torch takes them for another device's: what
mixes the two fails as it does on a GPU, and so does what waits for the device while a step is recorded. A
recording has its own places in memory, and does nothing but repeat. What waits is counted.
"""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import torch
from torch import Tensor
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretended"
CPU = torch.device("cpu")
aten = torch.ops.aten

# What waits until the device is done, besides copies from it and masks as an index.
WAITS = {
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten._unique2.default,
}
# An index may lie in the processor's memory, as a number may.
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
COPIES = {aten.copy_.default, aten._to_copy.default}


class Log:
    """What was asked of the device.

    Attributes
    ----------
    waits
        How often each operation has waited for it.
    recordings
        What was recorded.
    recording
        What is being recorded.
    """

    def __init__(self):
        self.begin()

    def begin(self):
        """Forget everything."""
        self.waits, self.recordings, self.recording = Counter(), [], None
        return self


class Recording:
    """Operations, their inputs, and where their results are."""

    def __init__(self):
        self.operations, self.before, self.made = [], {}, set()

    def make(self, tensors):
        """Note where results are: nobody asks what was there before."""
        self.made |= {one.untyped_storage().data_ptr() for one in tensors}

    def write(self, tensor):
        """Keep what is in a tensor before it is changed: while it is recorded nothing is computed."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.made | self.before.keys():
            self.before[storage.data_ptr()] = (storage, storage.clone())

    def end(self):
        for storage, before in self.before.values():
            storage.copy_(before)

    @torch.no_grad()
    def replay(self):
        for function, args, kwargs, results in self.operations:
            again = function(*args, **kwargs)
            if not function._schema.is_mutable:
                for place, now in zip(_tensors(results), _tensors(again), strict=True):
                    place.copy_(now)


LOG = Log()


class Pretended(Tensor):
    """A tensor that says it lies on a GPU."""

    is_cuda = True

    @staticmethod
    def __new__(cls, inner):
        return Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _compute(function, args, kwargs or {})

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self, **kwargs):
        raise TypeError(
            f"can't convert a tensor of {NAME} to numpy. Copy it to the processor's memory first."
        )


def record(function, device):
    """Record what a function does without doing it, as `napari_dip.engine.capture.record` does on a GPU."""
    assert device == DEVICE
    LOG.recording = recording = Recording()
    try:
        results = function()
    finally:
        LOG.recording = None
        recording.end()
    LOG.recordings.append(recording)
    return recording.replay, results


def _compute(function, args, kwargs):
    if function is aten._conj.default:  # a mark on the tensor, which torch would act on twice
        function = aten._conj_physical.default
    given = _tensors((args, kwargs))
    strangers = [one for one in given if not isinstance(one, Pretended) and one.ndim]
    if strangers and function not in COPIES | INDEXED:
        raise RuntimeError(f"{function}: all tensors must be on the same device, but are on {NAME} and cpu")
    to = kwargs.get("device")
    back = (to is not None and to.type != NAME) or (
        function is aten.copy_.default and not isinstance(args[0], Pretended)
    )
    masked = function in INDEXED and any(one is not None and one.dtype == torch.bool for one in args[1])
    if waits := function in WAITS or back or masked:
        LOG.waits[str(function)] += 1
    if LOG.recording is not None and (waits or strangers):
        raise RuntimeError(f"{function}: operation not permitted when stream is capturing")
    bare, named = _mapped(args, _bare), _mapped(kwargs, _bare)
    if LOG.recording is not None:
        for spot, value in zip(function._schema.arguments, bare, strict=False):
            if spot.alias_info is not None and spot.alias_info.is_write:
                _mapped(_tensors(value), LOG.recording.write)
        _mapped(_tensors(named.get("out")), LOG.recording.write)
    results = function(*bare, **named)
    if LOG.recording is not None:
        aliases = any(one.alias_info is not None for one in function._schema.returns)
        if function._schema.is_mutable or not aliases:  # a view is there for good
            LOG.recording.operations.append((function, bare, named, results))
        if not aliases:
            LOG.recording.make(_tensors(results))
    if back:
        return args[0] if function is aten.copy_.default else results
    there = _mapped(results, lambda one: Pretended(one) if isinstance(one, Tensor) else one)
    return return_and_correct_aliasing(function, args, kwargs, there)


def _mapped(tree, function):
    """Return lists, tuples and dictionaries with a function of each of their ends."""
    if isinstance(tree, (list, tuple)):
        return type(tree)([_mapped(one, function) for one in tree])
    if isinstance(tree, dict):
        return {key: _mapped(one, function) for key, one in tree.items()}
    return function(tree)


def _tensors(tree):
    found = []
    _mapped(tree, lambda one: found.append(one) if isinstance(one, Tensor) else None)
    return found


def _bare(one):
    if isinstance(one, Pretended):
        return one.inner
    return CPU if isinstance(one, torch.device) and one.type == NAME else one


def _made(function):
    """Return what makes a tensor of the device where none is given."""

    def make(*args, device, pin_memory=None, **kwargs):
        tensor = function(*args, **kwargs)
        if LOG.recording is not None:
            LOG.recording.make([tensor])
        return Pretended(tensor)

    return make


def _copied(source, target, non_blocking=False):
    if LOG.recording is not None:
        raise RuntimeError("copy: operation not permitted when stream is capturing")
    _bare(target).copy_(_bare(source))
    return target


def _module():
    """Return what torch asks of a device."""
    module = ModuleType(NAME)
    module.is_available = module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.device_count, module.current_device = lambda: 1, lambda: 0
    module.manual_seed_all = lambda seed: None
    module.get_amp_supported_dtype = lambda: [torch.bfloat16]
    return module


_setup_privateuseone_for_python_backend(NAME, _module())
DEVICE = torch.device(NAME, 0)
_LIBRARY = torch.library.Library("aten", "IMPL")
for _name, _function in {
    "empty.memory_format": _made(aten.empty.memory_format),
    "empty_strided": _made(aten.empty_strided.default),
    "arange.start_step": _made(aten.arange.start_step),
    "_copy_from": _copied,
}.items():
    _LIBRARY.impl(_name, _function, "PrivateUse1")
