"""Where each person has walked lately."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .boxes import Floats, Integers, Tracks, feet_of, finite


@dataclass(frozen=True)
class Trails:
    """The last positions of the feet of everyone seen lately, the oldest first.

    Attributes:
        ids: `(N,)`: whose position it is.
        points: `(N, 2)`: x and y of the middle of the lower edge of a box, in pixels.
    """

    ids: Integers
    points: Floats


class TrailMemory:
    """Remembers where tracks have been.

    Args:
        length: Frames after which a position is forgotten.

    Example:
        >>> memory = TrailMemory()
        >>> box = np.array([[10.0, 20.0, 30.0, 80.0]])
        >>> memory.update(Tracks(1, np.array([7]), box, np.array([0.9]), np.array([0]))).points
        array([[20., 80.]])
    """

    def __init__(self, length: int = 30):
        self.length = length
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self._frames, self._ids = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._points = np.zeros((0, 2))

    def update(self, tracks: Tracks) -> Trails:
        """Takes the tracks of the next frame, and returns the trails up to it."""
        tracks = finite(tracks)
        recent = self._frames > tracks.frame - self.length
        now = np.full(len(tracks), tracks.frame)
        self._frames = np.concatenate([self._frames[recent], now])
        self._ids = np.concatenate([self._ids[recent], tracks.ids])
        self._points = np.concatenate([self._points[recent], feet_of(tracks)])
        return Trails(self._ids, self._points)

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all that is remembered, as arrays."""
        state = {"frames": self._frames, "ids": self._ids, "points": self._points}
        return {name: array.copy() for name, array in state.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
        self._frames = np.array(state["frames"], np.int64)
        self._ids = np.array(state["ids"], np.int64)
        self._points = np.array(state["points"], np.float64)
