"""Identity: IDF1 and what it is made of.

After "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking" (Ristani et al.
2016, https://arxiv.org/abs/1609.01775), with the details of TrackEval
(https://github.com/JonathonLuiten/TrackEval): each person is given at most one track for the whole
sequence, so that the most boxes agree.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from .counts import Matches
from .pairing import Pairing

_ENOUGH = 0.5


@dataclass(frozen=True)
class Identity(Matches):
    """The counts of one sequence, or of several; a match is with the track given to a person."""

    @property
    def idf1(self) -> float:
        """The share of the boxes that agree: the harmonic mean of recall and precision."""
        return self.matched / max(1.0, self.matched + self.missed / 2 + self.wrong / 2)


def identity(pairing: Pairing) -> Identity:
    """Gives people tracks for a whole sequence, and counts what agrees."""
    together = np.zeros((len(pairing.people_seen), len(pairing.tracks_seen)), np.int64)
    for frame in pairing.frames:
        row, column = np.nonzero(frame.overlap >= _ENOUGH)
        together[frame.people[row], frame.tracks[column]] += 1
    matched = int(together[linear_sum_assignment(together, maximize=True)].sum())
    missed = int(pairing.people_seen.sum()) - matched
    return Identity(matched, missed, int(pairing.tracks_seen.sum()) - matched)
