"""`Agreement`: what all ranks say of their next batch, where lengths are unknown.

Without it, the first rank whose samples end would leave the others waiting in their next
all-reduce. It talks in the thread that takes the batches, so that all ranks talk in one order with
whatever else they say to each other, and in a group of its own, so that no tensor must be on a GPU.
"""

from __future__ import annotations

import torch
import torch.distributed as dist


class Agreement:
    """Asks all ranks. Make one on every rank, at the same point of the program."""

    def __init__(self) -> None:
        self._world = dist.group.WORLD
        self._group = dist.new_group(backend="gloo")

    @property
    def is_over(self) -> bool:
        """Whether the process group has ended, and maybe another one begun."""
        return self._world is not dist.group.WORLD

    def of_all(self, more: bool, number: int) -> list[tuple[bool, int]]:
        """Tell the others, and hear from them; waits for all.

        Args:
            more: Whether this rank has another batch.
            number: The number of its next sample.

        Returns:
            The same of each rank, in order.
        """
        own = torch.tensor([more, number], dtype=torch.int64)
        found = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(found, own, group=self._group)
        return [(bool(more), int(number)) for more, number in found]
