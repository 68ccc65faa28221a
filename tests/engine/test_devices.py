import pytest
import torch

from napari_dip.engine.devices import available_memory, choose_device, choose_precision, repeatable


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "", 3])
def test_an_unknown_device_is_refused_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"is not available here. Choose one of: auto, .*cpu"):
        choose_device(name)


def test_the_precision_is_chosen_once_and_kept():
    device = torch.device("cpu")
    first = choose_precision(device, 1)
    assert first in ("float32", "bfloat16")
    assert all(choose_precision(device, 1) == first for _ in range(3))


def test_what_torch_keeps_of_a_gpus_memory_is_free(monkeypatch):
    for name, answer in {
        "mem_get_info": (1000, 4000),
        "memory_reserved": 500,
        "memory_allocated": 200,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, answer=answer: answer)
    assert available_memory(torch.device("cuda:0")) == 1300


def test_convolutions_are_repeatable_until_the_last_one_has_left(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "deterministic", False)
    with repeatable():
        with repeatable():
            assert cudnn.deterministic
        assert cudnn.deterministic
    assert not cudnn.deterministic
    monkeypatch.setattr(cudnn, "deterministic", True)  # whoever wanted it before goes on wanting it
    with repeatable():
        pass
    assert cudnn.deterministic
