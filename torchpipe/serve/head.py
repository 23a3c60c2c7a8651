"""`BoundedHead`: HTTP/1.1 as uvicorn reads it, with limits on what is not body."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 65_536
"""Bytes of the head of a request, trailers included; one read of its socket may be above it."""
OVERHEAD = 32
"""What each header counts beside its text, as in HTTP/2, RFC 9113, section 10.5.1."""
MANY = 100
"""Requests that wait on one connection until those before them are answered."""

TEXT = f"the head of the request is larger than {MOST:,} bytes."


class BoundedHead(HttpToolsProtocol):
    """A connection: one that sends headers, or requests, without end is told so, and closed."""

    _head = 0
    _silent = 0  # bytes since the parser last had something to say: a header without end

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._silent += len(data)
        super().data_received(data)
        if self._silent > MOST and not self.transport.is_closing():
            self.send_400_response(TEXT)

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) == MANY:
            raise ValueError(f"more than {MANY} requests wait.")
        self._head = self._silent = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of its URL."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers, or trailers."""
        self._count(len(name) + len(value) + OVERHEAD)
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._silent = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is all there."""
        self._silent = 0
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._silent = 0
        self._head += size
        if self._head > MOST:
            raise ValueError(TEXT)  # the parser stops, and uvicorn answers with 400
