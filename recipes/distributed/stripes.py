"""Pictures of stripes, and a network that tells which way they run; it needs no training."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

import torchpipe as tp

DIRECTIONS = 8
"""Stripes run in so many directions, `pi / DIRECTIONS` apart."""

WAVE = 8.0
"""Pixels from stripe to stripe."""


class Picture(NamedTuple):
    """Stripes in noise.

    Attributes:
        image: `(3, size, size)`, float32.
        direction: Which way they run: 0 to `DIRECTIONS - 1`.
    """

    image: Tensor
    direction: int


class Stripes(tp.Cell):
    """Gives pictures of stripes.

    Args:
        count: How many.
        size: Their height and width in pixels.
    """

    def __init__(self, count: int, size: int = 224):
        super().__init__()
        self.pictures, self.size = count, size

    def forward(self) -> Iterator[Picture]:
        for _ in range(self.pictures):
            yield picture(self.seed, self.size)

    def __length_hint__(self) -> int:
        return self.pictures


class StripeNet(nn.Module):
    """Scores the directions of stripes by the energy of Gabor filters (Gabor, 1946).

    Args:
        size: Height and width of the filters in pixels, odd.
    """

    filters: Tensor

    def __init__(self, size: int = 21):
        super().__init__()
        self.register_buffer("filters", gabor(size))

    def forward(self, image: Tensor) -> Tensor:
        """Returns scores of shape `(DIRECTIONS,)` for an image of shape `(3, height, width)`."""
        grey = image.mean(dim=-3, keepdim=True)
        waves = functional.conv2d(grey, self.filters, stride=2)
        energy = waves.square().mean(dim=(-2, -1))
        return energy.reshape(*energy.shape[:-1], DIRECTIONS, 2).sum(dim=-1).log()


def picture(seed: int, size: int) -> Picture:
    """Returns the picture that belongs to a seed."""
    random = torch.Generator().manual_seed(seed)
    direction = int(torch.randint(DIRECTIONS, (), generator=random))
    phase = 2 * math.pi * torch.rand((), generator=random)
    wave = (phases(size, direction) + phase).cos()
    return Picture(wave + torch.randn(3, size, size, generator=random), direction)


def phases(size: int, direction: int) -> Tensor:
    """Returns how far each pixel is across the stripes, as an angle: `(size, size)`."""
    angle = math.pi * direction / DIRECTIONS
    steps = 2 * math.pi / WAVE * (torch.arange(size) - size // 2)
    return steps[None, :] * math.cos(angle) + steps[:, None] * math.sin(angle)


def gabor(size: int) -> Tensor:
    """Returns a cosine and a sine for each direction: `(2 * DIRECTIONS, 1, size, size)`."""
    steps = (torch.arange(size) - size // 2) / (size / 5)
    window = (-0.5 * (steps[None, :].square() + steps[:, None].square())).exp()
    angles = [phases(size, direction) for direction in range(DIRECTIONS)]
    pairs = [wave * window for angle in angles for wave in (angle.cos(), angle.sin())]
    return torch.stack(pairs)[:, None] / size**2
