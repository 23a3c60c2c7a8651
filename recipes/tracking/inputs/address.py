"""What a network camera or a web server sends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from torchpipe.errors import UsageError

from ..video import Picture, VideoInfo, decoded, pictures_of

KINDS = ("http", "https", "rtmp", "rtsp", "rtsps", "srt", "udp")
_CHECK = "Check the address, and that the other side is there."


@dataclass(frozen=True)
class Address:
    """A stream or a video at an address: `rtsp://camera/1`, `http://server/street.mp4`.

    What states its length is a recording, and is treated like a file: if the connection breaks,
    that is an error that says after which frame. What does not is live: it never ends by itself,
    and frames that arrived damaged are left out. RTSP runs over TCP, which loses nothing.

    Attributes:
        text: The address. If it has a password, no error shows it.
        timeout: Seconds to wait for the other side, when connecting and for each frame.

    >>> Address("rtsp://me:secret@camera/1").name
    'rtsp://me:***@camera/1'
    """

    text: str
    timeout: float = 5.0

    @property
    def name(self) -> str:
        return re.sub(r"^(\w+://[^/@:]*):[^/]*@", r"\1:***@", self.text)

    @property
    def live(self) -> bool:
        return self._facts[1]

    def probe(self) -> VideoInfo:
        return self._facts[0]

    def pictures(self) -> Iterator[Picture]:
        with self._open() as (container, stream):
            frames = _sound(container, stream) if self.live else decoded(container, stream)
            yield from self._counted(pictures_of(frames))

    @cached_property
    def _facts(self) -> tuple[VideoInfo, bool]:
        with self._open() as (container, stream):
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            return VideoInfo(rate, stream.frames or None), not (stream.frames or container.duration)

    def _counted(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        count = 0
        try:
            for picture in pictures:
                yield picture
                count += 1
        except (av.FFmpegError, EOFError) as error:
            raise UsageError(
                f"cannot read all of {self.name}: it broke off after frame {count} "
                f"({_why(error)}). {_CHECK}"
            ) from None  # the text of the error names the address, with the password

    @contextmanager
    def _open(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        kind = self.text.partition("://")[0].lower()
        if kind not in KINDS:
            raise UsageError(
                f"cannot read {self.name}: {kind}:// is not known. Give a file, or an address that "
                f"begins with one of {', '.join(KINDS)}."
            )
        options = {"rtsp_transport": "tcp"} if kind in ("rtsp", "rtsps") else {}
        try:
            container = av.open(
                self.text, options=options, timeout=self.timeout, metadata_errors="replace"
            )
        except (av.FFmpegError, OSError) as error:
            raise UsageError(f"cannot read {self.name}: {_why(error)}. {_CHECK}") from None
        with container:
            if not container.streams.video:
                raise UsageError(f"cannot read {self.name}: there is no video in it. {_CHECK}")
            yield container, container.streams.video[0]


def _sound(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Yields the frames of a live stream without those that arrived damaged."""
    for packet in container.demux(stream):
        with suppress(av.InvalidDataError):
            yield from packet.decode()


def _why(error: Exception) -> str:
    if isinstance(error, av.ExitError):  # what PyAV raises after its timeout
        return "it did not answer in time"
    if isinstance(error, av.InvalidDataError):
        return "what it sends is no video"
    return str(getattr(error, "strerror", None) or error)
