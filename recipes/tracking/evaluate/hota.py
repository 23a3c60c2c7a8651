"""HOTA: how well people are found and how well they are told apart, in equal parts.

After "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking" (Luiten et al. 2021,
https://arxiv.org/abs/2009.07736), with the details of TrackEval
(https://github.com/JonathonLuiten/TrackEval). All figures are means over 19 levels: how much boxes
must overlap to be matched, from 0.05 to 0.95.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..boxes import Floats, Integers
from .counts import Counts
from .pairing import Pairing

LEVELS = np.arange(0.05, 0.99, 0.05)
_ROUNDING = np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class Hota(Counts):
    """The counts of one sequence, or of several: they add up. All are `(19,)`, one for each level.

    The association of a match is about all frames of that person and of that track: those in which
    the two are matched, as a share of all. It is summed over all matches.

    Attributes:
        matched: `(19,)`: boxes of people that are shown, true positives.
        missed: `(19,)`: boxes of people that are not, false negatives.
        wrong: `(19,)`: boxes of tracks that are not matched, false positives.
        association: `(19,)`: the sum of the shares among the frames of the person or the track.
        association_recall: `(19,)`: the sum of the shares among the frames of the person.
        association_precision: `(19,)`: the sum of the shares among the frames of the track.
        overlap: `(19,)`: the sum of the overlaps, each 0 to 1.
    """

    matched: Floats
    missed: Floats
    wrong: Floats
    association: Floats
    association_recall: Floats
    association_precision: Floats
    overlap: Floats

    @property
    def hota(self) -> float:
        """The geometric mean of detection and association."""
        return float(np.sqrt(self._detected * self._per_match(self.association)).mean())

    @property
    def deta(self) -> float:
        """The accuracy of detection, 0 to 1."""
        return float(self._detected.mean())

    @property
    def detre(self) -> float:
        """The share of the ground truth that is found."""
        return float((self.matched / np.maximum(1, self.matched + self.missed)).mean())

    @property
    def detpr(self) -> float:
        """The share of what is shown that is there."""
        return float((self.matched / np.maximum(1, self.matched + self.wrong)).mean())

    @property
    def assa(self) -> float:
        """The accuracy of association, 0 to 1."""
        return float(self._per_match(self.association).mean())

    @property
    def assre(self) -> float:
        """The share of a person that one track shows."""
        return float(self._per_match(self.association_recall).mean())

    @property
    def asspr(self) -> float:
        """The share of a track that is one person."""
        return float(self._per_match(self.association_precision).mean())

    @property
    def loca(self) -> float:
        """The mean overlap of what is matched; 1 at levels where nothing is."""
        return float((np.maximum(1e-10, self.overlap) / np.maximum(1e-10, self.matched)).mean())

    @property
    def _detected(self) -> Floats:
        boxes: Floats = self.matched + self.missed + self.wrong
        return self.matched / np.maximum(1, boxes)

    def _per_match(self, total: Floats) -> Floats:
        return total / np.maximum(1, self.matched)


def hota(pairing: Pairing) -> Hota:
    """Matches people and tracks in each frame, for the best association over the whole sequence."""
    people, tracks, overlap = _matches(pairing, _alignment(pairing))
    parts = [_at(level, pairing, people, tracks, overlap) for level in LEVELS]
    return Hota(*np.array(parts).T)


def _alignment(pairing: Pairing) -> Floats:
    """How well each person and each track go together in the whole sequence: `(people, tracks)`."""
    together = np.zeros((len(pairing.people_seen), len(pairing.tracks_seen)))
    for frame in pairing.frames:
        together[frame.people[:, None], frame.tracks] += _shares(frame.overlap)
    return together / (pairing.people_seen[:, None] + pairing.tracks_seen - together)


def _shares(overlap: Floats) -> Floats:
    """Each overlap as a share of all that the two boxes have with others."""
    rivals = overlap.sum(axis=0) + overlap.sum(axis=1)[:, None] - overlap
    shares: Floats = np.divide(overlap, rivals, out=0 * overlap, where=rivals > _ROUNDING)
    return shares


def _matches(pairing: Pairing, alignment: Floats) -> tuple[Integers, Integers, Floats]:
    """Person, track and overlap of each match, in all frames."""
    matches = [np.zeros((3, 0))]
    for frame in pairing.frames:
        score = alignment[frame.people[:, None], frame.tracks] * frame.overlap
        row, column = linear_sum_assignment(score, maximize=True)
        matches.append(
            np.stack([frame.people[row], frame.tracks[column], frame.overlap[row, column]])
        )
    people, tracks, overlap = np.concatenate(matches, axis=1)
    return people.astype(int), tracks.astype(int), overlap


def _at(
    level: float, pairing: Pairing, people: Integers, tracks: Integers, overlap: Floats
) -> tuple[float, ...]:
    """The counts at one level, in the order of `Hota`."""
    enough = overlap >= level - _ROUNDING
    matched, boxes = (
        np.count_nonzero(enough),
        (pairing.people_seen.sum(), pairing.tracks_seen.sum()),
    )
    couples, count = np.unique(
        np.stack([people[enough], tracks[enough]]), axis=1, return_counts=True
    )
    person, track = pairing.people_seen[couples[0]], pairing.tracks_seen[couples[1]]
    shares = (count / (person + track - count), count / person, count / track)
    associated = (float(count @ share) for share in shares)
    return matched, boxes[0] - matched, boxes[1] - matched, *associated, overlap[enough].sum()
