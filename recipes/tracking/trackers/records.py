"""What SORT, ByteTrack and OC-SORT share: a record for each track, in one array."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..boxes import Floats, Integers, Tracks, overlaps
from .camera import own_moves
from .found import Found
from .kalman import correct_speed
from .looks import LookMemory, ReId
from .tracker import Tracker

Records = NDArray[np.void]
_FIELDS = [
    ("id", np.int64),
    ("belief", np.float64, (5, 4)),  # see `kalman`; x and y come first
    ("unseen", np.int64),  # frames since the last detection
    ("score", np.float64),  # of that detection
    ("label", np.int64),
    ("before", np.float64, 4),  # its box one frame ago, where moves are known
]
_MOVE_DOUBT = 0.05  # the standard deviation of a move, as a share of the height


class RecordTracker(Tracker):
    """Keeps a record for each track, and knows what moves and looks tell about it.

    Args:
        reid: How looks decide; None if they don't.
        border: 1 if corners of boxes are pixels that belong to them, 0 if they are points.
        fields: What a record has beyond that of all trackers.
    """

    def __init__(self, reid: ReId | None, border: float, fields: Sequence[tuple[Any, ...]]):
        self._record = np.dtype([*_FIELDS, *fields])
        self._reid, self._border = reid, border
        self.reset()

    def reset(self) -> None:
        """Forgets all tracks: the next frame is the first, and ids begin at 1 again."""
        self.frame = self.born = 0
        self._tracks = np.zeros(0, self._record)
        self._looks = None if self._reid is None else LookMemory(self._reid)

    def follow(self, found: Found, camera: Floats | None) -> Tracks:
        """Takes the next frame's detections, and the camera's motion `(2, 3)`: see `Tracker`."""
        self.frame += 1
        if camera is not None:
            found = self._steady(found, camera)
        if found.moves is not None:
            self._tracks["before"] = self._boxes(self._tracks)
        shown = self._follow(found)
        if self._looks is not None:
            self._looks.keep(self._tracks["id"])
        places = self._boxes(shown)
        return Tracks(self.frame, shown["id"], places, shown["score"], shown["label"])

    @abstractmethod
    def _follow(self, found: Found) -> Records:
        """Brings `_tracks` up to this frame; returns copies of the records that it shows."""

    @abstractmethod
    def _boxes(self, tracks: Records) -> Floats:
        """Returns where tracks are: `(N, 4)`, x1, y1, x2, y2 in pixels."""

    @abstractmethod
    def _turn(self, camera: Floats) -> None:
        """Moves what is known of tracks, in place, as the camera moves all: `(2, 3)`."""

    def _steady(self, found: Found, camera: Floats) -> Found:
        """Takes what the camera did out: tracks move with it, and moves are without it."""
        self._turn(camera)
        if found.moves is None:
            return found
        return replace(found, moves=own_moves(found.boxes, found.moves, camera))

    def _affinity(self, found: Found, tracks: Records, boxes: Floats) -> Floats:
        """How well detections and tracks at these boxes go together: `(found, tracks)`.

        It is the overlap. Moves add where a detection comes from, looks whether it is the same.
        """
        affinity = overlaps(found.boxes, boxes, self._border)
        if found.moves is not None:
            origins = found.boxes - np.tile(found.moves, 2)
            carried = overlaps(origins, tracks["before"], self._border)
            affinity = np.where(tracks["unseen"] == 1, (affinity + carried) / 2, affinity)
        if self._looks is not None and found.looks is not None and affinity.size:
            affinity += self._looks.favour(found.looks, tracks["id"]) * (affinity > 0)
        return affinity

    def _saw(self, track: Integers, found: Found) -> None:
        """Notes that these tracks were found, in place."""
        tracks = self._tracks
        tracks["unseen"][track] = 0
        tracks["score"][track] = found.scores
        tracks["label"][track] = found.labels
        if found.moves is not None:
            tracks["belief"][track] = _sped(tracks["belief"][track], found, found.moves)
        if self._looks is not None and found.looks is not None:
            self._looks.learn(tracks["id"][track], found.looks)

    def _newborn(self, found: Found, beliefs: Floats) -> Records:
        """Returns records of new tracks, with ids."""
        tracks = np.zeros(len(found), self._record)
        tracks["id"] = self.born + 1 + np.arange(len(found))
        self.born += len(found)
        tracks["score"], tracks["label"] = found.scores, found.labels
        moves = found.moves
        tracks["belief"] = beliefs if moves is None else _sped(beliefs, found, moves)
        if self._looks is not None and found.looks is not None:
            self._looks.learn(tracks["id"], found.looks)
        return tracks

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all that the tracker remembers, as plain numbers and arrays."""
        tracks = {name: self._tracks[name].copy() for name in self._record.names or ()}
        looks = {} if self._looks is None else self._looks.state_dict()
        return {"frame": self.frame, "born": self.born, **tracks, **looks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
        self.frame, self.born = int(state["frame"]), int(state["born"])
        self._tracks = np.zeros(len(state["id"]), self._record)
        for name in self._record.names or ():
            self._tracks[name] = state[name]
        if self._looks is not None:
            self._looks.load_state_dict(state)


def _sped(beliefs: Floats, found: Found, moves: Floats) -> Floats:
    """Beliefs corrected by how far the detections moved within the last frame."""
    height = found.boxes[:, 3:] - found.boxes[:, 1:2]
    return correct_speed(beliefs, moves, np.square(_MOVE_DOUBT * height))
