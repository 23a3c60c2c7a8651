"""`Position`: where a feed is, and how that is kept in a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torchpipe.errors import RunError, StateError


@dataclass(frozen=True)
class Position:
    """What a feed gives next.

    Attributes:
        epoch: The epoch, from 0.
        sample: How many samples of the epoch all ranks together have passed.
        batch: How many batches of the epoch each rank was given.
        ranks: Where each rank goes on, if that does not follow from `sample`: see `of_rank`.
    """

    epoch: int = 0
    sample: int = 0
    batch: int = 0
    ranks: tuple[int, ...] = ()

    @property
    def after(self) -> Position:
        """The start of the next epoch."""
        return Position(self.epoch + 1)

    def passed(self, numbers: tuple[int, ...]) -> Position:
        """One batch further on, where each rank's next sample has this number."""
        first = min(numbers)
        in_step = numbers == tuple(range(first, first + len(numbers)))
        return Position(self.epoch, first, self.batch + 1, () if in_step else numbers)

    def counted(self, counts: tuple[int, ...]) -> Position:
        """One batch further on, where each rank was given so many results."""
        return Position(self.epoch, sum(counts), self.batch + 1, counts)

    def of_rank(self, rank: int, world: int, otherwise: int) -> int:
        """The number of this rank's next sample, or how many results it was given.

        Args:
            rank: Which rank.
            world: How many there are.
            otherwise: What it is if all ranks are in step.

        Raises:
            RunError: It is known for another number of ranks only.
        """
        if self.ranks and len(self.ranks) != world:
            raise RunError(
                f"cannot go on at sample {self.sample} of epoch {self.epoch} with {world} ranks: "
                f"the state was saved by {len(self.ranks)} that had come to different places, as "
                f"samples were dropped, or as cells number them anew or remember them. Go on with "
                f"{len(self.ranks)} ranks, or from the end of an epoch."
            )
        return self.ranks[rank] if self.ranks else otherwise

    def state(self) -> dict[str, Any]:
        """As plain numbers, for a checkpoint."""
        state = {"epoch": self.epoch, "position": self.sample, "batch": self.batch}
        return {**state, "ranks": list(self.ranks)}


def position_of(state: Mapping[str, Any], signature: Mapping[str, Any]) -> Position:
    """The position that a state tells, if it has this signature.

    Raises:
        StateError: It tells none, or that of a feed which gives other samples.
    """
    try:
        epoch, sample, batch = (int(state[name]) for name in ("epoch", "position", "batch"))
        position = Position(epoch, sample, batch, tuple(map(int, state["ranks"])))
    except (KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise StateError(
            f"cannot load the state of a feed from {state!r}: {why}. Give what `state_dict` of a "
            f"feed returned."
        ) from None
    for name, own in signature.items():
        if state.get(name) != own:
            raise StateError(
                f"cannot go on from a state with {name}={state.get(name)!r}: this feed has "
                f"{name}={own!r}, so it gives other samples. Make the feed as it was then."
            )
    return position
