"""`Loans`: what this process has borrowed of one that owns segments, and when it is returned."""

from __future__ import annotations

import mmap
import os
from collections import deque
from collections.abc import Sequence

from torchpipe.engine.remote.segments import Place, View, view


class Loans:
    """What this process has borrowed of others: the segments that it has opened."""

    def __init__(self) -> None:
        self._opened: dict[int, mmap.mmap] = {}
        self._returned: deque[int] = deque()

    def begin(self, call: int) -> Loan:
        """What keeps all that is borrowed for a call."""
        return Loan(call, self._returned)

    def open(self, place: Place) -> mmap.mmap:
        """The memory of a segment.

        Raises:
            OSError: It cannot be opened from here.
        """
        if place.key not in self._opened:
            file = os.open(f"/proc/{place.process}/fd/{place.file}", os.O_RDWR)
            try:
                memory = mmap.mmap(file, place.capacity)
            finally:
                os.close(file)
            if int.from_bytes(memory[:8], "little") != place.key:
                raise FileNotFoundError(f"{place} is not there")
            self._opened[place.key] = memory
        return self._opened[place.key]

    def view(self, place: Place, loan: Loan) -> View:
        """The bytes at a place: not to be written to, as others may read them."""
        return view(self.open(place), place, loan, readonly=True)

    def forget(self, keys: Sequence[int]) -> None:
        """These segments are gone; what lies in them here stays until nobody needs it."""
        for key in keys:
            self._opened.pop(key, None)

    def take_returned(self) -> list[int]:
        """The calls of which nothing is kept any more, since this was last asked."""
        return [self._returned.popleft() for _ in range(len(self._returned))]


class Loan:
    """Kept by all that was borrowed for a call; without it, the call's arguments are returned."""

    def __init__(self, call: int, returned: deque[int]):
        self.call, self._returned = call, returned

    def __del__(self) -> None:
        self._returned.append(self.call)
