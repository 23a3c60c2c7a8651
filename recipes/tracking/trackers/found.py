"""What was found in a frame, as arrays: the detections that a tracker takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..boxes import Floats


@dataclass(frozen=True)
class Found:
    """Detections; all arrays have one row for each.

    Attributes:
        boxes: `(N, 4)`: x1, y1, x2, y2 in pixels.
        scores: `(N,)`.
        labels: `(N,)`.

    Example:
        >>> found = Found.of([[0, 0, 9, 9], [5, 5, 5, np.nan]], [0.9, 0.8], [0, 0])
        >>> found.scores
        array([0.9])
    """

    boxes: Floats
    scores: Floats
    labels: NDArray[Any]

    @classmethod
    def of(cls, boxes: ArrayLike, scores: ArrayLike, labels: ArrayLike) -> "Found":
        """Takes anything that is like arrays; leaves out boxes that have no area or are not finite.

        Raises:
            ValueError: The numbers of boxes, scores and labels differ.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
        if not len(boxes) == len(scores) == len(labels):
            raise ValueError(
                f"cannot track {len(boxes)} boxes with {len(scores)} scores and {len(labels)} "
                "labels: give one of each for every box."
            )
        found, size = cls(boxes, scores, labels), boxes[:, 2:] - boxes[:, :2]
        usable = (size > 0) & (size < np.inf)
        return found if usable.all() else found[usable[:, 0] & usable[:, 1]]

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: NDArray[Any]) -> "Found":
        return Found(self.boxes[chosen], self.scores[chosen], self.labels[chosen])
