"""`app`: the page of one run, as an ASGI app."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from torchpipe.dashboard.board import Board
from torchpipe.dashboard.drawing import drawing, plain, values
from torchpipe.dashboard.guard import LOOPBACK, Guard
from torchpipe.dashboard.snapshot import letters
from torchpipe.dashboard.tail import Tail
from torchpipe.dashboard.watch import Watch
from torchpipe.engine.run import Run
from torchpipe.errors import TorchpipeError
from torchpipe.graph.flat import leaves
from torchpipe.graph.parameter import Parameter, settings

STATIC = Path(__file__).with_name("static")
MOST = 1000  # clones of one cell that the page may ask for, and dead letters that it shows
BODY = 100_000  # bytes


def app(run: Run, *, token: str | None = None, hosts: Collection[str] | None = LOOPBACK) -> Guard:
    """The live page of a run, as an ASGI app: `Mount("/dashboard", app=dashboard.app(run))`.

    From the first look on, it remembers the last minutes; before, nothing is measured.

    Args:
        run: A run, which goes on by itself or is pulled by somebody else.
        token: What requests must bring; None lets everybody who reaches it.
        hosts: The names by which the page may be called; None lets all. By default only those of
            this machine.
    """
    watch = Watch(Board(run), Tail())
    made = guarded(watch, token, hosts)
    watch.tail.listen()
    weakref.finalize(made, watch.tail.close)
    return made


def guarded(watch: Watch, token: str | None, hosts: Collection[str] | None) -> Guard:
    """The routes behind their guard."""
    routes = Routes(watch)
    made = Starlette(
        routes=[
            Route("/graph", routes.graph),
            Route("/events", routes.events),
            Route("/history", routes.history),
            Route("/dead-letters", routes.dead_letters),
            Route("/log", routes.log),
            Route("/outputs/{path}", routes.output),
            Route("/parameters", routes.parameters, methods=["GET"]),
            Route("/parameters", routes.set_parameters, methods=["PATCH"]),
            Route("/scale", routes.scale, methods=["POST"]),
            Route("/pause", routes.pause, methods=["POST"]),
            Route("/resume", routes.resume, methods=["POST"]),
            Route("/drain", routes.drain, methods=["POST"]),
            *watch.recorder.routes(),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        exception_handlers={Refusal: refused, TorchpipeError: refused},
    )
    return Guard(made, token, hosts)


class Refusal(Exception):
    """A request that cannot be done; the text says why."""


async def refused(_: Request, error: Exception) -> Response:
    """The answer to it."""
    text = str(error).encode(errors="backslashreplace").decode()  # JSON can name what no text can
    return JSONResponse({"error": text}, 422)


class Routes:
    """What the page asks for.

    Args:
        watch: Looks at the run.
    """

    def __init__(self, watch: Watch):
        self.watch, self.board, self.run = watch, watch.board, watch.board.run

    async def graph(self, _: Request) -> Response:
        """What does not change while the pipeline runs."""
        return JSONResponse(drawing(self.run.pipeline))

    async def events(self, _: Request) -> Response:
        """The figures, as server-sent events; a browser asks again by itself when they end."""
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=headers)

    async def _events(self) -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for moment in self.watch.moments():
            yield f"data: {json.dumps(moment, separators=(',', ':'))}\n\n"

    async def history(self, _: Request) -> Response:
        """The last minutes: some moments, as far as charts show them."""
        return JSONResponse(self.watch.history.points())

    async def dead_letters(self, _: Request) -> Response:
        """The items that were skipped, and the error that ended the run."""
        found = letters(self.run.dead_letters[-MOST:])
        return JSONResponse({"failure": self.board.failure, "letters": found})

    async def log(self, _: Request) -> Response:
        """The last lines of the log."""
        return JSONResponse(self.watch.tail.lines())

    async def output(self, request: Request) -> Response:
        """The next output of a cell, one description for each port; null if there is none soon."""
        return JSONResponse(await self.watch.outputs.next(request.path_params["path"]))

    async def parameters(self, _: Request) -> Response:
        """The values of all live parameters."""
        return JSONResponse(values(self.run.pipeline))

    async def set_parameters(self, request: Request) -> Response:
        """Set live parameters: all of them, or none."""
        wanted = await body(request)
        before: dict[str, Any] = {}
        try:
            for path, value in wanted.items():
                before[path] = self._value(path)
                self.run.set(path, value)
        except TorchpipeError:
            for path in list(before)[:-1]:
                self.run.set(path, before[path])
            raise
        self.watch.renew()
        return JSONResponse({path: plain(self._value(path)) for path in wanted})

    def _value(self, path: str) -> Any:
        """The value of a parameter; None if there is no such one, which `set` will say."""
        cells = {cell.path: cell for cell in leaves(self.run.pipeline)}
        cell, _, name = path.rpartition(".")
        known = cell in cells and name in settings(cells[cell], Parameter)
        return getattr(cells[cell], name) if known else None

    async def scale(self, request: Request) -> Response:
        """Change the number of clones of cells; returns when they are ready."""
        wanted = await body(request)
        for path, count in wanted.items():
            if type(count) is not int or not 1 <= count <= MOST:
                raise Refusal(f"cannot scale {path} to {count!r} clones: give 1 to {MOST}.")
        for path, count in wanted.items():
            await asyncio.to_thread(self.run.scale, path, count)
        self.watch.renew()
        return JSONResponse(wanted)

    async def pause(self, _: Request) -> Response:
        """Take no further result, where the run is pulled through its board."""
        if not self.board.pausable:
            raise Refusal("cannot pause: others take the results. Use `page.results()` for that.")
        self.board.pause()
        return self._state()

    async def resume(self, _: Request) -> Response:
        """Take results again."""
        self.board.resume()
        self.watch.renew()
        return self._state()

    async def drain(self, _: Request) -> Response:
        """Return when all submitted items have left."""
        await asyncio.to_thread(self.run.drain)
        return self._state()

    def _state(self) -> Response:
        return JSONResponse({"state": self.board.state})


async def body(request: Request) -> dict[str, Any]:
    """The JSON object that a request brings.

    Raises:
        Refusal: It is none, or too large.
    """
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > BODY:
            raise Refusal(f"the body is larger than {BODY:,} bytes.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Refusal("the body is no JSON.") from None
    if not isinstance(found, dict):
        raise Refusal("the body is no JSON object: send names with their values.")
    return found
