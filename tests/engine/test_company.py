import pytest
import torch

from napari_dip.engine.company import told_by_others as told


def told_by_others(images, variances):
    """The parts, a list of them; with a noise variance for each channel."""
    shape = (1, -1, *(1,) * (images.ndim - 2))
    return told(images, variances.view(shape).expand(1, *images.shape[1:-2], 1, 1)).flatten()


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


def test_planes_of_a_volume_tell_of_one_another():
    same = images((2.0, 0.0, 0.0))[:, :, None].repeat(1, 1, 7, 1, 1)
    parts = told_by_others(same, 10 / 3 * torch.ones(1)).tolist()
    assert parts[3] == pytest.approx(4 / 5, abs=0.02)
    assert parts[0] == parts[-1] == pytest.approx(2 / 3, abs=0.02)  # which have planes on one side alone


def test_planes_with_nothing_in_common_tell_each_other_next_to_nothing():
    different = images((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)).transpose(0, 1)[None, :, 0]
    assert different.shape == (1, 3, 64, 64)
    assert (told_by_others(different[None], torch.ones(1)) < 0.02).all()


def test_volumes_have_channels_too():
    planes = images((2.0, 0.0, 0.0), (2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 2.0))
    both = planes[0, [0, 2, 3, 3, 1, 2, 3, 3]].view(1, 2, 4, 64, 64)  # the first plane of both is the same
    first = told(both, 10 / 3 * torch.ones(1, 2, 4, 1, 1))
    assert first.shape == (1, 2, 4, 1, 1)
    assert first[0, :, 0].flatten().tolist() == pytest.approx([0.5, 0.5], abs=0.02)


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("bright", [0.0, 1.0])
def test_empty_channels_and_no_noise_are_borne(noise, bright):
    empty_or_the_same = images((1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    parts = told_by_others(bright * empty_or_the_same, torch.tensor([noise] * 4))
    assert parts.isfinite().all() and (parts >= 0).all() and (parts <= 1).all()
