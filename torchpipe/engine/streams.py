"""What the sources of a run give in one epoch, from where it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from torchpipe.engine.context import Context, note
from torchpipe.engine.deploy import stream_of
from torchpipe.engine.position import Start
from torchpipe.graph.cell import Cell

if TYPE_CHECKING:
    from torchpipe.engine.parts import Part

Makers = list[Callable[[], Iterator[Any]]]


class Given:
    """The items that an open pipeline was given, until it is told to read no more of them."""

    def __init__(self, items: Iterator[Any] | None):
        self._items, self.ended = items or iter(()), False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.ended:
            raise StopIteration
        return next(self._items)


def always(stream: Iterator[Any]) -> Callable[[], Iterator[Any]]:
    """What gives this stream."""
    return lambda: stream


def make_streams(part: Part, limit: int | None, start: Start) -> Makers:
    """What starts the sources of a region, which are told where.

    Args:
        part: The region.
        limit: Most items of an epoch, counted from its very start, or None.
        start: Where the epoch starts.

    Raises:
        BaseException: What a source's `seek` raised, with a note.
    """
    context = part.context_of(part.plan.serial[0])
    nodes = [node for node in part.plan.nodes if node.is_source and node.cell]
    return [maker(node.path, part.fused.cells[node], limit, start, context) for node in nodes]


def maker(
    path: str, cell: Cell, limit: int | None, start: Start, context: Context
) -> Callable[[], Iterator[Any]]:
    """What starts one source."""
    if not start.sought or sought(path, cell, start):
        return lambda: limited(stream_of(cell), limit, start)
    return lambda: limited(later(stream_of(cell), start, context), limit, start)


def sought(path: str, cell: Cell, start: Start) -> bool:
    """Tell a source where to start; say whether it will."""
    try:
        return cell.seek(start.epoch, start.index) is not False
    except BaseException as error:
        note(error, f"in the seek of cell {path!r}")
        raise


def later(stream: Iterator[Any], start: Start, context: Context) -> Iterator[Any]:
    """A stream without its first items: they are read, each under its number, and let go."""
    with closing(stream):  # type: ignore[type-var]
        for number in range(start.item % start.step, start.item, start.step):
            context.number = number
            if not any(True for _ in islice(stream, 1)):
                return
        context.number = start.item
        yield from stream


def limited(stream: Iterator[Any], limit: int | None, start: Start) -> Iterator[Any]:
    """A stream that ends, and is closed, when its epoch has had so many items."""
    if limit is None:
        return stream
    return closed_after(stream, max(0, limit - start.index))


def closed_after(stream: Iterator[Any], count: int) -> Iterator[Any]:
    """The first items of a stream, which is closed after them."""
    with closing(stream):  # type: ignore[type-var]
        yield from islice(stream, count)
