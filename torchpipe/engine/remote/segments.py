"""`Pool`: shared memory, for what travels to clones on this node and back.

This process owns all of it, and lends it. A segment is an anonymous file in memory: others open it
through `/proc`, so nothing has a name that could be left behind, whoever is killed. Segments are
used again and again, as fresh memory is what costs: each page of it must be cleared.

Guarantees:

- At most `limit` bytes: what finds no room goes through the object store.
- A segment is used again when nobody holds anything in it any more: each array here that lies in it
  keeps its `Lease`, each call to a clone keeps those of its arguments until the clone has let go of
  them (see `Loans`).
- A segment that a lost clone was to write to is never used again.
"""

from __future__ import annotations

import itertools
import mmap
import os
import pickle
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

LIMIT = 512 * 2**20
"""Bytes that a pool may take."""

ALIGNED = 64
"""Bytes to which the contents of arrays are aligned."""


class Place(NamedTuple):
    """Some bytes in a segment, for whoever opens it.

    Attributes:
        process: The process that owns the segment.
        file: Its file descriptor there.
        key: What the segment begins with, to be sure that it is the right one.
        capacity: Its size.
        start: Where the bytes begin.
        size: How many there are.
    """

    process: int
    file: int
    key: int
    capacity: int
    start: int
    size: int


class View(np.ndarray[Any, Any]):
    """Bytes in a segment; `keeper` stays alive with every array that lies in them."""

    keeper: Any
    place: Place


def view(memory: mmap.mmap, place: Place, keeper: Any, *, readonly: bool) -> View:
    """Some bytes in a segment that is mapped here."""
    made = View((place.size,), np.uint8, buffer=memory, offset=place.start)
    made.keeper, made.place = keeper, place
    made.flags.writeable = not readonly
    return made


class Segment:
    """One piece of shared memory.

    Attributes:
        spoilt: Whether a process that was given up may still write to it.
    """

    numbers = itertools.count(int.from_bytes(os.urandom(7), "little"))

    def __init__(self, size: int):
        self.size, self.key = size, next(self.numbers)
        self.file = os.memfd_create("torchpipe")
        os.ftruncate(self.file, size)
        self.memory = mmap.mmap(self.file, size)
        self.memory[:8] = self.key.to_bytes(8, "little")
        self.spoilt = False

    def place(self, start: int, size: int) -> Place:
        """How others find these bytes."""
        return Place(os.getpid(), self.file, self.key, self.size, start, size)

    def close(self) -> None:
        """Give the memory back, as soon as nobody maps it any more."""
        os.close(self.file)


class Lease:
    """A segment in use; when nobody keeps the lease any more, the segment is free again."""

    def __init__(self, segment: Segment, returned: deque[Segment]):
        self.segment, self._returned = segment, returned

    def __del__(self) -> None:
        self._returned.append(self.segment)  # no lock: this may run at any moment, in any thread

    @property
    def whole(self) -> Place:
        """All of the segment that can be written to."""
        return self.segment.place(ALIGNED, self.segment.size - ALIGNED)

    def view(self, start: int, size: int) -> View:
        """Some bytes of it, for this process."""
        place = self.segment.place(start, size)
        return view(self.segment.memory, place, self, readonly=False)


class Pool:
    """The segments of this process."""

    def __init__(self, limit: int = LIMIT):
        self.limit = limit
        self.segments: dict[int, Segment] = {}
        self._free: list[Segment] = []
        self._returned: deque[Segment] = deque()
        self._lock = threading.Lock()

    def lease(self, size: int) -> Lease | None:
        """A segment with room for so many bytes; None if there is none."""
        with self._lock:
            self._take_back()
            segment = self._fitting(size + ALIGNED) or self._made(rounded(size + ALIGNED))
        return None if segment is None else Lease(segment, self._returned)

    def _take_back(self) -> None:
        while self._returned:
            segment = self._returned.popleft()
            if segment.key not in self.segments:
                continue
            if segment.spoilt:
                self._drop(segment)
            else:
                self._free.append(segment)

    def _fitting(self, size: int) -> Segment | None:
        fitting = [s for s in self._free if size <= s.size <= 2 * rounded(size)]
        if not fitting:
            return None
        best = min(reversed(fitting), key=lambda s: s.size)  # used last, its memory is warm
        self._free.remove(best)
        return best

    def _made(self, size: int) -> Segment | None:
        while self._free and self._taken + size > self.limit:
            self._drop(self._free.pop(0))
        if self._taken + size > self.limit:
            return None
        segment = Segment(size)
        self.segments[segment.key] = segment
        return segment

    @property
    def _taken(self) -> int:
        return sum(segment.size for segment in self.segments.values())

    def _drop(self, segment: Segment) -> None:
        del self.segments[segment.key]
        segment.close()

    def clear(self) -> None:
        """Give all memory back; what still lies in a segment stays there until nobody needs it."""
        with self._lock:
            self._free.clear()
            self._returned = deque()  # what is still lent goes with its last lease
            for segment in list(self.segments.values()):
                self._drop(segment)


def rounded(size: int) -> int:
    """A size, rounded up so that slightly different ones are the same: by at most an eighth."""
    step = max(4096, 1 << max(0, size.bit_length() - 4))
    return -(-size // step) * step


def laid_out(sizes: Sequence[int], start: int = ALIGNED) -> list[int]:
    """Where contents of these sizes lie in a segment, one after the other; and where they end."""
    starts = [start]
    for size in sizes:
        starts.append(starts[-1] + -(-size // ALIGNED) * ALIGNED)
    return starts


def fill(memory: mmap.mmap, starts: Sequence[int], buffers: Sequence[Any]) -> None:
    """Copy contents to where they are to lie."""
    whole = np.frombuffer(memory, np.uint8)
    for start, buffer in zip(starts, buffers, strict=False):
        contents = np.frombuffer(pickle.PickleBuffer(buffer).raw(), np.uint8)
        whole[start : start + len(contents)] = contents


def fits(sizes: Sequence[int], place: Place | None) -> bool:
    """Whether there are contents, and they have room in a segment."""
    return place is not None and bool(sizes) and laid_out(sizes)[-1] <= place.capacity
