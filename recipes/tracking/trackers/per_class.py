"""Each class by itself: nobody becomes a car."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..boxes import Floats, Tracks
from .found import Found
from .tracker import Tracker


class PerClass(Tracker):
    """Follows each class with a tracker of its own; ids are unique among all.

    Args:
        new_tracker: Makes a tracker.

    Example:
        >>> from .sort import SortTracker
        >>> tracker = PerClass(SortTracker)
        >>> box = [10, 10, 20, 40]
        >>> tracker.update([box, box], [0.9, 0.8], [0, 1]).ids
        array([1, 2])
        >>> tracker.update([box, box], [0.9, 0.8], [1, 0]).labels
        array([0, 1])
    """

    def __init__(self, new_tracker: Callable[[], Tracker]):
        self._new_tracker = new_tracker
        self.reset()

    def reset(self) -> None:
        """Forgets all tracks: the next frame is the first, and ids begin at 1 again."""
        self.frame = self.born = 0
        self._trackers: dict[int, Tracker] = {}

    def follow(self, found: Found, camera: Floats | None) -> Tracks:
        """Takes the next frame's detections, and the camera's motion `(2, 3)`: see `Tracker`."""
        shown = []
        for label in sorted({*self._trackers, *found.labels.tolist()}):
            tracker = self._tracker(label)
            tracker.frame, tracker.born = self.frame, self.born
            shown.append(tracker.follow(found[found.labels == label], camera))
            self.born = tracker.born
        self.frame += 1
        return _joined(self.frame, shown)

    def _tracker(self, label: int) -> Tracker:
        if label not in self._trackers:
            self._trackers[label] = self._new_tracker()
        return self._trackers[label]

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all that the trackers remember, as plain numbers and arrays."""
        state = {"frame": self.frame, "born": self.born, "labels": np.array([*self._trackers], int)}
        for label, tracker in self._trackers.items():
            state |= {f"{label}.{name}": value for name, value in tracker.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
        self.reset()
        self.frame, self.born = int(state["frame"]), int(state["born"])
        for label in np.asarray(state["labels"]).tolist():
            part = {name.removeprefix(f"{label}."): value for name, value in state.items()}
            self._tracker(label).load_state_dict(part)


def _joined(frame: int, parts: list[Tracks]) -> Tracks:
    if not parts:
        none = np.zeros(0, np.int64)
        return Tracks(frame, none, np.zeros((0, 4)), np.zeros(0), none)
    columns = ("ids", "boxes", "scores", "labels")
    return Tracks(frame, *(np.concatenate([getattr(p, name) for p in parts]) for name in columns))
