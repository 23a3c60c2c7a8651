"""Video files in and out. A frame is a tensor of shape `(height, width, 3)`: RGB, uint8."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from av.container import InputContainer
from av.video.stream import VideoStream
from torch import Tensor

from torchpipe.errors import UsageError

from .partial import PartialFile, writing

Picture = Callable[[], Tensor]  # a frame that is not unpacked yet: calling it does that

_TEXT_ART = "tty"  # FFmpeg takes a text file for a film of typed letters
_LISTS = ("concat", "dash", "hls", "imf", "rtsp", "sdp")  # whoever sends one names what is read
_LONGEST_GAP = 1.0  # seconds that may lie between the last frame and the end that the header states
_ENCODER = {"preset": "veryfast"}  # what x264 is told, beside the rate factor
_REPAIR = "Give a whole file, or mend this one by converting it."


@dataclass(frozen=True)
class VideoInfo:
    """What the header of a video file says.

    Attributes:
        rate: Frames per second, on average.
        frames: How many there are, or None if the header does not say.
    """

    rate: Fraction
    frames: int | None


def probe(path: str | Path) -> VideoInfo:
    """Reads the header of a video file.

    Raises:
        UsageError: There is no such file, or it's not a video.
    """
    with _open(path) as (_, stream):
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return VideoInfo(rate, stream.frames or None)


def read_frames(path: str | Path) -> Iterator[Tensor]:
    """Yields the frames of a video file, upright, in the order in which they are shown.

    If the size changes on the way, later frames are scaled to the size of the first, as players do.

    Raises:
        UsageError: It's not a video; or it is damaged, then after the last frame before the damage.
    """
    for picture in read_pictures(path):
        yield picture()


def read_pictures(path: str | Path) -> Iterator[Picture]:
    """Yields what `read_frames` does, not yet unpacked: those left out then cost less.

    Raises:
        UsageError: As `read_frames`.
    """
    count = 0
    with _open(path) as (container, stream):
        try:
            for picture in pictures_of(decoded(container, stream)):
                yield picture
                count += 1
        except av.FFmpegError as error:
            raise _damaged(path, count, str(error.strerror)) from error
        except EOFError as error:
            raise _damaged(path, count, str(error)) from error
    if count == 0:
        raise _damaged(path, count, "it holds no frame")


def pictures_of(frames: Iterable[av.VideoFrame]) -> Iterator[Picture]:
    """Yields decoded frames as pictures, all of the size of the first."""
    width = height = 0
    for frame in frames:
        width, height = width or frame.width, height or frame.height
        yield partial(_unpacked, frame, width, height)


def _damaged(path: str | Path, frames: int, reason: str) -> UsageError:
    return UsageError(
        f"cannot read all of {path}: it is damaged or cut off after frame {frames} ({reason}). "
        f"{_REPAIR}"
    )


@contextmanager
def _open(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        if not Path(path).is_file():  # FFmpeg would take a name such as `tcp://...` for an address
            raise UsageError(f"cannot read {path}: there is no such file. Name a video file.")
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise UsageError(f"cannot read {path}: {_why_not(path, error)}. {_REPAIR}") from error
    with container:
        if not container.streams.video or container.format.name == _TEXT_ART:
            raise UsageError(f"cannot read {path}: there is no video in it. Name a video file.")
        if container.format.name in _LISTS:
            raise UsageError(f"cannot read {path}: it is a list of other files. Name one of those.")
        yield container, container.streams.video[0]


def _why_not(path: str | Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if Path(path).stat().st_size == 0:
        return "it is empty"
    return "it is not a video, or only the beginning of one"


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Yields all frames; raises EOFError if they are fewer than the header of the file states."""
    packets, end = 0, 0.0
    for packet in container.demux(stream):
        packets += packet.size > 0
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        yield from packet.decode()
    if packets < stream.frames:
        raise EOFError(f"its header states {stream.frames} frames")
    stated = ((container.start_time or 0) + (container.duration or 0)) / av.time_base
    if not stream.frames and end < stated - _LONGEST_GAP:
        raise EOFError(f"its header states {stated:.1f} s")


def _unpacked(frame: av.VideoFrame, width: int, height: int) -> Tensor:
    """Returns the pixels, turned as the file demands: phones store what they film lying down."""
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
    return torch.from_numpy(np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)))


class VideoWriter:
    """Writes an H.264 video in an MP4 file, which appears under its name when it's closed.

    The first frame decides on the size; others are scaled to it. Odd sizes lose one pixel, which
    H.264 demands.

    Args:
        target: The file to write.
        rate: Frames per second.
        overwrite: Whether it may replace a file that exists.
        quality: x264's rate factor: 18 can't be told from the original, 28 is coarse.

    Raises:
        UsageError: From every method too: the file can't be written, and why.

    Example:
        >>> writer = VideoWriter("grey.mp4", Fraction(25), overwrite=True)
        >>> writer.write(torch.full((48, 64, 3), 128, dtype=torch.uint8))
        >>> writer.close()
        >>> probe("grey.mp4")
        VideoInfo(rate=Fraction(25, 1), frames=1)
    """

    def __init__(
        self, target: str | Path, rate: Fraction, overwrite: bool = False, quality: int = 23
    ):
        self._file, self._quality = PartialFile(target, overwrite), quality
        with writing(self._file):
            self._container = av.open(str(self._file.path), "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=rate)
        self._started = False

    def write(self, frame: Tensor) -> None:
        """Adds one frame: RGB of shape `(height, width, 3)`, uint8."""
        if not self._started:
            self._start(*frame.shape[:2])
        image = av.VideoFrame.from_ndarray(frame.numpy(force=True), format="rgb24")
        self._encode(image.reformat(self._stream.width, self._stream.height, "yuv420p"))

    def _start(self, height: int, width: int) -> None:
        self._stream.width, self._stream.height = max(2, width & ~1), max(2, height & ~1)
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {**_ENCODER, "crf": str(self._quality)}
        self._started = True

    def _encode(self, image: av.VideoFrame | None) -> None:
        with writing(self._file):
            self._container.mux(self._stream.encode(image))

    def close(self) -> None:
        """Finishes the video; then it appears under its name, if it has any frame."""
        if not self._started:
            return self.discard()
        self._encode(None)
        with writing(self._file):
            self._container.close()
        self._file.commit()
        return None

    def discard(self) -> None:
        """Leaves nothing behind, unless the video was closed; harmless if called again."""
        with suppress(av.FFmpegError, OSError):  # what could not be written no longer matters
            self._container.close()
        self._file.discard()
