"""The numbers of channels that one run restores."""

import numpy as np
import pytest
import torch

from napari_dip.engine.noises import Noises
from napari_dip.images.noise import Noise
from napari_dip.images.stains import Stains

CHANNELS = np.stack([np.linspace(100, 200, 64), np.linspace(5, 6, 64)]).reshape(2, 8, 8)


def test_noise_is_as_strong_in_each_and_numbers_come_back():
    own = (Noise(0.5, 100.0, 2.0), Noise(0.0, 0.0, 0.2))
    levels = [float(one.variance(x.mean())) ** 0.5 for one, x in zip(own, CHANNELS, strict=True)]
    stains = Stains.of(CHANNELS, levels)
    engine = stains.normalise(CHANNELS)
    np.testing.assert_allclose(stains.restore(engine, "float64"), CHANNELS, atol=1e-4)
    noise = stains.of_noise(Noises(own))
    means = torch.from_numpy(engine).mean((1, 2), keepdim=True)[None]
    variance = noise.variance(means).flatten()
    torch.testing.assert_close(variance[0], variance[1])
    np.testing.assert_allclose(variance.sqrt().numpy() * np.ravel(stains.unit), levels, rtol=1e-5)


def test_beside_a_channel_with_next_to_no_noise_the_others_keep_their_light():
    assert Stains.of(CHANNELS, [1e-9, 0.2]).parts == pytest.approx((1.0, 0.1))
    assert Stains.of(CHANNELS, [10.0, 1e-9]).parts == pytest.approx((0.1, 1.0))
    assert Stains.of(CHANNELS, [50.0, 0.2]).parts == pytest.approx((0.4, 1.0))


def test_one_intensity_alone_and_nothing_at_all_have_no_say():
    channels = np.stack([*CHANNELS, np.full((8, 8), 9.0), np.full((8, 8), np.nan)])
    stains = Stains.of(channels, [3.0, 0.2, 0.0, 0.0])
    assert stains.parts[:2] == Stains.of(CHANNELS, [3.0, 0.2]).parts
    assert stains.vary.tolist() == [True, True, False, False]
    assert (stains.restore(np.full((4, 8, 8), 0.5))[2] == 9).all()
