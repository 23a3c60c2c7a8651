"""What the sources of a run give in one epoch, from where it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from torchpipe.engine.context import Context
from torchpipe.engine.deploy import Placed
from torchpipe.engine.item import END
from torchpipe.engine.notes import note
from torchpipe.engine.position import Start
from torchpipe.errors import EndOfStream
from torchpipe.graph.cell import Cell
from torchpipe.graph.function import is_generator

if TYPE_CHECKING:
    from torchpipe.engine.part import Part

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


def make_streams(part: Part, sources: Placed, limit: int | None, start: Start) -> Makers:
    """What starts the sources of a region, which are told where.

    Args:
        part: The region.
        sources: Its sources, by path.
        limit: Most items of an epoch, counted from its very start, or None.
        start: Where the epoch starts.

    Raises:
        BaseException: What a source's `seek` raised, with a note.
    """
    context = part.context_of(part.plan.serial[0])
    return [maker(path, cell, limit, start, context) for path, cell in sources]


def maker(
    path: str, cell: Cell, limit: int | None, start: Start, context: Context
) -> Callable[[], Iterator[Any]]:
    """What starts one source."""
    jumps = not start.sought or sought(path, cell, start)

    def made() -> Iterator[Any]:
        stream = stream_of(cell)
        stream = stream if jumps else later(stream, start.item, context)
        stream = stream if limit is None else limited(stream, max(0, limit - start.item))
        return stream if start.step == 1 else thinned(stream, start.step, context)

    return made


def sought(path: str, cell: Cell, start: Start) -> bool:
    """Tell a source where to start; say whether it will."""
    try:
        return cell.seek(start.epoch, start.item) is not False
    except BaseException as error:
        note(error, f"in the seek of cell {path!r}")
        raise


def stream_of(cell: Cell) -> Iterator[Any]:
    """What a source gives in one epoch."""
    if is_generator(cell):
        return iter(cell.forward())
    return called(cell)


def called(cell: Cell) -> Iterator[Any]:
    """Call a source that is no generator, again and again, until it says that it has ended."""
    while True:
        try:
            value = cell.forward()
        except EndOfStream:
            return
        yield value


def later(stream: Iterator[Any], item: int, context: Context) -> Iterator[Any]:
    """A stream without its first items: they are read, each under its number, and let go."""
    with closing(stream):  # type: ignore[type-var]
        if passed(stream, range(item), context):
            context.number = item
            yield from stream


def thinned(stream: Iterator[Any], step: int, context: Context) -> Iterator[Any]:
    """The first item of a stream and every n-th after it; those between are read and let go."""
    with closing(stream):  # type: ignore[type-var]
        for value in stream:
            yield value
            wanted = context.number
            if not passed(stream, range(wanted - step + 1, wanted), context):
                return
            context.number = wanted


def passed(stream: Iterator[Any], numbers: range, context: Context) -> bool:
    """Read items with these numbers; return whether all of them were there."""
    for number in numbers:
        context.number = number
        if next(stream, END) is END:
            return False
    return True


def limited(stream: Iterator[Any], count: int) -> Iterator[Any]:
    """The first items of a stream, which is closed after them."""
    with closing(stream):  # type: ignore[type-var]
        yield from islice(stream, count)


def close_all(streams: list[Any]) -> None:
    """Close what can be closed, so that generators release what they hold.

    Raises:
        BaseException: The first error; all others are closed as well.
    """
    with ExitStack() as stack:
        for stream in reversed(streams):
            close = getattr(stream, "close", None)
            if close is not None:
                stack.callback(close)
