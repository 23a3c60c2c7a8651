"""`Newest`: keeps up with what does not wait."""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from .together import Together

T = TypeVar("T")


class Newest(Generic[T]):
    """Reads items in a thread of its own, and gives whoever asks the newest one.

    An item that nobody asked for before the next one came is dropped. What else there is to know
    says `Together`, which reads more than one stream.

    Args:
        items: What to read.
        on_drop: Called in the thread for each item that is dropped.

    >>> with Newest([1, 2, 3], on_drop=lambda: None) as newest:
    ...     list(newest)[-1]
    3
    """

    def __init__(self, items: Iterable[T], on_drop: Callable[[], None]):
        self._together = Together([items], [on_drop])

    def __enter__(self) -> Self:
        self._together.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._together.__exit__(kind, error, traceback)

    def __iter__(self) -> Iterator[T]:
        for _, item in self._together:
            yield item
