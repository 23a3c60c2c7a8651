"""`Watch`: the figures of a run, twice a second, while somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from torchpipe.dashboard.board import Board
from torchpipe.dashboard.drawing import values
from torchpipe.dashboard.history import EVERY, History
from torchpipe.dashboard.outputs import Outputs
from torchpipe.dashboard.recorder import Recorder
from torchpipe.dashboard.snapshot import conclusion, figures
from torchpipe.dashboard.tail import Tail
from torchpipe.engine.planning.reporter import Reporter
from torchpipe.engine.telemetry.statistics import Statistics

PERIOD = 0.5
"""Seconds between two moments."""

SPAN = 4
"""Moments that rates and shares are taken over: 2 seconds."""

OPINION = 10
"""Moments after which the verdict is given anew; the first one comes sooner."""

Moment = dict[str, Any]


class Watch:
    """Looks at a run for all who look at the page.

    While nobody does, it takes a snapshot now and then, for the charts of those who come later.
    Everything here happens in the thread of the event loop.

    Attributes:
        board: The run, and how it goes.
        tail: The last lines of the log.
        recorder: Records traces.
        history: The last minutes.
        outputs: Looks at what cells give.
        viewers: How many look.
    """

    def __init__(self, board: Board, tail: Tail):
        self.board, self.tail, self.viewers = board, tail, 0
        self.recorder = Recorder(board.run)
        self.history, self.outputs = History(), Outputs(board.run)
        self._moment: asyncio.Future[Moment] | None = None
        self._task: asyncio.Task[None] | None = None
        self._somebody = asyncio.Event()
        self._closed = False
        self._age = 0

    def start(self) -> None:
        """Look from now on, until the run has ended and nobody looks."""
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._look())

    async def moments(self) -> AsyncIterator[Moment]:
        """The figures, twice a second, until the watch is closed."""
        self.viewers += 1
        self._somebody.set()
        self.start()
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

    def renew(self) -> None:
        """Something was changed: the next verdict is about what follows."""
        self._age = 0

    def close(self) -> None:
        """Let all viewers go."""
        self._closed = True
        self.recorder.close()
        self.outputs.close()
        if self._task is not None:
            self._task.cancel()
        if self._moment is not None:
            self._moment.cancel()

    async def _look(self) -> None:
        """Look as long as there is something to see. If that fails, viewers are told."""
        try:
            while self.viewers or not self.board.run.stopped:
                await (self._closely() if self.viewers else self._from_afar())
        except Exception as error:
            moment, self._moment = self._moment, None
            if moment is not None and not moment.done():
                moment.set_exception(error)
        finally:
            self._task = None

    async def _from_afar(self) -> None:
        """One point of the history, unless somebody comes."""
        before = self.board.run.statistics()
        self._somebody.clear()
        try:
            async with asyncio.timeout(EVERY):
                await self._somebody.wait()
        except TimeoutError:
            self.history.add(now() | figures(before, self.board.run.statistics()))

    async def _closely(self) -> None:
        """Moments, until nobody looks."""
        reporter = self.board.run.reporter()
        try:
            await self._ticks(reporter)
        finally:
            reporter.close()

    async def _ticks(self, reporter: Reporter) -> None:
        seen: deque[Statistics] = deque([self.board.run.statistics()], maxlen=SPAN + 1)
        opinion: Moment | None = None
        self._age = 0
        while self.viewers:
            opinion = self._opinion(reporter, opinion)
            await asyncio.sleep(PERIOD)
            seen.append(self.board.run.statistics())
            told = self._told(seen) | {"verdict": opinion}
            self.history.add(told)
            moment, self._moment = self._moment, None
            if moment is not None and not moment.done():
                moment.set_result(told)

    def _opinion(self, reporter: Reporter, last: Moment | None) -> Moment | None:
        """The verdict on the last seconds: at first after two of them, and then every five."""
        age, self._age = self._age, self._age + 1
        if age == 0:
            reporter.report()  # from here on
        elif (age == SPAN or age % OPINION == 0) and self.board.state == "running":
            return conclusion(reporter.report())
        return last

    def _told(self, seen: deque[Statistics]) -> Moment:
        """One moment."""
        board = self.board
        return {
            **now(),
            "state": board.state,
            "pausable": board.pausable,
            "epoch": board.run.epoch,
            **figures(seen[0], seen[-1]),
            "parameters": values(board.run.pipeline),
            "dead": board.run.skipped,
            "log": self.tail.count,
            "trace": self.recorder.told,
        }


def now() -> Moment:
    """When a moment is, by the clock on the wall."""
    return {"at": round(time.time(), 3)}
