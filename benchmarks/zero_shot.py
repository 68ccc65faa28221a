"""Zero-Shot Noise2Noise, written from the paper: a network of two layers, fitted to one image.

Two images of half the size, each the mean of one diagonal of every 2 x 2 block, show the same scene with
independent noise. A small network learns to tell the noise of one from the other, and to tell the same of the
whole image. 2000 steps of Adam at 0.001, at half of that from step 1500 on, as public copies of the authors'
notebook have it.

References
----------
.. [1] Mansour, Heckel, "Zero-Shot Noise2Noise: Efficient Image Denoising without any Data", CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

STEPS, SLOWER = 2000, 1500


def fit(noisy: np.ndarray, *, device: str, seed: int, steps: int = STEPS) -> Iterator[tuple[int, Denoised]]:
    """Fit the network to a grey image of 0 to 1; yield each step's number and its denoised image."""
    torch.manual_seed(seed)
    image = torch.as_tensor(noisy, dtype=torch.float32, device=device)[None, None]
    network = small_network().to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, SLOWER, gamma=0.5)
    for step in range(1, steps + 1):
        optimiser.zero_grad()
        loss(network, image).backward()
        optimiser.step()
        schedule.step()
        yield step, Denoised(network, image)


class Denoised:
    """The image without the noise that the network sees in it; computed when it is asked for."""

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        self.network, self.image = network, image

    def __call__(self) -> np.ndarray:
        with torch.no_grad():
            return (self.image - self.network(self.image))[0, 0].double().cpu().numpy()


def small_network(channels: int = 48) -> nn.Module:
    """Return the network, which tells the noise of an image."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, 1, 1),
    )


def halves(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means of the two diagonals of each 2 x 2 block."""
    rows, columns = (size // 2 * 2 for size in image.shape[-2:])
    a, b = image[..., 0:rows:2, 0:columns:2], image[..., 0:rows:2, 1:columns:2]
    c, d = image[..., 1:rows:2, 0:columns:2], image[..., 1:rows:2, 1:columns:2]
    return (b + c) / 2, (a + d) / 2


def loss(network: nn.Module, image: Tensor) -> Tensor:
    """Each half denoised is to look like the other, and like that half of the denoised whole."""
    first, second = halves(image)
    clean_first, clean_second = first - network(first), second - network(second)
    whole_first, whole_second = halves(image - network(image))
    residual = mse_loss(clean_first, second) + mse_loss(clean_second, first)
    consistency = mse_loss(clean_first, whole_first) + mse_loss(clean_second, whole_second)
    return (residual + consistency) / 2
