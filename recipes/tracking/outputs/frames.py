"""A folder of frames as PNG files."""

from pathlib import Path

import cv2
from torch import Tensor

from ..boxes import Tracks
from ..partial import PartialFolder, writing


class FrameWriter:
    """Writes frames as `000001.png` and so on, in a folder that appears when it is closed.

    Args:
        target: The folder to write.
        overwrite: Whether it may replace a folder that holds such frames and nothing else.

    Raises:
        UsageError: From every method too: the folder can't be written, and why.

    Example:
        >>> import numpy as np, torch
        >>> writer, none = FrameWriter("frames", overwrite=True), np.zeros(0, int)
        >>> nobody = Tracks(7, none, np.zeros((0, 4)), none, none)
        >>> writer.write(torch.zeros(4, 6, 3, dtype=torch.uint8), nobody)
        >>> writer.close()
        >>> [path.name for path in Path("frames").iterdir()]
        ['000007.png']
    """

    def __init__(self, target: str | Path, overwrite: bool = False):
        self._folder = PartialFolder(target, overwrite)
        self._empty = True
        self._folder.discard()  # of a process with our number, which was killed
        with writing(self._folder):
            self._folder.path.mkdir()

    def write(self, frame: Tensor, tracks: Tracks) -> None:
        """Adds one frame, `(height, width, 3)` RGB uint8, under the number of its tracks."""
        with writing(self._folder):
            (self._folder.path / f"{tracks.frame:06}.png").write_bytes(png_of(frame))
        self._empty = False

    def close(self) -> None:
        """Gives the folder its name, if it has any frame."""
        if not self._empty:
            self._folder.commit()

    def discard(self) -> None:
        """Leaves nothing behind, unless the folder was closed; harmless if called again."""
        self._folder.discard()


def png_of(frame: Tensor) -> bytes:
    """Returns a frame, `(height, width, 3)` RGB uint8, as the content of a PNG file."""
    pixels = cv2.cvtColor(frame.numpy(force=True), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", pixels)[1].tobytes()
