"""The routes of the protocol.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from torchpipe.serve.kserve.compression import chosen, compressed
from torchpipe.serve.kserve.model import EXTENSIONS, PLATFORM, VERSION, Model
from torchpipe.serve.kserve.request import InferRequest, read_request
from torchpipe.serve.kserve.response import HEADER, write_reply
from torchpipe.serve.kserve.sequences import Sequences
from torchpipe.serve.present import Present
from torchpipe.serve.reading import plain
from torchpipe.serve.refusals import Refusal
from torchpipe.serve.service import Service
from torchpipe.serve.wishes import deadline_of

LARGE = 2**18  # bytes from which on a thread reads and writes them, and the event loop goes on
Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


class OpenInference:
    """The Open Inference Protocol, spoken for one service.

    Args:
        service: What it asks.
        most: Most bytes of a body that was compressed.
        idle: Seconds without a request after which a sequence ends.

    Attributes:
        routes: To be added to an app, which answers with what is refused.
        shortcuts: The one that is asked most, by its path.
    """

    def __init__(self, service: Service, most: int, idle: float):
        self.service, self.most, self.model = service, most, Model(service)
        self.sequences = Sequences(service.open, service.close, idle)
        self.shortcuts = {f"/v2/models/{self.model.name}/infer": self._infer}
        server = {"name": PLATFORM, "version": VERSION, "extensions": EXTENSIONS}
        self.routes = [
            self._route("/v2", "GET", telling(lambda: server)),
            self._route("/v2/health/live", "GET", self._live),
            self._route("/v2/health/ready", "GET", self._ready),
            self._route("/v2/repository/index", "POST", telling(self.model.index)),
            self._route("/v2/models/stats", "GET", telling(self.model.statistics)),
            *self._of_model("/v2/models/{name}"),
            *self._of_model("/v2/models/{name}/versions/{version}"),
        ]

    def _of_model(self, path: str) -> list[Route]:
        return [
            self._route(path, "GET", telling(self.model.metadata)),
            self._route(f"{path}/config", "GET", telling(self.model.config)),
            self._route(f"{path}/stats", "GET", telling(self.model.statistics)),
            self._route(f"{path}/ready", "GET", self._ready),
            self._route(f"{path}/infer", "POST", self._infer),
        ]

    def _route(self, path: str, method: str, handler: Handler) -> Route:
        """A route, for models that there are."""

        async def guarded(request: Request) -> Response:
            if "name" in request.path_params:
                self.model.refuse_other(**request.path_params)
            return await handler(request)

        return Route(path, guarded, methods=[method], include_in_schema=False)

    async def _live(self, _: Request) -> Response:
        return Response()

    async def _ready(self, _: Request) -> Response:
        if not self.model.ready:
            raise Refusal(f"{self.model.name} takes no more requests: the service is ending.", 503)
        return Response()

    async def _infer(self, request: Request) -> Response:
        since = perf_counter_ns()
        try:
            reply = await self._inferred(request)
        except BaseException:
            self.model.tally.fail.add(since)
            raise
        self.model.tally.succeeded(since)
        return reply

    async def _inferred(self, request: Request) -> Response:
        self.model.refuse_several()
        body = await request.body()
        size = LARGE if "content-encoding" in request.headers else len(body)
        asked = await aside(size, self._read, body, request)
        values = self.model.values(asked)
        async with Present(request):
            outputs = await self._outputs(request, asked, values)
        encoding = chosen(request.headers.get("accept-encoding", ""))
        return await self._reply(asked, outputs, encoding)

    def _read(self, body: bytes, request: Request) -> InferRequest:
        return read_request(plain(body, request, self.most), request.headers.get(HEADER))

    async def _outputs(
        self, request: Request, asked: InferRequest, values: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Ask the run."""
        seconds = asked.parameters.timeout or deadline_of(request)
        infer = partial(
            self.service.infer, values, deadline=seconds, request_id=request.state.request_id
        )
        sequence = asked.parameters.sequence
        if sequence is None or not self.service.stateful:
            return await infer()
        async with self.sequences.session(sequence) as session:
            return await infer(session=session)

    async def _reply(
        self, asked: InferRequest, outputs: Mapping[str, Any], encoding: str
    ) -> Response:
        tensors = self.model.tensors(outputs)
        size = sum(tensor.size for tensor in tensors)
        reply = await aside(size, write_reply, asked, tensors, self.model.name, VERSION)
        more = {"Content-Encoding": encoding} if encoding else {}
        body = await aside(size if encoding else 0, compressed, reply.body, encoding)
        return Response(body, headers={**reply.headers, **more})


def telling(tell: Callable[[], Any]) -> Handler:
    """A handler that tells something."""

    async def handler(_: Request) -> Response:
        return JSONResponse(tell())

    return handler


async def aside(size: int, work: Callable[..., T], *args: Any) -> T:
    """Do some work; in a thread, if it is on many bytes."""
    return await asyncio.to_thread(work, *args) if size >= LARGE else work(*args)
