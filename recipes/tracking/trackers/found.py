"""What was found in a frame, as arrays: the detections that a tracker takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..boxes import FAR, Floats, Integers


@dataclass(frozen=True)
class Found:
    """Detections; all arrays have one row for each.

    Attributes:
        boxes: `(N, 4)`: x1, y1, x2, y2 in pixels.
        scores: `(N,)`: how sure the detector is, 0 to 1.
        labels: `(N,)` int64: the class of each.
        looks: `(N, any)`, if known: see `Tracker.update`.
        moves: `(N, 2)`, if known: see `Tracker.update`.

    Example:
        >>> found = Found.of([[0, 0, 9, 9], [5, 5, 5, np.nan]], [0.9, 0.8], [0, 0])
        >>> found.scores
        array([0.9])
    """

    boxes: Floats
    scores: Floats
    labels: Integers
    looks: Floats | None = None
    moves: Floats | None = None

    @classmethod
    def of(
        cls,
        boxes: ArrayLike,
        scores: ArrayLike,
        labels: ArrayLike,
        looks: ArrayLike | None = None,
        moves: ArrayLike | None = None,
    ) -> "Found":
        """Takes anything that is like arrays.

        It leaves out boxes that have no area, that are 10^9 pixels away or not finite, and those
        whose score is not finite.

        Raises:
            ValueError: There is not one of each for every box.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        scores, labels = np.asarray(scores, np.float64), np.asarray(labels, np.int64)
        looks = None if looks is None else np.asarray(looks, np.float64)
        moves = None if moves is None else np.asarray(moves, np.float64).reshape(-1, 2)
        found = cls(boxes, scores, labels, looks, moves)
        found._check()
        usable = (np.abs(boxes) < FAR).all(axis=1) & np.isfinite(scores)
        usable &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return found if usable.all() else found[usable]

    def _check(self) -> None:
        count = len(self.boxes)
        for name in ("scores", "labels", "looks", "moves"):
            column = getattr(self, name)
            if column is not None and len(column) != count:
                raise ValueError(
                    f"cannot track {count} boxes with {len(column)} {name}: give one for every box."
                )

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: NDArray[Any]) -> "Found":
        looks = None if self.looks is None else self.looks[chosen]
        moves = None if self.moves is None else self.moves[chosen]
        return Found(self.boxes[chosen], self.scores[chosen], self.labels[chosen], looks, moves)
