"""Trackers as cells. They are stateful: each item passes one clone, in order."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

import torchpipe as tp

from .boxes import Detections, Tracks
from .trackers import ByteTracker, OcSortTracker, PerClass, ReId, SortTracker, Tracker


class Track(tp.Cell):
    """Follows what was found, frame by frame.

    Only the detections must be connected. What the other inputs are is told by `Tracker.update`.

    Args:
        new_tracker: Makes a tracker: a class, or `functools.partial` of one and its settings.
        per_class: Follow each class by itself.
    """

    stateful = True

    def __init__(self, new_tracker: Callable[[], Tracker], per_class: bool = False):
        super().__init__()
        self.new_tracker = partial(PerClass, new_tracker) if per_class else new_tracker

    def reset(self) -> None:
        self._tracker = self.new_tracker()

    def forward(
        self,
        found: Detections,
        looks: Tensor | None = None,
        moves: Tensor | None = None,
        camera: Tensor | None = None,
    ) -> Tracks:
        return self._tracker.update(found.boxes, found.scores, found.labels, looks, moves, camera)

    def state_dict(self) -> dict[str, Any]:
        return self._tracker.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._tracker.load_state_dict(state)


class Sort(Track):
    """Follows what was found by overlap alone: see `SortTracker`."""

    def __init__(
        self,
        max_age: int = 1,
        min_hits: int = 3,
        min_overlap: float = 0.3,
        reid: ReId | None = None,
        per_class: bool = False,
    ):
        super().__init__(partial(SortTracker, max_age, min_hits, min_overlap, reid), per_class)


class ByteTrack(Track):
    """Follows what was found, with detections that are hardly sure too: see `ByteTracker`."""

    def __init__(
        self,
        high: float = 0.6,
        low: float = 0.1,
        new: float = 0.7,
        match_limit: float = 0.9,
        buffer: int = 30,
        reid: ReId | None = None,
        per_class: bool = False,
    ):
        new_tracker = partial(ByteTracker, high, low, new, match_limit, buffer, reid)
        super().__init__(new_tracker, per_class)


class OcSort(Track):
    """Follows what was found, and trusts what was observed most: see `OcSortTracker`."""

    def __init__(
        self,
        min_score: float = 0.6,
        max_age: int = 30,
        min_hits: int = 3,
        min_overlap: float = 0.3,
        span: int = 3,
        inertia: float = 0.2,
        reid: ReId | None = None,
        per_class: bool = False,
    ):
        settings = (min_score, max_age, min_hits, min_overlap, span, inertia, reid)
        super().__init__(partial(OcSortTracker, *settings), per_class)
