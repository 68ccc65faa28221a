import numpy as np
import pytest
import torch

from napari_dip.engine.fourier import from_waves, waves_of


@pytest.mark.parametrize("shape", [(2, 3, 7), (1, 2, 5, 6), (2, 1, 4, 5, 6), (1, 1, 3, 1, 1)])
def test_the_transform_is_numpys_and_comes_back(shape):
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    axes = tuple(range(2, len(shape)))
    sizes = [size + axis for axis, size in enumerate(shape[2:])]
    waves = waves_of(image, sizes)
    np.testing.assert_allclose(waves.numpy(), np.fft.rfftn(image.numpy(), sizes, axes), atol=1e-5)
    back = from_waves(waves, sizes)
    assert back.shape == (*shape[:2], *sizes)
    inside = (..., *(slice(size) for size in shape[2:]))
    torch.testing.assert_close(back[inside], image)
    assert float(back.square().sum()) == pytest.approx(float(image.square().sum()), rel=1e-4)


def test_volumes_of_any_size_leave_the_memory_as_it_was():
    # The sizes that have been seen to end the process, one after the other (PyTorch's issue 125664).
    for _ in range(3):
        for sizes in ((40, 100, 60), (4, 900, 800)):
            volume = torch.randn(sizes)
            torch.testing.assert_close(from_waves(waves_of(volume, sizes), sizes), volume, atol=1e-4, rtol=0)
