"""Real servers at this computer: one for files, and a network camera."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
from torch import Tensor


class Server(ThreadingHTTPServer):
    """Waits for its connections to end when it is closed."""

    daemon_threads = False

    def handle_error(self, *connection: Any) -> None:
        """Says nothing of clients that leave early."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*connection)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler] | partial, port: int = 0) -> Iterator[int]:
    """Serves at a port, by default a free one, in threads that end with the block."""
    with Server(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class Files(SimpleHTTPRequestHandler):
    """Serves the files of a folder."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """Serves a folder; gives its address."""
    with serving(partial(Files, directory=str(folder))) as port:
        yield f"http://127.0.0.1:{port}"


class NetworkCamera:
    """Sends JPEGs over HTTP, as network cameras do, until it is switched off.

    Args:
        shots: What it sends in each connection, frames or files; then it closes the connection.
            Three or more: FFmpeg needs 2 kB to see what it is. Without any left it answers that it
            has nothing.
    """

    def __init__(self, shots: Sequence[Sequence[Tensor | bytes]]):
        self.shots, self.connections = list(shots), 0
        self.port, self._on = 0, None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/live"

    def switch_on(self) -> None:
        self._on = serving(self._handler(), self.port)
        self.port = self._on.__enter__()

    def switch_off(self) -> None:
        if self._on is not None:
            self._on.__exit__(None, None, None)
        self._on = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(Files):
            def do_GET(self) -> None:
                camera.connections += 1
                if not camera.shots:
                    return self.send_error(503)
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                for shot in camera.shots.pop(0):
                    self.wfile.write(part(shot))
                return None

        return Handler


def part(shot: Tensor | bytes) -> bytes:
    """A frame as network cameras send it."""
    image = shot if isinstance(shot, bytes) else jpeg(shot)
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n\r\n"
    return head.encode() + image + b"\r\n"


def jpeg(shot: Tensor) -> bytes:
    """A frame as the content of a file."""
    pixels = cv2.cvtColor(shot.numpy(), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def index_first(source: Path, target: Path) -> None:
    """Writes an MP4 again with its index at the start, so that its beginning can be played."""
    with av.open(str(source)) as film:
        options = {"movflags": "faststart"}
        with av.open(str(target), "w", options=options) as copy:
            stream = copy.add_stream_from_template(film.streams.video[0])
            for packet in film.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    copy.mux(packet)
