"""`Gate`: what every request passes first: its id, its size, its time, its key.

Plain ASGI around the app: what holds for HTTP and for WebSockets alike, and costs little.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from torchpipe.access import Headers, Token, headers_of, is_local
from torchpipe.serve.access_log import Reply
from torchpipe.serve.held import Share
from torchpipe.serve.refusals import MEDIA_TYPE, Refusal
from torchpipe.serve.service import Service

ID = re.compile(rb"[\x21-\x7e]{1,128}")
OPEN = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
PAGE = "/dashboard"

WITHOUT = "the token is missing or wrong: send `Authorization: Bearer TOKEN`, or `X-API-Key`."
FROM_ELSEWHERE = (
    "the service has no token, so only programs on its own machine may control it, and no web page "
    "of another host. Start it with a token."
)


class Gate:
    """Lets requests pass to an app, or refuses them.

    Args:
        app: What is behind.
        service: The run behind that.
        token: What `Authorization: Bearer` or `X-API-Key` must hold, or None.
        control: Whether a path is about the run itself, and so asks for the token.
        guards_all: Whether all do.
        most: Most bytes of a body, as it arrives and when it is decompressed.
        patience: Seconds for a body to arrive.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: Service,
        token: str | None,
        control: Callable[[str], bool],
        guards_all: bool,
        most: int,
        patience: float,
    ):
        self.app, self.service, self.most, self.patience = app, service, most, patience
        self._token = None if token is None else Token(token)
        self._control, self._guards_all = control, guards_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = headers_of(scope)
        request_id = name_of(headers)
        reply = Reply(scope, request_id, send)
        try:
            refusal = self._refusal(scope, headers)
            if refusal is not None:
                await refused(refusal, request_id, scope, reply.send)
                return
            with self.service.held.share() as share:
                named = {"request_id": request_id, "share": share}
                scope["state"] = {**scope.get("state", {}), **named}
                if scope["type"] == "http":
                    receive = Body(receive, share, self.most, self.patience)
                await self.app(scope, receive, reply.send)
        finally:
            if scope.get("method") == "POST":  # all that asks for a result
                self.service.replies[reply.status] += 1
            reply.note()

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Why a request may not even be looked at."""
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.most:
            return too_large(self.most)
        path = scope["path"]
        controls = self._control(path)
        if path in OPEN or not (controls or self._guards_all):
            return None
        if self._token is None:
            return None if is_local(scope, headers) else Refusal(FROM_ELSEWHERE, 403)
        if is_page(path) or self._token.is_in(headers):
            return None  # the page asks for the token itself, as browsers bring it in a cookie
        return Refusal(WITHOUT, 401, {"WWW-Authenticate": "Bearer"})


class Body:
    """The messages of one request, up to a number of bytes, within a time.

    Raises:
        Refusal: It is too large (413) or too slow (408), or there is no room for it (503).
    """

    def __init__(self, receive: Receive, share: Share, most: int, patience: float):
        self._receive, self._share, self._left, self._most = receive, share, most, most
        self._patience, self._complete = patience, False
        self._until: float | None = None

    async def __call__(self) -> Message:
        """The next message."""
        if self._complete:
            return await self._receive()
        if self._until is None:  # it is for the whole body, however it is cut
            self._until = asyncio.get_running_loop().time() + self._patience
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(
                f"the body did not arrive within {self._patience:g} s. Send it faster.",
                408,
                {"Connection": "close"},
            ) from None
        size = len(message.get("body", b""))
        self._left -= size
        if self._left < 0:
            raise too_large(self._most)
        self._share.add(size)
        self._complete = not message.get("more_body", False)
        return message


def is_page(path: str) -> bool:
    """Whether a path is one of the live page."""
    return f"{path}/".startswith(f"{PAGE}/")


def too_large(most: int) -> Refusal:
    """What those get who send too much."""
    text = f"the body is larger than {most:,} bytes. Send less at a time."
    return Refusal(text, 413, {"Connection": "close"})


def name_of(headers: Headers) -> str:
    """The request's id: what the client calls it, if that is short and harmless, or a new one."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if ID.fullmatch(given) else uuid4().hex


async def refused(refusal: Refusal, request_id: str, scope: Scope, send: Send) -> None:
    """Answer with a refusal."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail[:120]})
        return
    headers = [(name.lower().encode(), text.encode()) for name, text in refusal.headers.items()]
    headers.append((b"content-type", MEDIA_TYPE.encode()))
    body = refusal.rendered(request_id)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
