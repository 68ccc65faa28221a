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
    first = choose_precision("auto", device, 1, 2)
    assert first in ("float32", "bfloat16")
    assert all(choose_precision("auto", device, 1, 2) == first for _ in range(3))
    assert all(choose_precision(asked, device, 1, 2) == asked for asked in ("float32", "bfloat16"))


def test_volumes_are_computed_in_float32_on_a_processor():
    device = torch.device("cpu")
    assert choose_precision("auto", device, 1, 3) == choose_precision("float32", device, 1, 3) == "float32"
    assert choose_precision("bfloat16", torch.device("cuda"), 1, 3) == "bfloat16"
    with pytest.raises(
        ValueError, match=r"not safe for volumes on a processor.*'float32' or 'auto', or a GPU"
    ):
        choose_precision("bfloat16", device, 1, 3)


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
