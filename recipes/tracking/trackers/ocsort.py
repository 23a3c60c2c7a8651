"""OC-SORT: SORT that trusts what was observed more than what its filters expect.

After "Observation-Centric SORT: Rethinking SORT for Robust Multi-Object Tracking" (Cao et al. 2023,
https://arxiv.org/abs/2203.14360), with the details of its published code
(https://github.com/noahcao/OC_SORT), which gives the same output. Units are pixels and frames.

- OCM: the direction in which a track moved decides too.
- OCR: what is left over goes to where tracks were observed last.
- ORU: the filter of a track that is found again learns, afterwards, of a steady way in between.
"""

import numpy as np

from ..boxes import Floats, Integers
from .area import POWERS, boxes_of, corrected, onwards, places_of
from .camera import turned_beliefs, turned_boxes
from .found import Found
from .looks import ReId
from .pairs import NONE, Pairs, best, clear, others
from .records import Records
from .streaks import StreakTracker

_ROUNDING = 1e-6  # as in the published code, where it guards divisions


class OcSortTracker(StreakTracker):
    """Follows boxes through a video, frame by frame.

    Args:
        min_score: Detections that are not surer than this, 0 to 1, are left out.
        max_age: Frames that a track lives on without a detection.
        min_hits: Frames in a row in which a track must be found again before it is shown. The first
            `min_hits` frames of the video show every track.
        min_overlap: The least intersection over union of a detection with the box where a track is
            expected, or was observed last.
        span: Frames over which the direction of a track is taken.
        inertia: How much the direction decides, beside the overlap, which counts 1: a ratio.
        reid: How looks decide; None if they don't.

    Example:
        >>> tracker = OcSortTracker()
        >>> tracker.update([[10, 10, 20, 40]], [0.9], [0]).ids
        array([1])
        >>> tracker.update([[11, 10, 21, 40], [50, 10, 60, 40]], [0.9, 0.8], [0, 0]).ids
        array([2, 1])
    """

    def __init__(
        self,
        min_score: float = 0.6,
        max_age: int = 30,
        min_hits: int = 3,
        min_overlap: float = 0.3,
        span: int = 3,
        inertia: float = 0.2,
        reid: ReId | None = None,
    ):
        self.min_score, self.min_overlap = min_score, min_overlap
        self.span, self.inertia = span, inertia
        fields = (
            ("observed", bool),  # since its birth, of which the box does not count as observed
            ("last", np.float64, 4),  # the box observed last
            ("recent", np.float64, (span, 4)),  # of frame f at f % span; NaN if not observed
            ("direction", np.float64, 2),  # x and y, of length 1; 0 where it is unknown
            ("frozen", np.float64, (5, 4)),  # the belief when it was missed for the first time
        )
        super().__init__(max_age, min_hits, reid, _ROUNDING, fields)

    def _associate(self, found: Found) -> Found:
        found, last, before = found[found.scores > self.min_score], *self._earlier()
        row, track = self._match(found, before)
        self._observe(track, found[row], before[track])
        left, lost = found[others(len(found), row)], others(len(self._tracks), track)
        row, track = self._recover(left, self._tracks[lost], last[lost])
        self._observe(lost[track], left[row], before[lost[track]])
        self._remember()
        return left[others(len(left), row)]

    def _earlier(self) -> tuple[Floats, Floats]:
        """The boxes observed last, and those where directions start: up to `span` frames old."""
        last, recent = self._tracks["last"].copy(), self._tracks["recent"]
        before = last.copy()
        for ago in range(1, self.span + 1):
            then = recent[:, (self.frame - ago) % self.span]
            np.copyto(before, then, where=~np.isnan(then))
        return last, before

    def _match(self, found: Found, before: Floats) -> Pairs:
        """Returns the rows of the detections that are tracked, and the rows of their tracks."""
        affinity = self._affinity(found, self._tracks, boxes_of(self._tracks["belief"]))
        pairs = clear(affinity, self.min_overlap)
        if pairs is None:
            pairs = best(affinity + self._momentum(found, before), affinity, self.min_overlap)
        return pairs

    def _momentum(self, found: Found, before: Floats) -> Floats:
        """How well each detection lies in the direction of each track (OCM): `(found, tracks)`."""
        towards = _direction(before, found.boxes[:, None])
        cosine = (towards * self._tracks["direction"]).sum(axis=2).clip(-1, 1)
        share: Floats = (np.pi / 2 - np.arccos(cosine)) / np.pi
        return share * (self.inertia * found.scores[:, None])

    def _recover(self, found: Found, lost: Records, last: Floats) -> Pairs:
        """Pairs up what is left with where the tracks that are left were observed last (OCR)."""
        if not (len(found) and len(lost)):
            return NONE
        affinity = self._affinity(found, lost, last)
        near = (affinity > self.min_overlap).any()
        return best(affinity, affinity, self.min_overlap) if near else NONE

    def _observe(self, track: Integers, found: Found, before: Floats) -> None:
        """Notes what was observed of these tracks, in place."""
        if not len(track):
            return
        tracks, beliefs = self._tracks, self._tracks["belief"][track]
        observed = tracks["observed"][track]
        missed = (observed & (tracks["unseen"][track] > 1)).nonzero()[0]
        if len(missed):
            beliefs[missed] = self._relive(track[missed], found.boxes[missed])
        tracks["belief"][track] = corrected(beliefs, places_of(found.boxes, _ROUNDING))
        tracks["direction"][track] = _direction(before, found.boxes) * observed[:, None]
        tracks["last"][track], tracks["observed"][track] = found.boxes, True
        tracks["streak"][track] += 1
        self._saw(track, found)

    def _relive(self, track: Integers, now: Floats) -> Floats:
        """What would be believed if all frames since the last one had been observed (ORU)."""
        beliefs, gap = self._tracks["frozen"][track], self._tracks["unseen"][track]
        last = self._tracks["last"][track]
        pace = (now - last) / gap[:, None]
        for frame in range(1, gap.max() + 1):
            missed = (gap >= frame).nonzero()[0]
            if frame > 1:
                beliefs[missed] = onwards(beliefs[missed])
            between = places_of(last[missed] + frame * pace[missed])
            beliefs[missed] = corrected(beliefs[missed], between)
        return beliefs

    def _remember(self) -> None:
        """Keeps what was observed, and what is believed of those missed for the first time."""
        tracks = self._tracks
        seen, missed = tracks["unseen"] == 0, tracks["unseen"] == 1
        here = self.frame % self.span
        tracks["recent"][:, here] = np.where(seen[:, None], tracks["last"], np.nan)
        if missed.any():
            tracks["frozen"][missed] = tracks["belief"][missed]

    def _begin(self, born: Records) -> None:
        born["recent"] = np.nan

    def _boxes(self, tracks: Records) -> Floats:
        observed = tracks["observed"]
        if observed.all():
            return tracks["last"]
        return np.where(observed[:, None], tracks["last"], boxes_of(tracks["belief"]))

    def _turn(self, camera: Floats) -> None:
        tracks = self._tracks
        for name in ("belief", "frozen"):
            tracks[name] = turned_beliefs(tracks[name], camera, POWERS)
        for name in ("last", "recent"):
            tracks[name] = turned_boxes(tracks[name], camera)
        ahead = tracks["direction"] @ camera[:, :2].T
        tracks["direction"] = ahead / np.maximum(1e-9, np.linalg.norm(ahead, axis=1))[:, None]


def _direction(before: Floats, after: Floats) -> Floats:
    """From one box to the other, as x and y, of length 1."""
    way = after[..., :2] + after[..., 2:] - before[..., :2] - before[..., 2:]
    way /= 2
    way /= np.sqrt(np.square(way).sum(axis=-1, keepdims=True)) + _ROUNDING
    return way
