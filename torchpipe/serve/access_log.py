"""The access log: a line of JSON for each request, as its reply went out."""

from __future__ import annotations

import json
import logging
from time import perf_counter

from starlette.types import Message, Scope, Send

access = logging.getLogger("torchpipe.access")


class Reply:
    """The way out to one client, which names the request and counts what is sent.

    Args:
        scope: The request.
        request_id: What it is called, for the client too.
        send: The way out as the server has it.

    Attributes:
        status: The HTTP status, 500 until there is one; of a WebSocket 101, or 403 if refused.
        size: The bytes of the body so far.
    """

    def __init__(self, scope: Scope, request_id: str, send: Send):
        self._scope, self._request_id, self._send = scope, request_id, send
        self.status, self.size, self._start = 500, 0, perf_counter()

    async def send(self, message: Message) -> None:
        """Send one message."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            named = (b"x-request-id", self._request_id.encode())
            message["headers"] = [*message.get("headers", ()), named]
        elif kind == "http.response.body":
            self.size += len(message.get("body", b""))
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close" and self.status != 101:
            self.status = 403  # which the server says then
        await self._send(message)

    def note(self) -> None:
        """Write the line, now that all is sent."""
        if not access.isEnabledFor(logging.INFO):
            return
        scope = self._scope
        told = {
            "request_id": self._request_id,
            "client": (scope.get("client") or ("", 0))[0],
            "method": scope.get("method", "WEBSOCKET"),
            "path": scope["path"],
            "status": self.status,
            "bytes": self.size,
            "seconds": round(perf_counter() - self._start, 6),
        }
        access.info(json.dumps(told))
