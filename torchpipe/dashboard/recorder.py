"""`Recorder`: traces of a run for those who look at its page: one at a time, for a while."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from torchpipe.engine.run import Run
from torchpipe.engine.telemetry.trace import Trace
from torchpipe.errors import RunError

LONGEST = 60.0
"""Seconds after which a recording ends by itself: its viewer may have gone."""


class Recorder:
    """Records what cells do, in the thread of an event loop; keeps the last trace until the next.

    Args:
        run: The run.
        longest: Seconds after which a recording ends by itself.
    """

    def __init__(self, run: Run, longest: float = LONGEST):
        self.run, self.longest = run, longest
        self._trace: Trace | None = None
        self._began: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def routes(self) -> list[Route]:
        """What the page asks for."""
        return [
            Route("/trace/start", self.start, methods=["POST"]),
            Route("/trace/stop", self.stop, methods=["POST"]),
            Route("/trace", self.file),
        ]

    @property
    def told(self) -> dict[str, Any] | None:
        """For how long it records, and how many calls there are; None while it does not."""
        if self._trace is None or self._began is None:
            return None
        return {"seconds": monotonic() - self._began, "calls": self._trace.calls}

    async def start(self, _: Request) -> Response:
        """Record from now on."""
        if self._began is not None:
            raise RunError("a trace is being recorded already. Stop it first.")
        self._trace, self._began = self.run.trace(), monotonic()
        self._trace.start()
        self._timer = asyncio.get_running_loop().call_later(self.longest, self.close)
        return JSONResponse(self.told)

    async def stop(self, _: Request) -> Response:
        """Record no more."""
        told = self.told
        if told is None:
            raise RunError("no trace is being recorded. Start one first.")
        self.close()
        return JSONResponse(told)

    async def file(self, _: Request) -> Response:
        """What was recorded last, or has been so far."""
        if self._trace is None:
            raise RunError("no trace was recorded. Start one first.")
        name = "".join(c if c.isalnum() else "-" for c in self.run.pipeline.path)
        headers = {"content-disposition": f'attachment; filename="{name}.trace.json"'}
        return StreamingResponse(self._trace.text(), media_type="application/json", headers=headers)

    def close(self) -> None:
        """End a recording, if there is one."""
        if self._trace is not None:
            self._trace.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._began = self._timer = None
