"""`BoundedHead`: HTTP/1.1 as uvicorn reads it, with limits on what is not body."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOST = 65_536
"""Bytes of the head of a request, trailers included; one read of its socket may be above it."""
OVERHEAD = 32
"""What each header counts beside its text, as in HTTP/2, RFC 9113, section 10.5.1."""
MANY = 100
"""Requests that wait on one connection until those before them are answered."""

LINGER, SPILL = 2.0, 1_000_000
"""Seconds, and bytes, for which a refused client may go on before the connection is closed."""

TEXT = f"the head of the request is larger than {MOST:,} bytes."

REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b"
)


class BoundedHead(HttpToolsProtocol):
    """A connection: one that sends headers, or requests, without end is told so, and closed.

    It is closed a moment later, and what comes until then is thrown away: a socket that is closed
    with something unread in it takes back what was sent, RFC 9112, section 9.6.
    """

    _head = 0
    _silent = 0  # bytes since the parser last had something to say: a header without end
    _spilt: int | None = None  # bytes that a refused client has sent since

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._spilt is not None:
            self._spilt += len(data)
            if self._spilt > SPILL:
                self.transport.close()
            return
        self._silent += len(data)
        super().data_received(data)
        if self._silent > MOST and self._spilt is None:
            self.send_400_response(TEXT)

    def send_400_response(self, msg: str) -> None:
        """Refuse what came, and all that comes."""
        self._spilt = 0
        self._unset_keepalive_if_required()
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(REFUSAL % (len(msg), msg.encode()))
        self.flow.resume_reading()
        self.loop.call_later(LINGER, self.transport.close)

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
