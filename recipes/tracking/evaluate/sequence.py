"""Reads a sequence and pairs up its frames, as MOTChallenge asks.

Who counts, and who may be shown either way, is told by "MOT16: A Benchmark for Multi-Object
Tracking" (Milan et al. 2016, https://arxiv.org/abs/1603.00831).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from torchpipe.errors import UsageError

from ..boxes import FAR, Floats, Integers, overlaps
from ..mot import read_rows
from .folders import SequenceFiles
from .pairing import Frame, Pairing

_FRAME, _ID, _COUNTS, _CLASS = 0, 1, 6, 7  # the columns of a file; boxes are between them
_BOX = slice(2, 6)
_PEDESTRIAN = 1
_CLASSES = range(1, 14)
# On a vehicle, standing still (as in a shop window), a distractor, a reflection: it is not wrong to
# find them, nor not to. In MOT20, vehicles without a motor too.
_EITHER_WAY = [2, 7, 8, 12]
_EITHER_WAY_20 = [*_EITHER_WAY, 6]
_ENOUGH = 0.5 - np.finfo(float).eps


def read_pairing(files: SequenceFiles) -> Pairing:
    """Reads the ground truth and the results of a sequence.

    The ground truth leaves out what it marks as not to count. Where it has the classes of MOT16 and
    later, only pedestrians count, and tracks that are on someone of a class that is like a
    pedestrian (a reflection, someone on a vehicle) are left out.

    Raises:
        UsageError: A file can't be read, or has a line that can't be.
    """
    truth, tracks = _read(files.truth, files.length), _read(files.tracks, files.length)
    return pair(truth, tracks, _EITHER_WAY_20 if files.name.startswith("MOT20") else _EITHER_WAY)


def pair(truth: Floats, tracks: Floats, either_way: Sequence[int] = _EITHER_WAY) -> Pairing:
    """Pairs up the frames of what two files say.

    Args:
        truth: `(N, 8)`, as `read_rows` returns them.
        tracks: `(M, 8)`, likewise.
        either_way: The classes that a track may be on without being right or wrong.
    """
    known = np.union1d(truth[:, _FRAME], tracks[:, _FRAME])  # frames without a line count nothing
    frames = zip(_by_frame(truth, known), _by_frame(tracks, known), strict=True)
    classes = bool(len(truth)) and set(truth[:, _CLASS]) <= set(_CLASSES)
    counted = [_counted(*rows, either_way if classes else None) for rows in frames]
    return _numbered(counted)


def _read(path: Path, length: int | None) -> Floats:
    """Reads a file and makes sure that it can be evaluated."""
    rows = read_rows(path)
    rows[:, [_FRAME, _ID, _COUNTS]] = np.trunc(rows[:, [_FRAME, _ID, _COUNTS]])
    numbers = rows[:, [_ID, 2, 3, 4, 5]]
    broken, wild = ~np.isfinite(numbers).all(axis=1), (abs(numbers) > FAR).any(axis=1)
    late = rows[:, _FRAME] > (np.inf if length is None else length)
    _, place, times = np.unique(
        rows[:, [_FRAME, _ID]], axis=0, return_inverse=True, return_counts=True
    )
    for wrong, why in (
        (broken, "has a number that is not finite"),
        (wild, f"has a number beyond {FAR:,.0f}"),
        (late, f"is behind the last, which is {length}"),
        (times[place] > 1, "has an id twice"),
    ):
        if wrong.any():
            frame = int(rows[wrong.argmax(), _FRAME])
            raise UsageError(f"cannot evaluate {path}: frame {frame} {why}. Mend the file.")
    return rows


def _by_frame(rows: Floats, frames: Floats) -> list[Floats]:
    rows = rows[np.argsort(rows[:, _FRAME], kind="stable")]
    return np.split(rows, np.searchsorted(rows[:, _FRAME], frames[1:]))


def _counted(
    people: Floats, tracks: Floats, either_way: Sequence[int] | None
) -> tuple[Integers, Integers, Floats]:
    """The ids of people and tracks that count in one frame, and their overlaps."""
    overlap = overlaps(_corners(people), _corners(tracks))
    person, track = people[:, _COUNTS] != 0, np.ones(len(tracks), bool)
    if either_way is not None:
        matched, match = _matches(overlap)
        track[match[np.isin(people[matched, _CLASS], either_way)]] = False
        person &= people[:, _CLASS] == _PEDESTRIAN
    ids = people[person, _ID].astype(int), tracks[track, _ID].astype(int)
    return *ids, overlap[np.ix_(person, track)]


def _matches(overlap: Floats) -> tuple[Integers, Integers]:
    score = np.where(overlap >= _ENOUGH, overlap, 0)
    row, column = linear_sum_assignment(score, maximize=True)
    matched = score[row, column] > 0
    return row[matched], column[matched]


def _corners(rows: Floats) -> Floats:
    corner = rows[:, _BOX][:, :2]
    return np.concatenate([corner, corner + rows[:, _BOX][:, 2:]], axis=1)


def _numbered(frames: list[tuple[Integers, Integers, Floats]]) -> Pairing:
    """Numbers the ids of people, and those of tracks, from 0."""
    nobody = np.zeros(0, np.int64)
    people = np.unique(np.concatenate([nobody, *(frame[0] for frame in frames)]))
    tracks = np.unique(np.concatenate([nobody, *(frame[1] for frame in frames)]))
    return Pairing.of(
        [
            Frame(np.searchsorted(people, person), np.searchsorted(tracks, track), overlap)
            for person, track, overlap in frames
        ]
    )
