"""A video file."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..video import Picture, VideoInfo, probe, read_pictures
from .input import OnDisk


@dataclass(frozen=True)
class VideoFile(OnDisk):
    """A file that FFmpeg reads.

    A file that is cut off or damaged is an error, after the last frame before that.

    >>> VideoFile("none.mp4").name
    'none.mp4'
    """

    def probe(self) -> VideoInfo:
        return probe(self.path)

    def pictures(self) -> Iterator[Picture]:
        return read_pictures(self.path)
