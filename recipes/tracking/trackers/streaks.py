"""When a track is shown, and when it is forgotten: the rules of SORT and OC-SORT.

After "Simple Online and Realtime Tracking" (Bewley et al. 2016, https://arxiv.org/abs/1602.00763).
"""

from abc import abstractmethod
from typing import Any

import numpy as np

from .area import held, newborn, onwards, places_of, whole
from .found import Found
from .looks import ReId
from .records import Records, RecordTracker


class StreakTracker(RecordTracker):
    """Shows a track that is found often enough in a row; forgets one that is not found for long.

    Args:
        max_age: Frames that a track lives on without a detection.
        min_hits: Frames in a row in which a track must be found again before it is shown. The first
            `min_hits` frames of the video show every track.
        reid: How looks decide; None if they don't.
        rounding: What is added to heights, in pixels, where the aspect of a box is taken.
        fields: What a record has beyond the streak.
    """

    def __init__(
        self,
        max_age: int,
        min_hits: int,
        reid: ReId | None,
        rounding: float = 0.0,
        fields: tuple[Any, ...] = (),
    ):
        self.max_age, self.min_hits, self._rounding = max_age, min_hits, rounding
        streak = ("streak", np.int64)  # frames in a row with a detection, the first one not counted
        super().__init__(reid, border=0.0, fields=[streak, *fields])

    @abstractmethod
    def _associate(self, found: Found) -> Found:
        """Brings tracks that are found up to this frame, in place; returns what is left over."""

    @abstractmethod
    def _begin(self, born: Records) -> None:
        """Fills in, in place, what is special about new tracks."""

    def _follow(self, found: Found) -> Records:
        self._predict()
        left = self._associate(found)
        if len(left):
            self._bear(left)
        shown = self._shown()
        forgotten = self._tracks["unseen"] > self.max_age
        if forgotten.any():
            self._tracks = self._tracks[~forgotten]
        return shown

    def _predict(self) -> None:
        tracks = self._tracks
        tracks["belief"] = onwards(held(tracks["belief"]))
        tracks["streak"][tracks["unseen"] > 0] = 0
        tracks["unseen"] += 1
        there = whole(tracks["belief"])
        if not there.all():
            self._tracks = tracks[there]

    def _bear(self, found: Found) -> None:
        born = self._newborn(found, newborn(places_of(found.boxes, self._rounding)))
        self._begin(born)
        self._tracks = np.concatenate([self._tracks, born])

    def _shown(self) -> Records:
        """The newest first."""
        shown = self._tracks["unseen"] == 0
        if self.frame > self.min_hits:
            shown &= self._tracks["streak"] >= self.min_hits
        records: Records = self._tracks[shown.nonzero()[0][::-1]]
        return records
