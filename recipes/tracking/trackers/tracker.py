"""The contract of all trackers: detections in, tracks out, and a state that can be saved."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..boxes import Floats, Tracks
from .found import Found


class Tracker(ABC):
    """Follows boxes through a video, frame by frame. It has no ties to a pipeline.

    Attributes:
        frame: How many frames it has seen.
        born: How many ids it has given: the next one is higher by one.
    """

    frame: int
    born: int

    @abstractmethod
    def reset(self) -> None:
        """Forgets all tracks: the next frame is the first, and ids begin at 1 again."""

    def update(
        self,
        boxes: ArrayLike,
        scores: ArrayLike,
        labels: ArrayLike,
        looks: ArrayLike | None = None,
        moves: ArrayLike | None = None,
        camera: ArrayLike | None = None,
    ) -> Tracks:
        """Takes the detections of the next frame; call it for empty frames too.

        Args:
            boxes: `(N, 4)`: x1, y1, x2, y2 in pixels. A box without width, height or finite numbers
                is left out.
            scores: `(N,)`: how sure the detector is, 0 to 1. What is not finite is left out.
            labels: `(N,)`: the class of each.
            looks: `(N, any)`: what each looks like, as a vector of length 1; of zeros if that is
                not known. Used by a tracker that was given a `ReId`.
            moves: `(N, 2)`: how far each has moved since the last frame, x and y in pixels, as
                optical flow tells.
            camera: `(2, 3)`: where things that rest are now, in pixels: x and y of the last frame
                and 1, times this. Not needed with a camera that rests.

        Returns:
            The tracks that this frame shows.

        Raises:
            ValueError: The numbers of boxes, scores, labels, looks or moves differ.
        """
        found = Found.of(boxes, scores, labels, looks, moves)
        return self.follow(found, None if camera is None else np.asarray(camera, np.float64))

    @abstractmethod
    def follow(self, found: Found, camera: Floats | None) -> Tracks:
        """Takes the next frame's detections, and the camera's motion `(2, 3)`: see `update`."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all that the tracker remembers, as plain numbers and arrays."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
