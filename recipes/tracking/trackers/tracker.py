"""The contract of all trackers: boxes in, tracks out, and a state that can be saved."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..boxes import Floats, Integers, Tracks
from .found import Found

Records = NDArray[np.void]
_FIELDS = [
    ("id", np.int64),
    ("belief", np.float64, (5, 4)),  # see `kalman`
    ("unseen", np.int64),  # frames since the last detection
    ("score", np.float64),  # of that detection
    ("label", np.int64),
]


class Tracker(ABC):
    """Follows boxes through a video, frame by frame.

    A tracker keeps one record per track, in an array. It has no ties to a pipeline: `update` is all
    that there is to call.

    Args:
        fields: What a record has beyond id, belief, frames unseen, score and label.

    Attributes:
        born: How many ids have been given: the next one is higher by one.
    """

    born: int

    def __init__(self, fields: list[tuple[Any, ...]]):
        self._record = np.dtype([*_FIELDS, *fields])
        self.reset()

    def reset(self) -> None:
        """Forgets all tracks: the next frame is the first, and ids begin at 1 again."""
        self._frame = self.born = 0
        self._tracks = np.zeros(0, self._record)

    def update(self, boxes: ArrayLike, scores: ArrayLike, labels: ArrayLike) -> Tracks:
        """Takes the detections of the next frame; call it for empty frames too.

        Args:
            boxes: `(N, 4)`: x1, y1, x2, y2 in pixels. A box without width, height or finite numbers
                is left out.
            scores: `(N,)`: how sure the detector is, 0 to 1.
            labels: `(N,)`: the class of each; handed on to the tracks.

        Returns:
            The tracks that this frame shows.

        Raises:
            ValueError: The numbers of boxes, scores and labels differ.
        """
        self._frame += 1
        shown = self._follow(Found.of(boxes, scores, labels))
        places = self._boxes(shown)
        return Tracks(self._frame, shown["id"], places, shown["score"], shown["label"])

    @abstractmethod
    def _follow(self, found: Found) -> Records:
        """Brings `_tracks` up to this frame; returns copies of the records that it shows."""

    @abstractmethod
    def _boxes(self, tracks: Records) -> Floats:
        """Returns where tracks are: `(N, 4)`, x1, y1, x2, y2 in pixels."""

    def _saw(self, track: Integers, found: Found) -> None:
        """Notes that these tracks were found, in place."""
        self._tracks["unseen"][track] = 0
        self._tracks["score"][track] = found.scores
        self._tracks["label"][track] = found.labels

    def _newborn(self, found: Found, beliefs: Floats) -> Records:
        """Returns records of new tracks, with ids."""
        tracks = np.zeros(len(found), self._record)
        tracks["id"] = self.born + 1 + np.arange(len(found))
        self.born += len(found)
        tracks["belief"], tracks["score"], tracks["label"] = beliefs, found.scores, found.labels
        return tracks

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all that the tracker remembers, as plain numbers and arrays."""
        tracks = {name: self._tracks[name].copy() for name in self._record.names or ()}
        return {"frame": self._frame, "born": self.born, **tracks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
        self._frame, self.born = int(state["frame"]), int(state["born"])
        self._tracks = np.zeros(len(state["id"]), self._record)
        for name in self._record.names or ():
            self._tracks[name] = state[name]
