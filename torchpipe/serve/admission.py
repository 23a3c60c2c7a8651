"""`Admission`: which requests get in, how long they may take, and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torchpipe.errors import ItemDropped, RunError, Stopped
from torchpipe.serve.refusals import (
    CellFailed,
    DeadlineExceeded,
    Draining,
    ItemFiltered,
    Overloaded,
    Refusal,
)

if TYPE_CHECKING:
    from torchpipe.engine.run import Run

log = logging.getLogger("torchpipe.serve")


class Admission:
    """The part of a `Service` that each request passes on its way in, and on its way out.

    Args:
        queue: Most requests that wait for room in the run's window.
        timeout: Seconds until a request is given up, or None.

    Attributes:
        inside: How many requests wait for a result now.
        count: How many were answered, with a result or without.
        seconds: How long those took, together.
        draining: Whether no more requests are taken.
        ended: Whether the run has ended by itself: the service has to be started again.
        rejected: How many requests were refused, by reason.
        replies: How many requests with the method POST had a reply, by its HTTP status.
        failures: How many requests failed in a cell, by its path.
    """

    run: Run

    def __init__(self, queue: int, timeout: float | None):
        self.queue, self.timeout = queue, timeout
        self.inside = self.count = 0
        self.seconds = 0.0
        self.draining = self.ended = False
        self.rejected = {"full": 0, "deadline": 0, "draining": 0, "cell": 0, "memory": 0}
        self.replies: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def places(self) -> int:
        """Most requests inside."""
        return self.run.window + self.queue

    async def drained(self) -> None:
        """Take no more requests, and wait until all that are inside have left."""
        self.draining = True
        await self._empty.wait()

    @contextmanager
    def admitted(self, request_id: str) -> Iterator[None]:
        """Count a request, if there is room for it; what goes wrong in it is a refusal."""
        self._admit()
        start = perf_counter()
        self.inside += 1
        self._empty.clear()
        try:
            yield
        except Exception as error:
            raise self._refusal(error, request_id) from error
        finally:
            self.inside -= 1
            self.count += 1
            self.seconds += perf_counter() - start
            if not self.inside:
                self._empty.set()

    def _admit(self) -> None:
        if self.draining:
            self.rejected["draining"] += 1
            raise Draining
        if self.inside >= self.places:
            self.rejected["full"] += 1
            raise Overloaded(self.places)

    def timer(
        self, deadline: float | None, expire: Callable[[Any, float], None], whose: Any
    ) -> asyncio.TimerHandle | None:
        """Call `expire` when the deadline is over, that of the request or of the service."""
        seconds = self.timeout if deadline is None else deadline
        if seconds is None:
            return None
        return asyncio.get_running_loop().call_later(seconds, expire, whose, seconds)

    def _refusal(self, error: Exception, request_id: str) -> Refusal:
        """What a client is told of an error."""
        if isinstance(error, Refusal):
            self.rejected["deadline"] += isinstance(error, DeadlineExceeded)
            return error
        if isinstance(error, ItemDropped):
            return ItemFiltered()
        if isinstance(error, Stopped):
            self._notice(error)
            return Draining()
        self.rejected["cell"] += 1
        log.error("request %s failed", request_id, exc_info=error)
        if isinstance(error, RunError):
            return Refusal(str(error), 500)
        failed = CellFailed(error)
        self.failures[failed.more["cell"]] += 1
        return failed

    def _notice(self, error: Stopped) -> None:
        """The run has ended before the service, and nothing starts it again."""
        if not self.ended:
            log.critical("the run has ended; the service has to be started again", exc_info=error)
        self.ended = self.draining = True
