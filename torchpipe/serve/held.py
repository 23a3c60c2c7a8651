"""`Held`: how many bytes of all requests together are in memory, and how many may be."""

from __future__ import annotations

from threading import Lock

from torchpipe.serve.refusals import Crowded


class Held:
    """Bytes that clients have sent, and what those were decompressed to.

    Args:
        most: Most of them at a time.
        rejected: Where those that are refused are counted, as `memory`.

    Attributes:
        now: How many there are.
    """

    def __init__(self, most: int, rejected: dict[str, int]):
        self.most, self.now, self.rejected = most, 0, rejected
        self.lock = Lock()  # large bodies are read in threads

    def share(self) -> Share:
        """What one request, or one WebSocket, holds: a `with` block around it."""
        return Share(self)


class Share:
    """The part of one of them; given back at the end of its `with` block, however it ends.

    Args:
        held: Of what.
    """

    def __init__(self, held: Held):
        self._held, self._mine, self._ended = held, 0, False

    def add(self, count: int) -> None:
        """Count further bytes; fewer, if negative.

        Raises:
            Crowded: All requests together have too many.
        """
        with self._held.lock:
            if self._held.now + count > self._held.most:
                self._held.rejected["memory"] += 1
                raise Crowded(self._held.most)
            if not self._ended:  # a thread may still read what nobody waits for
                self._held.now += count
                self._mine += count

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *_: object) -> None:
        with self._held.lock:
            self._ended = True
            self._held.now -= self._mine
