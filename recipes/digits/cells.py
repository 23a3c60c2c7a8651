"""The pieces of this recipe as cells."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

import torchpipe as tp

from .data import decode


class Decode(tp.Cell):
    """From an image file to the image: `(1, 28, 28)`, 0.0 (black) to 1.0."""

    def forward(self, png: bytes) -> Tensor:
        return torch.from_numpy(decode(png))[None] / 255


class Augment(tp.Cell):
    """Turns, moves, stretches and slants an image by chance, a little.

    By how much depends on the item's seed only: with any number of clones, an epoch has the same
    images. Stateless: scale it up.
    """

    angle = tp.Parameter(15.0, ge=0.0, le=180.0, doc="turn by up to so many degrees")
    shift = tp.Parameter(2.0, ge=0.0, le=28.0, doc="move by up to so many pixels")
    stretch = tp.Parameter(0.15, ge=0.0, lt=1.0, doc="scale by up to this share")
    slant = tp.Parameter(0.2, ge=0.0, le=1.0, doc="slant by up to this share")

    def setup(self, clone: tp.Clone) -> None:
        self._random = torch.Generator()

    def forward(self, image: Tensor) -> Tensor:
        chance = torch.rand(5, generator=self._random.manual_seed(self.seed)) * 2 - 1
        grid = affine_grid(self._affine(chance.tolist()), [1, *image.shape], align_corners=False)
        return grid_sample(image[None], grid, align_corners=False)[0]

    def _affine(self, chance: list[float]) -> Tensor:
        """The transformation, from five numbers between -1 and 1: `(1, 2, 3)`."""
        angle, scale, slant, right, down = chance
        turn, size = math.radians(self.angle) * angle, 1 + self.stretch * scale
        cos, sin, pixel = size * math.cos(turn), size * math.sin(turn), 2 / 28
        return torch.tensor(
            [
                [cos, self.slant * slant - sin, self.shift * right * pixel],
                [sin, cos, self.shift * down * pixel],
            ]
        )[None]


class Batch(NamedTuple):
    """Some images and what they show.

    Attributes:
        images: `(batch, 1, 28, 28)`.
        labels: `(batch,)`, int64.
    """

    images: Tensor
    labels: Tensor


def collate(digits: list[tuple[Tensor, int]]) -> Batch:
    """Makes a batch of images and labels."""
    images, labels = zip(*digits, strict=True)
    return Batch(torch.stack(images), torch.tensor(labels))


class MakeBatch(tp.Batch):
    """Collects images and labels to batches.

    Args:
        size: How many make a batch.
    """

    def __init__(self, size: int):
        super().__init__(size, collate=collate)

    def forward(self, image: Tensor, label: int) -> Iterator[Batch]:  # type: ignore[override]
        yield from super().forward((image, label))


class Reading(NamedTuple):
    """What a network reads in an image.

    Attributes:
        digit: 0 to 9.
        sureness: 0.0 to 1.0.
    """

    digit: int
    sureness: float


class Read(tp.Cell):
    """From the logits of one image, `(10,)`, to the digit."""

    def forward(self, logits: Tensor) -> Reading:
        sureness, digit = logits.softmax(dim=0).max(dim=0)
        return Reading(int(digit), float(sureness))


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """For each image, 1.0 if it is read as what it is, else 0.0: `(batch,)`."""
    return (logits.argmax(dim=1) == labels).double()
