"""A heat map: where people walked."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from ..boxes import Floats, Tracks, feet_of, finite
from ..partial import PartialFile, writing
from .frames import png_of

_CELL = 4  # pixels
_BLUR = 2.5  # cells: the standard deviation
_OPACITY = 0.75  # where most was


class HeatMap:
    """Counts in how many frames feet were at a place, on a grid of 4 x 4 pixels.

    Args:
        height: Of the frames, in pixels.
        width: Of the frames, in pixels.

    Attributes:
        counts: `(ceil(height / 4), ceil(width / 4))`.

    Example:
        >>> heat, box = HeatMap(8, 16), np.array([[8.0, 0, 12, 6]])
        >>> heat.add(Tracks(1, np.array([7]), box, np.array([0.9]), np.array([0])))
        >>> heat.counts
        array([[0., 0., 0., 0.],
               [0., 0., 1., 0.]])
    """

    def __init__(self, height: int, width: int):
        self._size = width, height
        self.counts: Floats = np.zeros((-(-height // _CELL), -(-width // _CELL)))

    def add(self, tracks: Tracks) -> None:
        """Counts the tracks of one frame; those whose feet are outside do not count."""
        columns, rows = np.floor(feet_of(finite(tracks)).T / _CELL)
        height, width = self.counts.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        np.add.at(self.counts, (rows[inside].astype(int), columns[inside].astype(int)), 1)

    def over(self, frame: Tensor) -> Tensor:
        """Returns the map, from blue to red, over a frame, `(height, width, 3)` RGB uint8.

        Colours go with the root of the blurred counts, so that what is seldom can be seen too.
        """
        width, height = self._size
        heat = cv2.GaussianBlur(self.counts, (0, 0), _BLUR)
        heat = np.sqrt(heat / max(heat.max(), 1e-12))
        heat = cv2.resize(heat, None, fx=_CELL, fy=_CELL)[:height, :width]
        image = cv2.resize(frame.numpy(force=True), self._size)  # its size may have changed
        colours = cv2.applyColorMap(np.rint(255 * heat).astype(np.uint8), cv2.COLORMAP_TURBO)
        share = _OPACITY * heat[:, :, None]
        mixed = (1 - share) * image + share * colours[:, :, ::-1]
        return torch.from_numpy(np.rint(mixed).astype(np.uint8))

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of the counts and the size."""
        return {"counts": self.counts.copy(), "size": self._size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the counts are copied."""
        width, height = state["size"]
        self.counts, self._size = np.array(state["counts"], np.float64), (int(width), int(height))


class HeatWriter:
    """Writes a heat map as a PNG file, which appears when it is closed.

    Args:
        target: The file to write.
        overwrite: Whether it may replace a file that exists.

    Raises:
        UsageError: The file can't be written, and why; from `close` too.

    Example:
        >>> writer, none = HeatWriter("heat.png", overwrite=True), np.zeros(0, int)
        >>> nobody = Tracks(1, none, np.zeros((0, 4)), none, none)
        >>> writer.write(torch.zeros(4, 6, 3, dtype=torch.uint8), nobody)
        >>> writer.close()
        >>> Path("heat.png").exists()
        True
    """

    def __init__(self, target: str | Path, overwrite: bool = False):
        self._file = PartialFile(target, overwrite)
        self._heat: HeatMap | None = None
        self._frame: Tensor | None = None

    def write(self, frame: Tensor, tracks: Tracks) -> None:
        """Adds the tracks of one frame, which is the background until the next one comes.

        Args:
            frame: `(height, width, 3)` RGB uint8.
            tracks: Those of the frame.
        """
        if self._heat is None:
            self._heat = HeatMap(*frame.shape[:2])
        self._heat.add(tracks)
        self._frame = frame

    def close(self) -> None:
        """Writes the file, if there was any frame."""
        if self._heat is None or self._frame is None:
            return
        with writing(self._file):
            self._file.path.write_bytes(png_of(self._heat.over(self._frame)))
        self._file.commit()

    def discard(self) -> None:
        """Leaves nothing behind, unless the file was closed; harmless if called again."""
        self._file.discard()

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of the counts, and nothing before the first frame."""
        return {} if self._heat is None else self._heat.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the counts are copied."""
        if state:
            self._heat = HeatMap(0, 0)
            self._heat.load_state_dict(state)
