"""What clients ask for: `/run`, `/run-batch`, `/stream`, and the WebSocket `/session`."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Annotated, Any

from fastapi import Request, Response, WebSocket
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import PydanticSerializationError
from starlette.responses import StreamingResponse

from torchpipe.engine.session import Session
from torchpipe.serve.codecs import STRICT
from torchpipe.serve.conversation import TRY_AGAIN_LATER, Conversation
from torchpipe.serve.present import Present
from torchpipe.serve.reading import media_type, read_form, read_json
from torchpipe.serve.refusals import Refusal, bad_input
from torchpipe.serve.service import Service
from torchpipe.serve.wishes import context_of, deadline_of


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
            await socket.close(TRY_AGAIN_LATER, refusal.detail)
            return
        try:
            begin, tell = partial(self._begun, socket, stream), partial(self._tell, socket)
            share, most = socket.state.share, self.service.run.window
            await Conversation(socket, share, most, begin, tell).hold()
        finally:
            await self.service.close(stream)

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
