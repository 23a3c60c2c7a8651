"""`Results`: all that one item gives, where a cell on its way yields."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from torchpipe.engine.item import END
from torchpipe.engine.reply import Reply
from torchpipe.errors import CheckError
from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import Node, leaves
from torchpipe.graph.plan import Plan, stateful

if TYPE_CHECKING:
    from torchpipe.engine.entry import Entry


class Results(Iterator[Any]):
    """The results of one item, in order, each as soon as it is there. Made by `Run.results`.

    An error comes in its place: it is raised after the results before it. Leave the loop, and let
    the iterator go, or call `cancel`: then what has not come is dropped.

    >>> import torchpipe as tp
    >>> class Words(tp.Pipeline):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.split = tp.Unbatch(str.split)
    ...     def build(self, text: str):
    ...         return self.split(text)
    >>> with Words().run(stream=False) as run:
    ...     list(run.results("one by one")), list(run.results(""))
    (['one', 'by', 'one'], [])
    """

    def __init__(self, owner: Any, reply: Reply):
        self._owner, self._reply = owner, reply  # the run must not be collected meanwhile
        self._finalizer = weakref.finalize(self, reply.cancel)
        self._finalizer.atexit = False

    def __next__(self) -> Any:
        value = self._reply.take()
        if value is END:
            raise StopIteration
        return value

    def cancel(self) -> None:
        """Drop what has not come: no stage takes it any more; a call under way returns.

        Whoever goes on to take gets a `concurrent.futures.CancelledError`.
        """
        self._reply.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class Several:
    """The part of a `Run` for items that give several results."""

    _entry: Entry

    def results(self, *args: Any, **kwargs: Any) -> Results:
        """Give one item to a pipeline that gives several results for it; waits for room.

        The run must be started with `stream=False`. Each item is a request of its own: its errors
        are its own, and what it gives comes to it alone. A cell that yields takes one item after
        the other, unless it is scaled up. At most a window of results is made ahead of whoever
        takes them, and others wait behind them: take them, or cancel. Only where nothing is scaled
        up to the first cell that yields, all of that is done when this returns; and `drain` makes
        room for all.

        Args:
            *args: The inputs, in order.
            **kwargs: The inputs, by name.

        Returns:
            An iterator over its results.
        """
        reply = Reply(self._entry.ahead)
        self.send(reply, *args, **kwargs)
        return Results(self, reply)

    def send(self, reply: Reply, /, *args: Any, **kwargs: Any) -> None:
        """The same, for results that somebody takes while the item is put in: see `Reply`."""
        self._entry.send(reply, args, kwargs)


def refuse_collecting(pipeline: str, plan: Plan) -> None:
    """Refuse requests where a result may be that of several items.

    Raises:
        CheckError: With all cells that collect.
    """
    starts = [start for region in plan.way[1:] if (start := region.region.start) is not None]
    found = [
        f"cannot take items as requests: {start.path} collects items, so that what it yields "
        f"belongs to none of them. Let it be stateless, or run without stream=False."
        for start in starts
        if any(collects(node) for node in [start, *start.parents] if node.path == start.path)
    ]
    if found:
        raise CheckError(pipeline, found)


def collects(node: Node) -> bool:
    """Whether what a cell yields may be of several items."""
    flushes = any(type(leaf).flush is not Cell.flush for leaf in leaves(node.cell))
    return flushes or stateful(node)
