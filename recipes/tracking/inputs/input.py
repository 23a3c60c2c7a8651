"""`Input`: what all kinds of input have in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..video import Picture, VideoInfo


class Input(Protocol):
    """One kind of input. To make one is cheap; the two methods open it."""

    @property
    def name(self) -> str:
        """What to call it in an error: its path or address, without a password."""

    @property
    def live(self) -> bool:
        """Whether it goes on by itself, whether or not somebody reads it."""

    def probe(self) -> VideoInfo:
        """Its rate, and how many frames it has.

        Raises:
            UsageError: It can't be read.
        """

    def pictures(self) -> Iterator[Picture]:
        """Yields all frames from the start, not yet unpacked: see `read_pictures`.

        Raises:
            UsageError: It can't be read, or no longer.
        """


@dataclass(frozen=True)
class OnDisk:
    """What lies on a disk waits for whoever reads it."""

    path: str | Path
    live = False

    @property
    def name(self) -> str:
        return str(self.path)
