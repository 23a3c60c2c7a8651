"""One person, who walks to the right, and a tracker that sees them."""

import numpy as np

from recipes.tracking.boxes import Tracks
from recipes.tracking.trackers import Tracker

BOX = np.array([10.0, 20.0, 30.0, 80.0])


def see(tracker: Tracker, *boxes: np.ndarray, score: float = 1.0) -> Tracks:
    """One frame with these boxes, all equally sure."""
    count = len(boxes)
    return tracker.update(np.reshape(boxes, (-1, 4)), np.full(count, score), np.zeros(count))


def moved(pixels: float) -> np.ndarray:
    """The box, further to the right."""
    return BOX + np.array([pixels, 0, pixels, 0])
