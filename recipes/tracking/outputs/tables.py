"""Tracks as CSV and as JSON lines. Boxes are left, top, width and height, in pixels."""

import json
from collections.abc import Iterator

from ..boxes import Tracks
from .text import TextWriter

_COLUMNS = ("frame", "id", "x", "y", "w", "h", "score", "label")


class CsvWriter(TextWriter):
    r"""Writes a row for each track in each frame, below a row of names.

    Args:
        target: The file to write.
        overwrite: Whether it may replace a file that exists.

    Raises:
        UsageError: As `TextWriter`.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> writer = CsvWriter("tracks.csv", overwrite=True)
        >>> box = np.array([[10.0, 20.0, 15.0, 40.0]])
        >>> writer.write(Tracks(1, np.array([7]), box, np.array([0.9]), np.array([0])))
        >>> writer.close()
        >>> Path("tracks.csv").read_text()
        'frame,id,x,y,w,h,score,label\n1,7,10.0,20.0,5.0,20.0,0.9,0\n'
    """

    head = ",".join(_COLUMNS) + "\n"

    def lines(self, tracks: Tracks) -> Iterator[str]:
        """Returns a row for each track."""
        for row in _rows(tracks):
            yield ",".join(map(str, (tracks.frame, *row))) + "\n"


class JsonWriter(TextWriter):
    r"""Writes a JSON object for each frame, one a line: its number, and a list of its tracks.

    Args:
        target: The file to write.
        overwrite: Whether it may replace a file that exists.

    Raises:
        UsageError: As `TextWriter`.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> writer = JsonWriter("tracks.jsonl", overwrite=True)
        >>> box = np.array([[10.0, 20.0, 15.0, 40.0]])
        >>> writer.write(Tracks(1, np.array([7]), box, np.array([0.9]), np.array([0])))
        >>> writer.close()
        >>> json.loads(Path("tracks.jsonl").read_text())["tracks"]
        [{'id': 7, 'x': 10.0, 'y': 20.0, 'w': 5.0, 'h': 20.0, 'score': 0.9, 'label': 0}]
    """

    def lines(self, tracks: Tracks) -> Iterator[str]:
        """Returns one line, also if there is nobody."""
        people = [dict(zip(_COLUMNS[1:], row, strict=True)) for row in _rows(tracks)]
        yield json.dumps({"frame": tracks.frame, "tracks": people}, allow_nan=False) + "\n"


def _rows(tracks: Tracks) -> Iterator[tuple[float, ...]]:
    """Yields the columns of each track after the frame, in plain numbers."""
    columns = (tracks.ids, tracks.boxes, tracks.scores, tracks.labels)
    for who, box, score, label in zip(*(part.tolist() for part in columns), strict=True):
        x, y, right, down = box
        places = (round(value, 2) for value in (x, y, right - x, down - y))
        yield who, *places, round(score, 4), label
