"""`Newest`: keeps up with what does not wait."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """Reads items in a thread of its own, and gives whoever asks the newest one.

    An item that nobody asked for before the next one came is dropped. An error of the items is
    raised after the last one. The thread lives in the `with` block; it ends with the read that it
    is in.

    Args:
        items: What to read.
        on_drop: Called in the thread for each item that is dropped.

    >>> with Newest([1, 2, 3], on_drop=lambda: None) as newest:
    ...     list(newest)[-1]
    3
    """

    def __init__(self, items: Iterable[T], on_drop: Callable[[], None]):
        self._items, self._on_drop = items, on_drop
        self._changed = threading.Condition()
        self._waiting: list[T] = []  # at most one
        self._ended = self._left = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="newest frame", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left = True
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                item = self._waiting.pop()
            yield item
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        try:
            for item in self._items:
                if self._left:
                    break
                self._keep(item)
            if isinstance(self._items, Generator):
                self._items.close()  # here, where it ran
        except BaseException as error:  # it belongs to whoever asks
            self._error = error
        self._end()

    def _keep(self, item: T) -> None:
        with self._changed:
            if self._waiting:
                self._on_drop()
            self._waiting[:] = [item]
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
