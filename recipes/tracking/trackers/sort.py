"""SORT: a Kalman filter for each track; detections go to the tracks that they overlap most.

After "Simple Online and Realtime Tracking" (Bewley et al. 2016, https://arxiv.org/abs/1602.00763),
with the details of its published code (https://github.com/abewley/sort). Units are pixels and
frames.
"""

from ..boxes import Floats
from .area import POWERS, boxes_of, corrected, places_of
from .camera import turned_beliefs
from .found import Found
from .looks import ReId
from .pairs import best, clear, others
from .records import Records
from .streaks import StreakTracker


class SortTracker(StreakTracker):
    """Follows boxes through a video, frame by frame; the scores don't decide who is who.

    Args:
        max_age: Frames that a track lives on without a detection.
        min_hits: Frames in a row in which a track must be found again before it is shown. The first
            `min_hits` frames of the video show every track.
        min_overlap: The least intersection over union of a detection with the box where a track is
            expected.
        reid: How looks decide; None if they don't.

    Example:
        >>> tracker = SortTracker()
        >>> tracker.update([[10, 10, 20, 40]], [0.9], [0]).ids
        array([1])
        >>> tracker.update([[11, 10, 21, 40], [50, 10, 60, 40]], [0.9, 0.8], [0, 0]).ids
        array([2, 1])
    """

    def __init__(
        self,
        max_age: int = 1,
        min_hits: int = 3,
        min_overlap: float = 0.3,
        reid: ReId | None = None,
    ):
        self.min_overlap = min_overlap
        super().__init__(max_age, min_hits, reid)

    def _associate(self, found: Found) -> Found:
        affinity = self._affinity(found, self._tracks, self._boxes(self._tracks))
        row, track = clear(affinity, self.min_overlap) or best(affinity, affinity, self.min_overlap)
        beliefs, seen = self._tracks["belief"], found[row]
        beliefs[track] = corrected(beliefs[track], places_of(seen.boxes))
        self._tracks["streak"][track] += 1
        self._saw(track, seen)
        return found[others(len(found), row)]

    def _begin(self, born: Records) -> None:
        """A new track is not special."""

    def _boxes(self, tracks: Records) -> Floats:
        return boxes_of(tracks["belief"])

    def _turn(self, camera: Floats) -> None:
        self._tracks["belief"] = turned_beliefs(self._tracks["belief"], camera, POWERS)
