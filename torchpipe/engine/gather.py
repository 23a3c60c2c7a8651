"""Dynamic batching: how a clone gathers the items of one batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from torchpipe.engine.context import Context
from torchpipe.graph.policy import Batching


def gatherer(
    inbox: SimpleQueue[Any], batching: Batching, context: Context
) -> Callable[[], tuple[list[Any], Any]]:
    """A function that takes the next batch from the inbox.

    It waits for a first item, then takes others until there are `max_size`, until `max_wait`
    seconds have passed, or until an item comes that carries an error or a mark, such as the end of
    the
    epoch: that one is returned beside the batch.
    """

    def take() -> tuple[list[Any], Any]:
        item = waiting(inbox, None, context)
        if item.error is not None:
            return [], item
        batch, deadline = [item], monotonic() + batching.max_wait
        while len(batch) < batching.max_size:
            try:
                item = waiting(inbox, deadline, context)
            except Empty:
                break
            if item.error is not None:
                return batch, item
            batch.append(item)
        return batch, None

    return take


def waiting(inbox: SimpleQueue[Any], deadline: float | None, context: Context) -> Any:
    """The next item; `Empty` if there is none until the deadline."""
    with suppress(Empty):
        return inbox.get_nowait()
    context.rest()
    try:
        return inbox.get(timeout=None if deadline is None else max(0.0, deadline - monotonic()))
    finally:
        context.work()
