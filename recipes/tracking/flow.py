"""What optical flow tells a tracker: how far each detection has moved, and how the camera has.

The flow looks back: for each pixel of a frame, where it was in the frame before.
"""

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from .boxes import tame

_INNER = 0.6  # the share of a box, in width and height, in which its move is measured
_GRID = 16  # pixels between the points that show how the camera moves
_AGREE = 1.5  # pixels by which a point may differ from the camera's motion
_FEWEST = 4  # points
_RESTS = torch.eye(2, 3, dtype=torch.float64)


def dense_flow(frame: Tensor, before: Tensor) -> Tensor:
    """Returns where each pixel was: `(height, width, 2)` float32, x and y, less where it is now.

    It is the method of "Fast Optical Flow using Dense Inverse Search" (Kroeger et al. 2016,
    https://arxiv.org/abs/1603.03590), as OpenCV has it. It needs no weights and
    takes about 8 ms for 768 x 576 pixels.

    Args:
        frame: `(height, width, 3)` RGB uint8.
        before: The frame before it, `(height, width, 3)` RGB uint8.

    Raises:
        ValueError: It has another size.
    """
    if frame.shape != before.shape:
        raise ValueError(
            f"cannot tell the flow from a frame of {before.shape[1]} x {before.shape[0]} pixels to "
            f"one of {frame.shape[1]} x {frame.shape[0]}: scale all to one size."
        )
    now, then = (
        cv2.cvtColor(image.numpy(force=True), cv2.COLOR_RGB2GRAY) for image in (frame, before)
    )
    method: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return torch.from_numpy(method.calc(now, then, None))


def moves_of(flow: Tensor, boxes: ArrayLike) -> Tensor:
    """Returns how far what is in each box has moved: `(N, 2)`, x and y in pixels.

    It is the median within the inner part of the box; 0 for a box that shows nothing.

    Args:
        flow: `(height, width, 2)` float32 in pixels: see `dense_flow`.
        boxes: `(N, 4)`: x1, y1, x2, y2 in pixels of the frame.
    """
    corners = tame(boxes).reshape(-1, 2, 2)
    centre, half = corners.mean(axis=1), np.diff(corners, axis=1)[:, 0] * _INNER / 2
    most = np.array(flow.shape[1::-1])
    low, high = (edge.clip(0, most).astype(int) for edge in (centre - half, centre + half + 1))
    moves = np.zeros((len(corners), 2))
    for move, (left, top), (right, down) in zip(moves, low, high, strict=True):
        part = flow[top:down, left:right].reshape(-1, 2).numpy(force=True)
        if len(part):
            move[:] = -np.median(part, axis=0)
    return torch.from_numpy(moves)


def camera_of(flow: Tensor) -> Tensor:
    """Returns how the camera has moved the picture: `(2, 3)` float64, see `Tracker.update`.

    It is what most points agree on: a shift, a turn and a zoom. Where nothing agrees, the camera is
    said to rest. They agree by "Random Sample Consensus" (RANSAC, Fischler and Bolles 1981,
    https://doi.org/10.1145/358669.358692), as OpenCV has it.

    Args:
        flow: `(height, width, 2)` float32 in pixels: see `dense_flow`.
    """
    first, field = _GRID // 2, flow.numpy(force=True)
    y, x = np.mgrid[first : len(field) : _GRID, first : field.shape[1] : _GRID]
    now = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)
    then = now + field[y, x].reshape(-1, 2)
    if len(now) < _FEWEST:
        return _RESTS.clone()
    found: Any = cv2.estimateAffinePartial2D(
        then, now, method=cv2.RANSAC, ransacReprojThreshold=_AGREE
    )[0]
    return _RESTS.clone() if found is None else torch.from_numpy(found)
