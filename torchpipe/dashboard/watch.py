"""`Watch`: the figures of a run, twice a second, while somebody looks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from torchpipe.dashboard.board import Board
from torchpipe.dashboard.drawing import values
from torchpipe.dashboard.outputs import Outputs
from torchpipe.dashboard.snapshot import conclusion, figures
from torchpipe.dashboard.tail import Tail
from torchpipe.engine.reporter import Reporter
from torchpipe.engine.statistics import Statistics

PERIOD = 0.5
"""Seconds between two moments."""

SPAN = 4
"""Moments that rates and shares are taken over: 2 seconds."""

OPINION = 10
"""Moments after which the verdict is given anew; the first one comes sooner."""


class Watch:
    """Looks at a run for all who look at the page, and at nothing when nobody does.

    Everything here happens in the thread of the event loop.

    Attributes:
        board: The run, and how it goes.
        tail: The last lines of the log.
        outputs: Looks at what cells give.
        viewers: How many look.
    """

    def __init__(self, board: Board, tail: Tail):
        self.board, self.tail, self.viewers = board, tail, 0
        self.outputs = Outputs(board.run)
        self._moment: asyncio.Future[dict[str, Any]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._age = 0

    async def moments(self) -> AsyncIterator[dict[str, Any]]:
        """The figures, twice a second, until the watch is closed."""
        self.viewers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            while not self._closed:
                if self._moment is None:
                    self._moment = asyncio.get_running_loop().create_future()
                yield await asyncio.shield(self._moment)
        except asyncio.CancelledError:
            if not self._closed:
                raise
        finally:
            self.viewers -= 1
            if not self.viewers and self._task is not None:
                self._task.cancel()
                self._task = None

    def renew(self) -> None:
        """Something was changed: the next verdict is about what follows."""
        self._age = 0

    def close(self) -> None:
        """Let all viewers go."""
        self._closed = True
        self.outputs.close()
        if self._moment is not None:
            self._moment.cancel()

    async def _look(self) -> None:
        """Look until nobody else does. If that fails, viewers are told, and the next one tries."""
        reporter = self.board.run.reporter()
        try:
            await self._ticks(reporter)
        except Exception as error:
            self._task = None
            moment, self._moment = self._moment, None
            if moment is not None and not moment.done():
                moment.set_exception(error)
        finally:
            reporter.close()

    async def _ticks(self, reporter: Reporter) -> None:
        seen: deque[Statistics] = deque([self.board.run.statistics()], maxlen=SPAN + 1)
        opinion: dict[str, Any] | None = None
        self._age = 0
        while True:
            opinion = self._opinion(reporter, opinion)
            await asyncio.sleep(PERIOD)
            seen.append(self.board.run.statistics())
            told = self._told(seen) | {"verdict": opinion}
            moment, self._moment = self._moment, None
            if moment is not None and not moment.done():
                moment.set_result(told)

    def _opinion(self, reporter: Reporter, last: dict[str, Any] | None) -> dict[str, Any] | None:
        """The verdict on the last seconds: at first after two of them, and then every five."""
        age, self._age = self._age, self._age + 1
        if age == 0:
            reporter.report()  # from here on
        elif (age == SPAN or age % OPINION == 0) and self.board.state == "running":
            return conclusion(reporter.report())
        return last

    def _told(self, seen: deque[Statistics]) -> dict[str, Any]:
        """One moment."""
        board = self.board
        return {
            "state": board.state,
            "pausable": board.pausable,
            "epoch": board.run.epoch,
            **figures(seen[0], seen[-1]),
            "parameters": values(board.run.pipeline),
            "dead": board.run.skipped,
            "log": self.tail.count,
        }
