import pytest
import torch

from napari_dip.engine.company import told_by_others


def images(*mixtures):
    generator = torch.Generator().manual_seed(0)
    fine = torch.randn(3, 64, 64, generator=generator)
    return torch.einsum("cs,syx->cyx", torch.tensor(mixtures), fine)[None]


def test_one_channel_tells_itself():
    assert told_by_others(images((1.0, 0.0, 0.0)), torch.ones(1)).tolist() == [0]


def test_channels_with_nothing_in_common_tell_each_other_next_to_nothing():
    parts = told_by_others(images((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), torch.ones(3))
    assert (parts < 0.02).all()


def test_channels_of_the_same_are_told_by_all_alike():
    parts = told_by_others(images(*[(3.0, 0.0, 0.0)] * 3), torch.ones(3))
    assert parts.tolist() == pytest.approx([2 / 3] * 3, abs=0.02)


def test_a_dim_channel_is_told_by_a_bright_one_and_not_the_other_way_round():
    bright, dim = told_by_others(images((3.0, 0.0, 0.0), (1.0, 0.0, 0.0)), torch.ones(2)).tolist()
    assert bright == pytest.approx(0.1, abs=0.02) and dim == pytest.approx(0.9, abs=0.02)
    noisy, clear = told_by_others(images((1.0, 0.0, 0.0), (1.0, 0.0, 0.0)), torch.tensor([9.0, 1.0])).tolist()
    assert noisy == pytest.approx(0.9, abs=0.02) and clear == pytest.approx(0.1, abs=0.02)


def test_volumes_have_channels_too():
    planes = images((2.0, 0.0, 0.0), (2.0, 0.0, 0.0))[:, :, None].repeat(1, 1, 4, 1, 1)
    assert told_by_others(planes, torch.ones(2)).tolist() == pytest.approx([0.5, 0.5], abs=0.02)


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("bright", [0.0, 1.0])
def test_empty_channels_and_no_noise_are_borne(noise, bright):
    parts = told_by_others(bright * images((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)), torch.tensor([noise, noise]))
    assert parts.isfinite().all() and (parts >= 0).all() and (parts <= 1).all()
