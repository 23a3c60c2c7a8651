"""CLEAR: MOTA and what it is made of.

After "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics" (Bernardin and
Stiefelhagen 2008, https://doi.org/10.1155/2008/246309), with the details of MOTChallenge, as
TrackEval (https://github.com/JonathonLuiten/TrackEval) has them: a match needs an overlap of 0.5,
and goes on if it can.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..boxes import Integers
from .counts import Matches
from .pairing import Frame, Pairing

_ENOUGH = 0.5 - np.finfo(float).eps
_GOES_ON = 1000.0  # more than all overlaps of a frame
_NOBODY = -1


@dataclass(frozen=True)
class Clear(Matches):
    """The counts of one sequence, or of several.

    Attributes:
        switches: How often a person is matched with another track than the last time.
        fragments: How often a person is found again after not having been.
        mostly_tracked: People who are matched in more than 80 % of their frames.
        partly_tracked: People in between.
        mostly_lost: People who are matched in less than 20 % of their frames.
        overlap: The sum of the intersections over union of all matches, each 0 to 1.
    """

    switches: int
    fragments: int
    mostly_tracked: int
    partly_tracked: int
    mostly_lost: int
    overlap: float

    @property
    def mota(self) -> float:
        """The accuracy: 1 less the ratio of errors to boxes of the ground truth: up to 1."""
        return (self.matched - self.wrong - self.switches) / max(1, self.matched + self.missed)

    @property
    def motp(self) -> float:
        """The mean overlap of what is matched."""
        return self.overlap / max(1, self.matched)


def clear(pairing: Pairing) -> Clear:
    """Counts the matches and the errors of a sequence."""
    count = _Count(len(pairing.people_seen))
    for frame in pairing.frames:
        count.add(frame)
    most, part = _tracked(count.found, pairing.people_seen)
    return Clear(
        matched=count.matched,
        missed=int(pairing.people_seen.sum()) - count.matched,
        wrong=int(pairing.tracks_seen.sum()) - count.matched,
        switches=count.switches,
        fragments=int(np.maximum(count.starts - 1, 0).sum()),
        mostly_tracked=most,
        partly_tracked=part,
        mostly_lost=len(pairing.people_seen) - most - part,
        overlap=count.overlap,
    )


class _Count:
    """What is counted on the way; arrays have an entry for each person.

    Attributes:
        found: In how many frames they are matched.
        starts: How often they are matched after not having been.
        last: The track that they were matched with last.
        now: The same, but nobody's if that was not in the last frame.
    """

    def __init__(self, people: int):
        self.matched = self.switches = 0
        self.overlap = 0.0
        self.found, self.starts = np.zeros(people, np.int64), np.zeros(people, np.int64)
        self.last, self.now = np.full(people, _NOBODY), np.full(people, _NOBODY)

    def add(self, frame: Frame) -> None:
        """A frame without people, or without tracks, leaves `now` as it is: so counts TrackEval."""
        if not frame.overlap.size:
            return
        row, column = self._match(frame)
        people, tracks = frame.people[row], frame.tracks[column]
        self.matched += len(people)
        self.overlap += float(frame.overlap[row, column].sum())
        self.switches += int(((self.last[people] != _NOBODY) & (self.last[people] != tracks)).sum())
        self.found[people] += 1
        self.starts[people] += self.now[people] == _NOBODY
        self.last[people] = tracks
        self.now[:] = _NOBODY
        self.now[people] = tracks

    def _match(self, frame: Frame) -> tuple[Integers, Integers]:
        goes_on = self.now[frame.people][:, None] == frame.tracks
        score = np.where(frame.overlap >= _ENOUGH, frame.overlap + _GOES_ON * goes_on, 0)
        row, column = linear_sum_assignment(score, maximize=True)
        matched = score[row, column] > 0
        return row[matched], column[matched]


def _tracked(found: Integers, seen: Integers) -> tuple[int, int]:
    """Returns how many people are mostly tracked, and how many partly."""
    share = found / seen
    most = int((share > 0.8).sum())
    return most, int((share >= 0.2).sum()) - most
