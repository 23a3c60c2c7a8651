"""The text format of MOTChallenge: one line per box, `frame,id,left,top,width,height,score,...`.

After "MOT16: A Benchmark for Multi-Object Tracking" (Milan et al. 2016,
https://arxiv.org/abs/1603.00831). Units are pixels and frames.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from torchpipe.errors import UsageError

from .boxes import Detections, Floats, Tracks
from .outputs.text import TextWriter

_COLUMNS = "frame,id,left,top,width,height,score"
_NO_CLASS = -1.0
_MOST_FRAMES = 10_000_000


def read_detections(path: str | Path) -> list[Detections]:
    """Reads the detections of a whole video.

    Returns:
        One for each frame, from the first to the last that has a line; the class is always 0.

    Raises:
        UsageError: There is no such file, or a line is not of this format.
    """
    rows = torch.from_numpy(read_rows(path))
    frames = rows[:, 0].long()
    rows = rows[frames.argsort(stable=True)]
    known, counts = np.unique(frames.numpy(), return_counts=True)
    found = [_detections(rows[:0])] * max([0, *known.tolist()])  # most may have no line
    for frame, part in zip(known, torch.split(rows, counts.tolist()), strict=True):
        found[frame - 1] = _detections(part)
    return found


def read_rows(path: str | Path) -> Floats:
    """Reads a file as it is: `(N, 8)`, `frame,id,left,top,width,height,score,class`.

    Where a line ends before the class, it is -1.

    Raises:
        UsageError: There is no such file, or a line is not of this format.
    """
    return np.array(list(_rows(path)), np.float64).reshape(-1, 8)


def _detections(rows: Tensor) -> Detections:
    corner, size = rows[:, 2:4], rows[:, 4:6]
    labels = torch.zeros(len(rows), dtype=torch.int64)
    return Detections(torch.cat([corner, corner + size], dim=1), rows[:, 6], labels)


def _rows(path: str | Path) -> Iterator[list[float]]:
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}. Name a file of detections.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(path, number, line)


def _row(path: str | Path, number: int, line: str) -> list[float]:
    try:
        row = [float(text) for text in line.split(",")[:8]]
    except ValueError:
        row = []
    if len(row) < 7 or not 1 <= row[0] <= _MOST_FRAMES:
        raise UsageError(
            f"cannot read {path}: line {number} is {line!r}, not {_COLUMNS}. "
            "Mend it or take it out."
        )
    return row if len(row) == 8 else [*row, _NO_CLASS]


class MotWriter(TextWriter):
    r"""Writes tracks, in a file that appears under its name when it is closed.

    Args:
        target: The file to write.
        overwrite: Whether it may replace a file that exists.

    Raises:
        UsageError: As `TextWriter`.

    Example:
        >>> import numpy as np
        >>> writer = MotWriter("tracks.txt", overwrite=True)
        >>> box = np.array([[10.0, 20.0, 15.0, 40.0]])
        >>> writer.write(Tracks(1, np.array([7]), box, np.array([0.9]), np.array([0])))
        >>> writer.close()
        >>> Path("tracks.txt").read_text()
        '1,7,10.00,20.00,5.00,20.00,1.0000,-1,-1,-1\n'
    """

    def lines(self, tracks: Tracks) -> Iterator[str]:
        """Returns a line for each track."""
        for who, (x1, y1, x2, y2) in zip(tracks.ids, tracks.boxes, strict=True):
            box = f"{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f}"
            yield f"{tracks.frame},{who},{box},1.0000,-1,-1,-1\n"
