"""What clients ask for where an item gives several results: each of them, or all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from fastapi import Request, Response, WebSocket
from pydantic import BaseModel, ValidationError
from starlette.responses import StreamingResponse

from torchpipe.engine.session import Session
from torchpipe.serve.flow import Flow
from torchpipe.serve.present import Present
from torchpipe.serve.refusals import BadInput, Refusal, bad_input
from torchpipe.serve.routes import Routes
from torchpipe.serve.wishes import context_of, deadline_of


class SeveralRoutes(Routes):
    """The routes of a service whose items give several results each: see `Routes`."""

    async def run(self, request: Request) -> Response:
        """All outputs for one item."""
        return await super().run(request)

    async def run_batch(self, request: Request) -> Response:
        """All outputs for each of several items, or its error in the item's place."""
        return await super().run_batch(request)

    async def stream(self, request: Request) -> Response:
        """The outputs for one item as server-sent events, each as soon as it is there."""
        item = await self._item_in(request)
        context_of(request), deadline_of(request)
        events = self._events_of(request, item)
        async with Present(request):
            first = await anext(events)  # an item that gives nothing but an error has its status
        return StreamingResponse(following(first, events), media_type="text/event-stream")

    async def _events_of(self, request: Request, item: BaseModel) -> AsyncIterator[bytes]:
        number, context = 0, context_of(request)
        try:
            async with self._flow(request, item) as flow:
                async for outputs in flow:
                    told = b'{"outputs":' + self.written(outputs, context) + b"}"
                    yield b"id: %d\ndata: %s\n\n" % (number, told)
                    number += 1
        except Refusal as refusal:
            if not number:
                raise
            yield b"event: problem\ndata: %s\n\n" % self._failed(request, refusal)
        yield b"event: end\ndata: {}\n\n"

    def _flow(
        self, request: Request | WebSocket, item: BaseModel
    ) -> AbstractAsyncContextManager[Flow]:
        """Ask the run."""
        seconds, name = deadline_of(request), request.state.request_id
        return self.service.flow(self._values(item), deadline=seconds, request_id=name)

    async def _answer(
        self, request: Request | WebSocket, item: BaseModel, stream: Session | None = None
    ) -> bytes:
        """All outputs for an item, which are not too many for one reply."""
        found: list[bytes] = []
        context = context_of(request)
        async with self._flow(request, item) as flow:
            async for outputs in flow:
                if len(found) == self.most_items:
                    raise BadInput(
                        f"the item gives more than {self.most_items} results. Ask /stream for it, "
                        f"which gives any number."
                    )
                found.append(self.written(outputs, context))
        return b'{"results":[' + b",".join(found) + b"]}"

    def _as_outcome(self, answer: bytes) -> bytes:
        return answer

    # -- sessions: one item after the other

    def _begun(
        self, socket: WebSocket, stream: Session | None, text: str | bytes
    ) -> asyncio.Future[bytes]:
        """The message; its turn comes after the last result of the one before."""
        made = asyncio.get_running_loop().create_future()
        made.set_result(text.encode() if isinstance(text, str) else text)
        return made

    async def _tell(self, socket: WebSocket, message: bytes) -> None:
        """Send all results, and then how many there were; or what went wrong."""
        number = 0
        try:
            item = self.service.input_model.model_validate_json(message)
            context = context_of(socket)
            async with self._flow(socket, item) as flow:
                async for outputs in flow:
                    told = b'{"outputs":' + self.written(outputs, context) + b"}"
                    await socket.send_text(told.decode())
                    number += 1
        except ValidationError as error:
            await socket.send_text(self._failed(socket, bad_input(error)).decode())
        except Refusal as refusal:
            await socket.send_text(self._failed(socket, refusal).decode())
        else:
            await socket.send_text(f'{{"end":{{"results":{number}}}}}')


async def following(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first, and all others."""
    yield first
    async for one in rest:
        yield one
