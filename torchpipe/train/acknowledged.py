"""A feed as the loops of a Lightning `Trainer` see it: `Acknowledged` and `Repeated`.

What Lightning does to what it iterates over, and what is done about it here:

- It reads feeds of unknown length one batch ahead. So what counts is not the batch that was given
  last, but the last one that reached the training step: the trainer acknowledges it.
- It may leave an epoch early (`limit_train_batches`), or begin one twice (after a restart). So the
  next loop starts where the last batch that was used leads, whatever was read ahead.
- It stops at the length of a feed and never sees its end. So the state after the last batch of the
  trainer's epoch is the start of the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torchpipe.train.feed import Feed
from torchpipe.train.position import Position

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule


class Repeated:
    """A feed that gives the same epoch each time."""

    def __init__(self, feed: Feed):
        self.feed = feed

    def __iter__(self) -> Iterator[Any]:
        self.feed.set_epoch(0)
        yield from self.feed

    def __len__(self) -> int:
        return len(self.feed)


@dataclass
class Loop:
    """One loop of the trainer over a feed.

    Attributes:
        epoch: The trainer's epoch.
        start: Where it began.
        again: Whether the trainer has seen the end of the feed before, in the same epoch.
        used: Whether the trainer has used any of its batches.
        ended: Whether the trainer has seen its end.
    """

    epoch: int
    start: dict[str, Any]
    again: bool
    used: bool = False
    ended: bool = False


class Acknowledged:
    """A feed for training: it knows where each batch leads until the trainer has used that.

    A loop that the trainer leaves before it used anything counts for nothing, as there may be one
    when it goes on from a checkpoint. One that it leaves later was an epoch.

    Among combined feeds, a short one ends before the trainer's epoch does. When that is resumed,
    the first loop over it is empty: then the trainer knows, and gives None, or cycles.
    """

    def __init__(self, feed: Feed, module: LightningDataModule):
        self.feed, self._module = feed, module
        self._loop: Loop | None = None
        self._given: deque[tuple[Loop, dict[str, Any]]] = deque()
        self._state: dict[str, Any] | None = None
        self._spent = False

    def __iter__(self) -> Iterator[Any]:
        self._loop = loop = self._begin()
        self._state = self._state or {**loop.start, "spent": False}
        spent, self._spent = self._spent, False
        if not spent:
            yield from map(partial(self._noted, loop), self.feed)
        loop.ended = True

    def _begin(self) -> Loop:
        before, trainer = self._loop, self._module.trainer
        self.settle()
        if getattr(trainer, "overfit_batches", 0):
            self.feed.set_epoch(0)
        epoch = 0 if trainer is None else trainer.current_epoch
        again = before is not None and before.ended and before.epoch == epoch
        return Loop(epoch, self.feed.state_dict(), again)

    def _noted(self, loop: Loop, batch: Any) -> Any:
        state = self.feed.state_dict()
        self._given.append((loop, {**state, "spent": loop.again or not state["batch"]}))
        return batch

    def __len__(self) -> int:
        return len(self.feed)

    @property
    def is_regular(self) -> bool:
        """Whether the next epoch has as many batches as those after it."""
        start = self.feed.state_dict()
        try:
            batches = len(self.feed)
            self.feed.set_epoch(start["epoch"] + 1)
            return batches == len(self.feed)
        except TypeError:
            return True  # Lightning has no number of any epoch
        finally:
            self.feed.load_state_dict(start)

    def settle(self) -> None:
        """Let the feed stand where the next loop starts."""
        loop, self._loop = self._loop, None
        if loop is not None and not loop.ended:
            self._given.clear()
            self.feed.load_state_dict(following(loop.start) if loop.used else loop.start)

    def acknowledge(self) -> None:
        """The trainer uses the next of the batches that it was given."""
        if self._given:
            loop, self._state = self._given.popleft()
            loop.used = True

    def state_dict(self) -> dict[str, Any]:
        """Where to go on after the batch that was used last.

        Lightning warns of loaders that have no such method, and saves and loads this as well,
        unless it forgets to. It is the same as what the module carries.
        """
        trainer = self._module.trainer
        state = self._state or {**self.feed.state_dict(), "spent": False}
        if trainer is None or not trainer.is_last_batch:
            return state
        return {**(following(state) if state["batch"] else state), "spent": False}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on there."""
        self._loop = None
        self._given.clear()
        self.feed.load_state_dict(state)
        self._spent = bool(state["spent"])
        self._state = {**self.feed.state_dict(), "spent": self._spent}


def following(state: dict[str, Any]) -> dict[str, Any]:
    """The start of the next epoch."""
    return {**state, **Position(state["epoch"]).after.state()}
