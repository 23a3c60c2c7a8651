"""What has moved since the last frame, as cells."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

import torchpipe as tp

from .boxes import Detections
from .flow import camera_of, dense_flow, moves_of


class Flow(tp.Cell):
    """Says where each pixel was in the frame before: see `dense_flow`. Stateless: scale it up.

    It needs no detections, and so may run while people are found. The frame before comes from
    `tp.Delay(1, initial=None)`: the first frame has no flow.
    """

    def forward(self, frame: Tensor, before: Tensor | None) -> Tensor | None:
        return None if before is None else dense_flow(frame, before)


class Moved(NamedTuple):
    """What a tracker is told of motion: see `Tracker.update`.

    Attributes:
        moves: `(N, 2)`: how far each detection has moved; None if not known.
        camera: `(2, 3)`: what the camera did; None if not known.
    """

    moves: Tensor | None
    camera: Tensor | None


class Move(tp.Cell):
    """Says how far each detection has moved, and how the camera has. Stateless: scale it up.

    Args:
        boxes: Whether the moves of detections are asked for.
        camera: Whether that of the camera is.
    """

    def __init__(self, boxes: bool = True, camera: bool = True):
        super().__init__()
        self.boxes, self.camera = boxes, camera

    def forward(self, flow: Tensor | None, found: Detections) -> Moved:
        if flow is None:
            return Moved(None, None)
        moves = moves_of(flow, found.boxes) if self.boxes else None
        return Moved(moves, camera_of(flow) if self.camera else None)


class Motion(tp.Pipeline):
    """Says what has moved since the frame before, which `tp.Delay(1, initial=None)` remembers.

    Args:
        boxes: Whether the moves of detections are asked for.
        camera: Whether that of the camera is.
        clones: Where it is computed.
    """

    def __init__(self, boxes: bool, camera: bool, clones: Sequence[tp.ThreadClone]):
        super().__init__()
        self.flow = tp.ScaleUp(Flow(), clones)
        self.move = tp.ScaleUp(Move(boxes, camera), clones)

    def build(self, frame: Tensor, before: Tensor | None, found: Detections) -> Moved:
        moved: Moved = self.move(self.flow(frame, before), found)
        return moved
