"""What clients ask for: `/run`, `/run-batch`, `/stream`, and the WebSocket `/session`."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

from fastapi import Request, Response, WebSocket
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import PydanticSerializationError
from starlette.responses import StreamingResponse

from torchpipe.engine.session import Session
from torchpipe.serve.codecs import STRICT
from torchpipe.serve.reading import LONGEST, SHORTEST, media_type, read_form, read_json
from torchpipe.serve.refusals import BadInput, Gone, Refusal, bad_input
from torchpipe.serve.service import Service

Waiting = asyncio.Queue[asyncio.Future[bytes]]
SOON = 0.02  # seconds after which a request that still waits is worth a task of its own


class Routes:
    """The routes of one service.

    Args:
        service: What they ask.
        most: Most bytes of a body that was compressed.
        most_items: Most items in one request.
    """

    def __init__(self, service: Service, most: int, most_items: int):
        self.service, self.most, self.most_items = service, most, most_items
        kind: Any = service.input_model
        items = Annotated[list[kind], Field(max_length=most_items)]
        fields: dict[str, Any] = {"items": (items, ...)}
        self._items = create_model("Items", __config__=STRICT, **fields)

    async def run(self, request: Request) -> Response:
        """The outputs for one item."""
        item = await self._item_in(request)
        async with Present(request):
            answer = await self._answer(request, item)
        return Response(answer, media_type="application/json")

    async def run_batch(self, request: Request) -> Response:
        """The outputs for several items, each or its error in the item's place.

        To a stateful pipeline they are a stream; and so are those of `stream`.
        """
        items = await self._items_in(request)
        async with Present(request):
            found = [one async for one in self._in_turn(request, items)]
        return Response(b'{"results":[' + b",".join(found) + b"]}", media_type="application/json")

    async def stream(self, request: Request) -> Response:
        """The outputs for several items as server-sent events, each as soon as those before it."""
        items = await self._items_in(request)
        return StreamingResponse(self._events(request, items), media_type="text/event-stream")

    async def _events(self, request: Request, items: list[BaseModel]) -> AsyncIterator[bytes]:
        number = 0
        async for one in self._in_turn(request, items):
            yield b"id: %d\ndata: %s\n\n" % (number, one)
            number += 1
        yield b"event: end\ndata: {}\n\n"

    async def _in_turn(self, request: Request, items: list[BaseModel]) -> AsyncIterator[bytes]:
        """The outcomes in order; no more items than the window holds are asked for at a time."""
        asked: deque[asyncio.Future[bytes]] = deque()
        rest = iter(items)
        async with self.service.session() as stream:
            try:
                asked.extend(self._asked(request, stream, islice(rest, self.service.run.window)))
                while asked:
                    yield await asked[0]
                    asked.popleft()
                    asked.extend(self._asked(request, stream, islice(rest, 1)))
            finally:
                for one in asked:
                    one.cancel()

    def _asked(
        self, request: Request, stream: Session | None, items: Iterable[BaseModel]
    ) -> Iterator[asyncio.Future[bytes]]:
        for item in items:
            yield asyncio.ensure_future(self._outcome(request, item, stream))

    async def session(self, socket: WebSocket) -> None:
        """Items in and results out, in their order, for as long as the client likes."""
        await socket.accept()
        try:
            stream = self.service.open()
        except Refusal as refusal:
            await socket.close(1013, refusal.detail)  # try again later
            return
        try:
            await self._talk(socket, stream)
        finally:
            await self.service.close(stream)

    async def _talk(self, socket: WebSocket, stream: Session | None) -> None:
        waiting: Waiting = asyncio.Queue()
        room = asyncio.Semaphore(self.service.run.window)
        both = [
            asyncio.ensure_future(self._receive_all(socket, stream, waiting, room)),
            asyncio.ensure_future(self._send_all(socket, waiting, room)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            while not waiting.empty():
                waiting.get_nowait().cancel()

    async def _receive_all(
        self,
        socket: WebSocket,
        stream: Session | None,
        waiting: Waiting,
        room: asyncio.Semaphore,
    ) -> None:
        while (message := await socket.receive())["type"] == "websocket.receive":
            text = message.get("text") or message.get("bytes") or b""
            await room.acquire()
            waiting.put_nowait(self._begun(socket, stream, text))

    async def _send_all(self, socket: WebSocket, waiting: Waiting, room: asyncio.Semaphore) -> None:
        while True:
            one = await waiting.get()
            try:
                await self._tell(socket, await one)
            finally:
                one.cancel()
            room.release()

    def _begun(
        self, socket: WebSocket, stream: Session | None, text: str | bytes
    ) -> asyncio.Future[bytes]:
        return asyncio.ensure_future(self._message(socket, stream, text))

    async def _tell(self, socket: WebSocket, message: bytes) -> None:
        await socket.send_text(message.decode())

    async def _message(self, socket: WebSocket, stream: Session | None, text: str | bytes) -> bytes:
        """The answer to one message."""
        try:
            item = self.service.input_model.model_validate_json(text)
        except ValidationError as error:
            return self._failed(socket, bad_input(error))
        return await self._outcome(socket, item, stream)

    async def _item_in(self, request: Request) -> BaseModel:
        model = self.service.input_model
        if media_type(request) == "multipart/form-data":
            return await read_form(request, self.service.inputs, model, self.most)
        return await read_json(request, model.model_validate_json, self.most)

    async def _items_in(self, request: Request) -> list[BaseModel]:
        context_of(request), deadline_of(request)  # refused here, not in the place of each item
        found: Any = await read_json(request, self._items.model_validate_json, self.most)
        return list(found.items)

    async def _outcome(
        self, request: Request | WebSocket, item: BaseModel, stream: Session | None = None
    ) -> bytes:
        """The outputs for an item, or what went wrong with it."""
        try:
            return self._as_outcome(await self._answer(request, item, stream))
        except Refusal as refusal:
            return self._failed(request, refusal)

    async def _answer(
        self, request: Request | WebSocket, item: BaseModel, stream: Session | None = None
    ) -> bytes:
        """The outputs for an item, as JSON."""
        outputs = await self.infer(request, item, stream)
        return self.written(outputs, context_of(request))

    def _as_outcome(self, answer: bytes) -> bytes:
        return b'{"outputs":' + answer + b"}"

    def _failed(self, request: Request | WebSocket, refusal: Refusal) -> bytes:
        return json.dumps({"problem": refusal.body(request.state.request_id)}).encode()

    async def infer(
        self, request: Request | WebSocket, item: BaseModel, stream: Session | None = None
    ) -> Mapping[str, Any]:
        """Ask the run."""
        seconds, name = deadline_of(request), request.state.request_id
        values = self._values(item)
        return await self.service.infer(values, deadline=seconds, request_id=name, session=stream)

    def _values(self, item: BaseModel) -> dict[str, Any]:
        return {name: getattr(item, name) for name in self.service.inputs}

    def written(self, outputs: Mapping[str, Any], context: dict[str, str]) -> bytes:
        """The outputs as JSON."""
        model = self.service.output_model.model_construct(**outputs)
        try:
            return model.__pydantic_serializer__.to_json(model, context=context, warnings=False)
        except PydanticSerializationError as error:
            raise Refusal(f"the outputs cannot be sent: {error}.", 500) from error


def context_of(request: Request | WebSocket) -> dict[str, str]:
    """How to write: `?arrays=base64` or lists."""
    if not request.scope["query_string"]:
        return {"arrays": "lists"}
    given = request.query_params.getlist("arrays") or ["lists"]
    if given not in (["lists"], ["base64"]):
        raise BadInput("arrays: it must be lists or base64.")
    return {"arrays": given[0]}


def deadline_of(request: Request | WebSocket) -> float | None:
    """The seconds that a client gives its request, in the header `X-Request-Timeout`."""
    text = request.headers.get("x-request-timeout")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not SHORTEST <= seconds <= LONGEST:
        raise BadInput(f"X-Request-Timeout: give seconds, from {SHORTEST} to {LONGEST:.0f}.")
    return seconds


class Present:
    """Cancels the work within when the client goes; quick work is done before it looks.

    Raises:
        Refusal: The client has gone; nobody reads it.
    """

    def __init__(self, request: Request):
        self._request, self._gone = request, False
        self._watch: asyncio.Future[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(SOON, self._begin)

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._gone and kind is asyncio.CancelledError:
            raise Gone

    def _begin(self) -> None:
        self._watch = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()
