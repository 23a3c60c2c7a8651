"""`Iteration`: one pass over what is left of an epoch."""

from __future__ import annotations

from collections.abc import Iterator

from torchpipe.errors import RunError
from torchpipe.train.agreement import Agreement
from torchpipe.train.batching import Group, Made, Samples, batches, counted, looked_ahead
from torchpipe.train.epoch import Epoch
from torchpipe.train.making import Making
from torchpipe.train.motion import Motion
from torchpipe.train.position import Position
from torchpipe.train.prefetch import Prefetch

Step = tuple[Made, Position, bool]


class Iteration:
    """Gives batches, and where each of them leads.

    Args:
        motion: What runs.
        epoch: What is left of the epoch.
        making: How batches are made.
        agreement: Where the ranks tell each other whether they have another batch, if they must.
    """

    def __init__(self, motion: Motion, epoch: Epoch, making: Making, agreement: Agreement | None):
        self.epoch, self.over = epoch, False
        self._motion, self._making, self._agreement = motion, making, agreement
        self._ahead: Prefetch[Made] | None = None

    def steps(self) -> Iterator[Step]:
        """Each batch, the position after it, and whether it is the last of the epoch."""
        made = batches(self._groups(), self._making.maker(), self.epoch.start.batch)
        if self._making.prefetch:
            self._ahead = Prefetch(made, self._making.prefetch, self._motion.leave)
            made = self._ahead.started()
        if self._agreement is None:
            return self._alone(made)
        return self._agreed(made, self._agreement)

    def _groups(self) -> Iterator[Group]:
        """The samples of each batch that is left."""
        epoch, sharing = self.epoch, self.epoch.sharing
        samples = self._motion.samples(epoch.start.epoch, epoch.number, epoch.shard, epoch.stop)
        if epoch.samples is None:
            return looked_ahead(self._until_over(samples), sharing.group, sharing.drop_last)
        return counted(self._until_over(samples), sharing.group, epoch.samples)

    def _until_over(self, samples: Samples) -> Samples:
        for sample in samples:
            self.refuse_over()
            yield sample

    def _alone(self, batches: Iterator[Made]) -> Iterator[Step]:
        epoch, at = self.epoch, self.epoch.start
        for made in batches:
            at = epoch.passed(at, epoch.in_step(epoch.after(made.number)))
            yield made, at, not made.more

    def _agreed(self, batches: Iterator[Made], agreement: Agreement) -> Iterator[Step]:
        epoch, at = self.epoch, self.epoch.start
        made = next(batches, None)
        more, _ = self._told(agreement, made is not None, epoch.number)
        while more and made is not None:
            more, numbers = self._told(agreement, made.more, epoch.after(made.number))
            at = epoch.passed(at, numbers)
            yield made, at, not more
            made = next(batches, None) if more else None

    def _told(self, agreement: Agreement, more: bool, number: int) -> tuple[bool, tuple[int, ...]]:
        """Tell the other ranks; return whether all go on, and where."""
        found = agreement.of_all(more, number)
        ended = [str(rank) for rank, (more, _) in enumerate(found) if not more]
        if self.epoch.sharing.uneven == "error" and 0 < len(ended) < len(found):
            raise RunError(
                f"cannot share samples evenly among {len(found)} ranks: those of rank "
                f"{', '.join(ended)} have ended, and others have more. Use uneven='drop' to end "
                f"the epoch for all."
            )
        return not ended, tuple(number for _, number in found)

    def refuse_over(self) -> None:
        """Refuse to go on after `stop`.

        Raises:
            RunError: It was stopped.
        """
        if self.over:
            raise RunError(
                "cannot go on with this loop: the feed was closed, or sent elsewhere, or another "
                "loop over it has begun. Make one feed for each loop that runs at the same time."
            )

    def stop(self) -> None:
        """Make no more; does not wait for what is being made."""
        self.over = True
        if self._ahead is not None:
            self._ahead.stop()

    def join(self, timeout: float | None = None) -> None:
        """After `stop`, wait until nothing is being made; at most so many seconds."""
        if self._ahead is not None:
            self._ahead.join(timeout)
