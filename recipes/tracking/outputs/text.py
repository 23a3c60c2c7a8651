"""Tracks as text: what the writers of MOTChallenge's format, CSV and JSON lines share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from torchpipe.errors import UsageError

from ..boxes import Tracks
from ..partial import PartialFile, writing


class TextWriter(ABC):
    """Writes tracks, in a file that appears under its name when it is closed.

    Args:
        target: The file to write.
        overwrite: Whether it may replace a file that exists.

    Raises:
        UsageError: From every method too: the file can't be written, and why; or a track has a
            number that is none, or infinite.
    """

    head = ""

    def __init__(self, target: str | Path, overwrite: bool = False):
        self._file = PartialFile(target, overwrite)
        with writing(self._file):
            self._text = self._file.path.open("w", encoding="utf-8", newline="")
            self._text.write(self.head)

    @abstractmethod
    def lines(self, tracks: Tracks) -> Iterable[str]:
        """Returns what is written about one frame, each line with its end."""

    def write(self, tracks: Tracks) -> None:
        """Adds the tracks of one frame."""
        _check(self._file.name, tracks)
        with writing(self._file):
            self._text.writelines(self.lines(tracks))

    def close(self) -> None:
        """Finishes the file; then it appears under its name."""
        with writing(self._file):
            self._text.close()
        self._file.commit()

    def discard(self) -> None:
        """Leaves nothing behind, unless the file was closed; harmless if called again."""
        with suppress(OSError):  # what could not be written no longer matters
            self._text.close()
        self._file.discard()


def _check(name: str, tracks: Tracks) -> None:
    sound = np.isfinite(tracks.boxes).all(axis=1) & np.isfinite(tracks.scores)
    if not sound.all():
        row = int(np.argmin(sound))
        raise UsageError(
            f"cannot write {name}: in frame {tracks.frame}, track {tracks.ids[row]} has the box "
            f"{tracks.boxes[row].tolist()} and the score {tracks.scores[row]}, and not all of that "
            "is finite. Let the tracker leave it out."
        )
