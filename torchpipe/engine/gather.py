"""Dynamic batching: how a clone gathers the items of one batch.

Race: a `SimpleQueue` wakes a clone for an item that another one takes first. If the time of the
woken one is over by then, CPython lets it wait for ever, with the items that it has gathered. So
stages with batching have a `Queue`, which is slower and looks at the clock again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from queue import Empty, Queue, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any

from torchpipe.engine.item import wanted
from torchpipe.errors import RunError
from torchpipe.graph.policy import Batching

if TYPE_CHECKING:
    from torchpipe.engine.clones import RunningClone
    from torchpipe.graph.plan import Parallel

Inbox = SimpleQueue[Any] | Queue[Any]


def inbox_of(stage: Parallel) -> Inbox:
    """A new queue from which the clones of a stage take items."""
    cell = stage.node.cell
    return SimpleQueue() if cell is None or cell.batching is None else Queue()


def gatherer(
    inbox: Inbox, batching: Batching, clone: RunningClone
) -> Callable[[], tuple[list[Any], Any]]:
    """A function that takes the next batch from the inbox.

    It waits for a first item, then takes others until there are `max_size`, until `max_wait`
    seconds have passed, or until an item comes that carries an error or a mark, such as the end of
    the epoch, or that nobody waits for: that one is returned beside the batch. Both are empty if
    the clone is called back.
    """

    def take() -> tuple[list[Any], Any]:
        batch: list[Any] = []
        deadline = None
        while len(batch) < batching.max_size:
            try:
                item = waiting(inbox, deadline, clone)
            except Empty:
                break
            if item.error is not None or not wanted(item):
                return batch, item
            deadline = deadline or monotonic() + batching.max_wait
            batch.append(item)
        return batch, None

    return take


def divided(batch: list[Any]) -> Iterator[list[Any]]:
    """A batch in parts: where a cut is before an item, that item is the first of its part."""
    starts = [index for index, item in enumerate(batch) if item.cut is not None and index]
    for first, last in pairwise([0, *starts, len(batch)]):
        if first < last:
            yield batch[first:last]


def miscounted(path: str, asked: int, given: int) -> RunError:
    """The error of a batch with another number of results than items: no result has an owner."""
    return RunError(
        f"cannot tell which results of {path} belong to which items: `forward_batch` returned "
        f"{given} for {asked} items. Return one result per item, in the same order."
    )


def waiting(inbox: Inbox, deadline: float | None, clone: RunningClone) -> Any:
    """The next item; `Empty` if there is none until the deadline, or the clone is called back."""
    with suppress(Empty):
        return inbox.get_nowait()
    clone.context.rest()
    try:
        if clone.retiring:
            raise Empty
        return inbox.get(timeout=None if deadline is None else max(0.0, deadline - monotonic()))
    finally:
        clone.context.work()
