"""`Epoch`: what is left of an epoch for one rank. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

from torchpipe.train.position import Position
from torchpipe.train.shard import Shard, Sharing


@dataclass(frozen=True)
class Epoch:
    """What is left of an epoch for one rank, from a position on.

    Attributes:
        start: The position.
        shard: Whose samples.
        sharing: How samples become batches.
        length: How many samples the epoch has, if that is known.
        seekable: Whether it can be entered at any sample. Then ranks go on at numbers of samples;
            elsewhere after so many results.
    """

    start: Position
    shard: Shard
    sharing: Sharing
    length: int | None
    seekable: bool

    @property
    def samples(self) -> int | None:
        """How many samples are left for this rank, if that is known; only those in batches."""
        if self.length is None:
            return None
        return self.sharing.used(max(0, self.length - self.start.sample), self.shard.world)

    @property
    def batches(self) -> int | None:
        """How many batches are left, if that is known."""
        return None if self.samples is None else -(-self.samples // self.sharing.group)

    def known_batches(self) -> int:
        """How many batches are left.

        Raises:
            TypeError: That is not known.
        """
        if self.batches is None:
            raise TypeError(
                "the length of this feed is not known before its epoch ends: a source does not "
                "tell how many samples it gives, or cells may drop some, or number them anew."
            )
        return self.batches

    @property
    def stop(self) -> int | None:
        """From which number on no sample is used, if the length is known."""
        if self.samples is None:
            return None
        return self.start.sample + self.samples * self.shard.world

    @property
    def number(self) -> int:
        """Where this rank goes on."""
        rank, world = self.shard.rank, self.shard.world
        in_step = self.start.sample + rank if self.seekable else self.start.sample // world
        return self.start.of_rank(rank, world, in_step)

    def after(self, number: int) -> int:
        """Where it goes on after a batch that ends with this one."""
        return number + (self.shard.world if self.seekable else 1)

    def in_step(self, number: int) -> tuple[int, ...]:
        """Where all ranks go on, if this one goes on here, and all are in step."""
        first, world = number - self.shard.rank, self.shard.world
        return tuple(range(first, first + world)) if self.seekable else (number,) * world

    def passed(self, before: Position, numbers: tuple[int, ...]) -> Position:
        """The position one batch further on, when the ranks go on at these numbers."""
        return before.passed(numbers) if self.seekable else before.counted(numbers)
