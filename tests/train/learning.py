"""What tests of training share: a small network, data that it can learn, pipelines around them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import torchpipe as tp

# Lightning 2.6 uses names that torch 2.13 wants to drop, and wishes for more worker processes.
NOISE = pytest.mark.filterwarnings(
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning",
    "ignore:The '.*_dataloader' does not have many workers",
)

ADAM = partial(torch.optim.Adam, lr=0.05)
SQUARES = nn.functional.mse_loss


def network(dropout: float = 0.0) -> nn.Module:
    """The same network each time, weights included."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


def pairs(count: int = 6, size: int = 4) -> list[Pair]:
    """Batches of points, and their products."""
    random = torch.Generator().manual_seed(1)
    points = torch.rand(count, size, 2, generator=random)
    return [Pair(x, x.prod(dim=1, keepdim=True)) for x in points]


def weights(net: nn.Module) -> list[Tensor]:
    """Copies of all weights and buffers."""
    return [value.detach().clone() for value in net.state_dict().values()]


def same(some: list[Tensor], others: list[Tensor]) -> bool:
    """Whether all are equal, bit by bit."""
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


class Batches:
    """The batches, for a Trainer."""

    def __iter__(self) -> Iterator[Pair]:
        return iter(pairs())

    def __len__(self) -> int:
        return len(pairs())


class Given(tp.Cell):
    """Gives batches of points and targets."""

    def __init__(self, batches: list[Pair]):
        super().__init__()
        self.batches = batches

    def forward(self) -> Iterator[Pair]:
        yield from self.batches


class Jitter(tp.Cell):
    """Moves points a little, by the item's seed."""

    def forward(self, x: Tensor) -> Tensor:
        random = torch.Generator().manual_seed(self.seed)
        return x + 0.1 * torch.rand(x.shape, generator=random)


class Training(tp.Pipeline):
    """Batches, moved a little by clones if there are any, and the step."""

    def __init__(self, step: tp.Cell, clones: Any = None, batches: list[Pair] | None = None):
        super().__init__()
        self.given = Given(pairs() if batches is None else batches)
        self.jitter = None if clones is None else tp.ScaleUp(Jitter(), clones)
        self.step = step

    def build(self) -> Any:
        x, y = self.given()
        return self.step(x if self.jitter is None else self.jitter(x), y)


def trained(net: nn.Module, epochs: int = 2, **options: Any) -> list[Any]:
    """Train the network in a pipeline; return all that the step gave."""
    pipeline = Training(tp.TrainStep(net, SQUARES, ADAM), **options)
    with pipeline.run() as run:
        return [step for _ in range(epochs) for step in run]


def trained_plainly(net: nn.Module, epochs: int = 2) -> list[float]:
    """Train the network in a loop; return the losses."""
    optimizer, losses = ADAM(net.parameters()), []
    for x, y in pairs() * epochs:
        loss = SQUARES(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
