"""What the tests of feeds are made of: cells whose randomness shows, and feeds of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

import torchpipe as tp
from torchpipe.train import Feed

SAMPLES = 7


class Noisy(tp.Cell):
    """The number, and a random one from the cell's seed."""

    def forward(self, number: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return torch.stack([torch.tensor(float(number)), torch.rand((), generator=generator)])


class Unsized(tp.Cell):
    """Gives numbers, and does not say how many."""

    def __init__(self, count: int = SAMPLES):
        self.count = count

    def forward(self) -> Iterator[int]:
        yield from range(self.count)


class Thirds(tp.Cell):
    """Drops every third number."""

    filters = True

    def forward(self, number: int) -> int:
        return tp.HOLE if number % 3 == 1 else number


class Total(tp.Cell):
    """Adds up what it gets, from the start of the epoch on."""

    stateful = True

    def reset(self) -> None:
        self.total = 0.0

    def forward(self, noisy: Tensor) -> Tensor:
        self.total += noisy[1].item()
        return torch.cat([noisy, torch.tensor([self.total])])


class Copies(tp.Cell):
    """Gives each number once, twice, or not at all."""

    def forward(self, number: int) -> Iterator[int]:
        yield from [number] * (number % 3)


class Stream(tp.Pipeline):
    """A closed pipeline: a source, and a scaled-up cell; maybe cells before and after that."""

    def __init__(
        self,
        clones: Any = 2,
        source: tp.Cell | None = None,
        cell: tp.Cell | None = None,
        before: tp.Cell | None = None,
        after: tp.Cell | None = None,
    ):
        self.source = source or Unsized()
        self.steps = [step for step in (before, scaled(cell, clones), after) if step is not None]

    def build(self) -> Any:
        value = self.source()
        for step in self.steps:
            value = step(value)
        return value


class Sample(tp.Pipeline):
    """An open pipeline: a scaled-up cell, maybe with one before it."""

    def __init__(self, clones: Any = 2, before: tp.Cell | None = None):
        self.before = before or tp.cell(lambda number: number)
        self.cell = scaled(None, clones)

    def build(self, number: int) -> Any:
        return self.cell(self.before(number))


def scaled(cell: tp.Cell | None, clones: Any) -> tp.Cell:
    """The cell, or a noisy one, scaled up if there are clones."""
    cell = cell or Noisy()
    return tp.ScaleUp(cell, clones) if clones else cell


MakeFeed = Callable[..., Feed]


def sized(clones: Any = 2, **options: Any) -> Feed:
    """A shuffled dataset."""
    return fed(scaled(None, clones), {"data": range(SAMPLES), "shuffle": True}, options)


def unsized(clones: Any = 2, **options: Any) -> Feed:
    """A stream of unknown length."""
    return fed(Stream(clones), {}, options)


def known(clones: Any = 2, **options: Any) -> Feed:
    """A stream whose source knows its length."""
    return fed(Stream(clones, tp.Source(range(SAMPLES))), {}, options)


def dropping(clones: Any = 2, **options: Any) -> Feed:
    """A shuffled dataset of which samples are dropped."""
    data = {"data": range(2 * SAMPLES), "shuffle": True}
    return fed(Sample(clones, Thirds()), data, options)


def remembering(clones: Any = 2, **options: Any) -> Feed:
    """A stream behind a cell that remembers what came before."""
    return fed(Stream(clones, after=Total()), {}, options)


def copying(clones: Any = 2, **options: Any) -> Feed:
    """A stream of which each item becomes any number of samples."""
    return fed(Stream(clones, before=Copies()), {}, options)


def ready(clones: Any = 2, **options: Any) -> Feed:
    """A pipeline that makes the batches itself."""
    batch = tp.Batch(3, collate=torch.stack)
    return fed(Stream(clones, after=batch), {"batch_size": None}, options)


def fed(cell: tp.Cell, options: dict[str, Any], others: dict[str, Any]) -> Feed:
    """A feed with these options, of which the others count most."""
    return Feed(cell, **{"batch_size": 3, "seed": 5, **options, **others})


KINDS: list[MakeFeed] = [sized, unsized, known, dropping, remembering, copying, ready]


def until(feed: Feed, epochs: int) -> Iterator[Tensor]:
    """The batches up to this epoch, as a training loop takes them."""
    while feed.epoch < epochs:
        yield from feed


def same(batches: list[Tensor], others: list[Tensor]) -> bool:
    """Whether these are the same batches, to the last bit."""
    pairs = zip(batches, others, strict=False)
    return len(batches) == len(others) and all(torch.equal(a, b) for a, b in pairs)
