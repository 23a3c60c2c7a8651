"""`Together`: reads what does not wait from several sides; `in_turn`: what does."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


def in_turn(streams: Sequence[Iterable[T]]) -> Iterator[tuple[int, T]]:
    """Yields one item of each stream after the other, with its number, until all have ended.

    >>> list(in_turn(["abc", "d"]))
    [(0, 'a'), (1, 'd'), (0, 'b'), (0, 'c')]
    """
    turns = deque(enumerate(map(iter, streams)))
    while turns:
        number, stream = turns.popleft()
        for item in stream:
            yield number, item
            turns.append((number, stream))
            break


@dataclass
class _Lane(Generic[T]):
    """One stream, and the item of it that waits to be asked for."""

    items: Iterable[T]
    on_drop: Callable[[], None] | None
    waiting: list[T] = field(default_factory=list)
    ended: bool = False
    error: BaseException | None = None


class Together(Generic[T]):
    """Reads several streams, each in a thread of its own, and gives whoever asks what is there.

    If several have something, it is the turn of the one that was given last the longest ago. An
    error of a stream is raised after its last item. The threads live in the `with` block; each ends
    with the read that it is in.

    Args:
        streams: What to read.
        on_drop: For each stream, what is called in its thread when an item is dropped, because
            nobody asked for it before the next one came. Without, the next one waits.

    >>> with Together(["ab", "c"]) as together:
    ...     sorted(together)
    [(0, 'a'), (0, 'b'), (1, 'c')]
    """

    def __init__(
        self, streams: Sequence[Iterable[T]], on_drop: Sequence[Callable[[], None]] | None = None
    ):
        drops = [None for _ in streams] if on_drop is None else on_drop
        self._lanes = [_Lane(items, drop) for items, drop in zip(streams, drops, strict=True)]
        self._turns = deque(range(len(streams)))
        self._changed = threading.Condition()
        self._left = False
        self._threads = [
            threading.Thread(target=self._read, args=(lane,), name="newest frame", daemon=True)
            for lane in self._lanes
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[tuple[int, T]]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._turn() is not None or self._over())
                number = self._turn()
                if number is None:
                    return
                item = self._take(number)
            yield number, item

    def _turn(self) -> int | None:
        """Whose turn it is, if anything is there."""
        return next((number for number in self._turns if self._lanes[number].waiting), None)

    def _over(self) -> bool:
        """Whether nothing comes any more.

        Raises:
            BaseException: What a stream raised after the last item, which was taken.
        """
        for lane in self._lanes:
            if lane.error is not None and not lane.waiting:
                raise lane.error
        return all(lane.ended for lane in self._lanes)

    def _take(self, number: int) -> T:
        self._turns.remove(number)
        self._turns.append(number)
        self._changed.notify_all()
        return self._lanes[number].waiting.pop()

    def _read(self, lane: _Lane[T]) -> None:
        try:
            for item in lane.items:
                if not self._keep(lane, item):
                    break
            if isinstance(lane.items, Generator):
                lane.items.close()  # here, where it ran
        except BaseException as error:  # it belongs to whoever asks
            lane.error = error
        with self._changed:
            lane.ended = True
            self._changed.notify_all()

    def _keep(self, lane: _Lane[T], item: T) -> bool:
        """Keep an item until it is asked for; say whether anybody is still there to ask."""
        with self._changed:
            if lane.waiting and lane.on_drop is not None:
                lane.on_drop()
                lane.waiting.clear()
            self._changed.wait_for(lambda: not lane.waiting or self._left)
            if not self._left:
                lane.waiting.append(item)
                self._changed.notify_all()
        return not self._left
