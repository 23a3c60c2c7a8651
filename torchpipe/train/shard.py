"""`Shard`: which samples are this rank's, and how many. Arithmetic, but for one lazy look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torchpipe.errors import ParameterError, RunError

Uneven = Literal["drop", "pad", "error"]


@dataclass(frozen=True)
class Shard:
    """One rank among several: of each `world` samples in a row, it gets one.

    Attributes:
        rank: From 0.
        world: How many ranks there are.
        connected: Whether they are those of `torch.distributed`, and so can talk.
    """

    rank: int = 0
    world: int = 1
    connected: bool = False


def current_shard(rank: int | None, world: int | None) -> Shard:
    """The shard as it is now: as given, or as `torch.distributed` says; else there is only one.

    Raises:
        ParameterError: Half of it is given, or there is no such rank.
    """
    if rank is not None or world is not None:
        if rank is None or world is None or not 0 <= rank < world:
            raise ParameterError(
                f"cannot feed rank {rank} of {world}: give both, with 0 <= rank < world, or "
                f"neither, to ask torch.distributed when an epoch starts."
            )
        return Shard(rank, world)
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return Shard()
    return Shard(dist.get_rank(), dist.get_world_size(), connected=True)


@dataclass(frozen=True)
class Sharing:
    """How the samples of an epoch become batches of the ranks.

    Args:
        size: How many samples make a batch; None if each is one already.
        drop_last: Whether a last, smaller batch is left out.
        uneven: What becomes of samples that cannot be shared evenly.

    Raises:
        ParameterError: There are no such batches.
    """

    size: int | None
    drop_last: bool
    uneven: Uneven

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ParameterError(
                f"cannot make batches of {self.size} samples: batch_size must be at least 1, or "
                f"None if the pipeline gives batches."
            )
        if self.size is None and self.drop_last:
            raise ParameterError(
                "cannot drop the last batch: without a batch_size the pipeline makes the batches. "
                "Give batch_size, or use tp.Batch(size, drop_last=True) in the pipeline."
            )
        if self.uneven not in get_args(Uneven):
            raise ParameterError(
                f"cannot share samples with uneven={self.uneven!r}: it must be 'drop', 'pad' or "
                f"'error'."
            )

    @property
    def group(self) -> int:
        """How many results of the pipeline make a batch."""
        return self.size or 1

    def used(self, samples: int, world: int) -> int:
        """How many samples each rank gets in its batches, when so many are left in all.

        Raises:
            RunError: They cannot be shared evenly, and that is an error.
        """
        share = self._share(samples, world)
        return share - share % self.group if self.drop_last else share

    def _share(self, samples: int, world: int) -> int:
        if self.uneven == "error" and samples % world:
            raise RunError(
                f"cannot share {samples} samples evenly among {world} ranks: {samples % world} "
                f"would be left over. Use uneven='drop' to leave them out, or 'pad' to repeat some."
            )
        return -(-samples // world) if self.uneven == "pad" else samples // world
