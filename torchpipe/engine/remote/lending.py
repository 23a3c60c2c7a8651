"""`Lending`: what one clone on this node has borrowed: its arguments, and room for its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchpipe.engine.remote.segments import Lease, Place, Pool, View, fill, laid_out
from torchpipe.engine.remote.wire import Message

SHARED = 10_000
"""Bytes from which the contents of a message lie in a segment."""

SHRINKING = 0.9
"""How fast the room for results gets smaller, from one answer to the next, where they do."""

SPARE = 1.1
"""How much larger the room is than the results before were."""


class Lending:
    """The leases that a clone needs.

    Arguments are lent until the clone says that nothing of them is kept any more; room for an
    answer until the answer is there. Room that a lost clone may still write to is never lent again.
    """

    def __init__(self, pool: Pool):
        self.pool = pool
        self._arguments: dict[int, list[Lease]] = {}
        self._rooms: dict[int, Lease] = {}
        self._known: set[int] = set()
        self._each = 0.0

    def contents(self, call: int, message: Message) -> list[Any]:
        """The contents of a message: places in segments, as far as there is room.

        What lies in a segment already stays there.
        """
        views: list[Any] = [memoryview(buffer).obj for buffer in message.buffers]
        contents = [
            v.place if is_lent(v) else b for v, b in zip(views, message.buffers, strict=True)
        ]
        leases = [view.keeper for view in views if is_lent(view)]
        others = [index for index, view in enumerate(views) if not is_lent(view)]
        copied = self._copied([message.buffers[index] for index in others])
        if copied is not None:
            for index, place in zip(others, copied[1], strict=True):
                contents[index] = place
            leases.append(copied[0])
        if leases:
            self._arguments[call] = leases
            self._known |= {lease.segment.key for lease in leases}
        return contents

    def _copied(self, buffers: Sequence[Any]) -> tuple[Lease, list[Place]] | None:
        """Copy contents into one segment; None if that is not worth it, or there is no room."""
        sizes = [memoryview(buffer).nbytes for buffer in buffers]
        starts = laid_out(sizes)
        lease = self.pool.lease(starts[-1]) if sum(sizes) >= SHARED else None
        if lease is None:
            return None
        fill(lease.segment.memory, starts, buffers)
        return lease, [lease.segment.place(*where) for where in zip(starts, sizes, strict=False)]

    def room(self, call: int, items: int) -> Place | None:
        """Where the answer to a call may be put, if the results are as large as those before."""
        return self.larger_room(call, int(SPARE * self._each * items))

    def larger_room(self, call: int, size: int) -> Place | None:
        """Where the answer to a call may be put, now that it is known how large it is."""
        lease = self.pool.lease(size) if size >= SHARED else None
        if lease is None:
            return None
        self._rooms[call] = lease
        self._known.add(lease.segment.key)
        return lease.segment.place(0, lease.segment.size)

    def expect(self, size: int, items: int) -> None:
        """Results of so many items took so many bytes."""
        self._each = max(size / items, SHRINKING * self._each)

    def gone(self) -> list[int]:
        """The segments that the clone knows and that will not be used again."""
        gone = [key for key in self._known if key not in self.pool.segments]
        self._known.difference_update(gone)
        return gone

    def answered(self, call: int, sizes: list[int], starts: list[int] | None) -> list[View]:
        """Where the contents of an answer lie, if they are in the room for them."""
        room = self._rooms.pop(call, None)
        if starts is None or room is None:
            return []
        return [room.view(*where) for where in zip(starts, sizes, strict=False)]

    def returned(self, calls: Sequence[int]) -> None:
        """The clone keeps nothing of the arguments of these calls."""
        for call in calls:
            self._arguments.pop(call, None)

    def lost(self) -> None:
        """The clone is given up."""
        for room in self._rooms.values():
            room.segment.spoilt = True
        self._rooms.clear()
        self._arguments.clear()


def is_lent(exporter: Any) -> bool:
    """Whether contents lie in a segment of this process."""
    return type(exporter) is View and isinstance(exporter.keeper, Lease)


def lent_size(message: Message) -> int:
    """Bytes of a message that lie in segments already."""
    return sum(memoryview(b).nbytes for b in message.buffers if is_lent(memoryview(b).obj))
