"""SORT: a Kalman filter for each track; detections go to the tracks that they overlap most.

After "Simple Online and Realtime Tracking" (Bewley 2016). A track's state is the centre x and y,
the area and the aspect (width / height) of its box, then the speeds of the first three. Units are
pixels and frames.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from .boxes import Floats, Integers, Tracks, overlaps
from .kalman import KalmanFilter

_AREA, _AREA_SPEED = 2, 6
_FILTER = KalmanFilter(
    motion=np.eye(7) + np.eye(7, k=4),
    motion_noise=np.diag([1, 1, 1, 1, 1e-2, 1e-2, 1e-4]),
    measurement_noise=np.diag([1.0, 1, 10, 10]),
)
_COVARIANCE_AT_BIRTH = np.diag([10.0, 10, 10, 10, 1e4, 1e4, 1e4])
_TRACK = np.dtype(
    [
        ("id", np.int64),
        ("mean", np.float64, 7),
        ("covariance", np.float64, (7, 7)),
        ("streak", np.int64),  # frames in a row with a detection, the first one not counted
        ("unseen", np.int64),  # frames since the last detection
        ("score", np.float64),
        ("label", np.int64),
    ]
)


class SortTracker:
    """Follows boxes through a video, frame by frame.

    Args:
        max_age: Frames that a track lives on without a detection.
        min_hits: Frames in a row in which a track must be found again before it is shown. The first
            `min_hits` frames of the video show every track.
        min_overlap: The least intersection over union of a detection with the box where a track is
            expected.

    Example:
        >>> tracker = SortTracker()
        >>> tracker.update([[10, 10, 20, 40]], [0.9], [0]).ids
        array([1])
        >>> tracker.update([[11, 10, 21, 40], [50, 10, 60, 40]], [0.9, 0.8], [0, 0]).ids
        array([2, 1])
    """

    def __init__(self, max_age: int = 1, min_hits: int = 3, min_overlap: float = 0.3):
        self.max_age, self.min_hits, self.min_overlap = max_age, min_hits, min_overlap
        self.reset()

    def reset(self) -> None:
        """Forgets all tracks: the next frame is the first, and ids begin at 1 again."""
        self._frame = self._born = 0
        self._tracks = np.zeros(0, _TRACK)

    def update(self, boxes: ArrayLike, scores: ArrayLike, labels: ArrayLike) -> Tracks:
        """Takes the detections of the next frame; call it for empty frames too.

        Args:
            boxes: `(N, 4)`: x1, y1, x2, y2 in pixels. A box without width, height or finite numbers
                is left out.
            scores: `(N,)`: handed on to the tracks; they don't decide who is who.
            labels: `(N,)`: likewise.

        Returns:
            The tracks that this frame shows, the newest first.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        found = _newborn(boxes[usable], np.asarray(scores)[usable], np.asarray(labels)[usable])
        self._frame += 1
        self._predict()
        matched, track = self._match(boxes[usable])
        self._correct(track, found[matched])
        self._bear(np.delete(found, matched))
        shown = self._shown()
        self._tracks = self._tracks[self._tracks["unseen"] <= self.max_age]
        return shown

    def _predict(self) -> None:
        tracks = self._tracks
        shrunk = tracks["mean"][:, _AREA] + tracks["mean"][:, _AREA_SPEED] <= 0
        tracks["mean"][shrunk, _AREA_SPEED] = 0
        tracks["mean"], tracks["covariance"] = _FILTER.predict(tracks["mean"], tracks["covariance"])
        tracks["streak"][tracks["unseen"] > 0] = 0
        tracks["unseen"] += 1
        self._tracks = tracks[(tracks["mean"][:, [_AREA, _AREA + 1]] > 0).all(axis=1)]

    def _match(self, boxes: Floats) -> tuple[Integers, Integers]:
        """Returns the rows of the boxes that are tracked, and the rows of their tracks."""
        overlap = overlaps(boxes, _boxes(self._tracks))
        near = overlap > self.min_overlap
        if near.any() and near.sum(axis=0).max() == near.sum(axis=1).max() == 1:
            return np.nonzero(near)  # type: ignore[return-value]
        box, track = linear_sum_assignment(overlap, maximize=True)
        close = overlap[box, track] >= self.min_overlap
        return box[close], track[close]

    def _correct(self, track: Integers, found: NDArray[np.void]) -> None:
        tracks = self._tracks[track]
        tracks["mean"], tracks["covariance"] = _FILTER.update(
            tracks["mean"], tracks["covariance"], measured=found["mean"][:, :4]
        )
        tracks["score"], tracks["label"] = found["score"], found["label"]
        tracks["streak"] += 1
        tracks["unseen"] = 0
        self._tracks[track] = tracks

    def _bear(self, found: NDArray[np.void]) -> None:
        found["id"] = self._born + 1 + np.arange(len(found))
        self._born += len(found)
        self._tracks = np.concatenate([self._tracks, found])

    def _shown(self) -> Tracks:
        tracks = self._tracks[::-1]
        proven = (tracks["streak"] >= self.min_hits) | (self._frame <= self.min_hits)
        tracks = tracks[proven & (tracks["unseen"] == 0)]
        return Tracks(self._frame, tracks["id"], _boxes(tracks), tracks["score"], tracks["label"])

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all that the tracker remembers, as plain numbers and arrays."""
        tracks = {name: self._tracks[name].copy() for name in _TRACK.names or ()}
        return {"frame": self._frame, "born": self._born, **tracks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
        self._frame, self._born = int(state["frame"]), int(state["born"])
        self._tracks = np.zeros(len(state["id"]), _TRACK)
        for name in _TRACK.names or ():
            self._tracks[name] = state[name]


def _newborn(boxes: Floats, scores: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.void]:
    tracks = np.zeros(len(boxes), _TRACK)
    size = boxes[:, 2:] - boxes[:, :2]
    tracks["mean"][:, :2] = boxes[:, :2] + size / 2
    tracks["mean"][:, 2], tracks["mean"][:, 3] = size.prod(axis=1), size[:, 0] / size[:, 1]
    tracks["covariance"] = _COVARIANCE_AT_BIRTH
    tracks["score"], tracks["label"] = scores, labels
    return tracks


def _boxes(tracks: NDArray[np.void]) -> Floats:
    x, y, area, aspect = tracks["mean"][:, :4].T
    width = np.sqrt(area * aspect)
    right, down = width / 2, area / width / 2
    return np.stack([x - right, y - down, x + right, y + down], axis=1)
