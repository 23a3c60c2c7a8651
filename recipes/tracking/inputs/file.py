"""A video file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..video import Picture, VideoInfo, probe, read_pictures


@dataclass(frozen=True)
class VideoFile:
    """A file that FFmpeg reads.

    A file that is cut off or damaged is an error, after the last frame before that.

    >>> VideoFile("none.mp4").name
    'none.mp4'
    """

    path: str | Path
    live = False

    @property
    def name(self) -> str:
        return str(self.path)

    def probe(self) -> VideoInfo:
        return probe(self.path)

    def pictures(self) -> Iterator[Picture]:
        return read_pictures(self.path)
