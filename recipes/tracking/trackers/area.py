"""Boxes as the filters of SORT and OC-SORT follow them: centre x and y, area, width / height.

After "Simple Online and Realtime Tracking" (SORT, Bewley et al. 2016,
https://arxiv.org/abs/1602.00763), with the noise of its published code. Places, `(N, 4)`, are in
pixels, square pixels for the area, and a ratio; beliefs, `(N, 5, 4)`, are told by `kalman`.
"""

import numpy as np
from numpy.typing import NDArray

from ..boxes import Floats
from .kalman import PLACE, SPEED, believe, correct, noise, predict

POWERS = (2.0, 0.0)  # how area and aspect grow with lengths
_AREA, _ASPECT = 2, 3
_NOISE = noise(np.ones(4), np.array([1e-2, 1e-2, 1e-4, 0]))
_MEASURED = np.array([1.0, 1, 10, 10])
_AT_BIRTH = np.full(4, 10.0)
_SPEED_AT_BIRTH = np.array([1e4, 1e4, 1e4, 0])  # the aspect stays


def places_of(boxes: Floats, rounding: float = 0.0) -> Floats:
    """Returns the places, `(N, 4)`, of boxes: their centre, area and aspect.

    Args:
        boxes: `(N, 4)`: x1, y1, x2, y2 in pixels.
        rounding: What is added to the height in the aspect, in pixels.
    """
    left, top, right, down = boxes.T
    width, height = right - left, down - top
    x, y = left + width / 2, top + height / 2
    return np.array([x, y, width * height, width / (height + rounding)]).T


def boxes_of(beliefs: Floats) -> Floats:
    """Returns the boxes, `(N, 4)` in pixels, of what is believed of N tracks, `(N, 5, 4)`."""
    x, y, area, aspect = beliefs[:, PLACE].T.copy()
    width = np.sqrt(area * aspect)
    right, down = width / 2, area / width / 2
    return np.array([x - right, y - down, x + right, y + down]).T


def newborn(places: Floats) -> Floats:
    """Returns the beliefs, `(N, 5, 4)`, about new tracks at these places, `(N, 4)`."""
    return believe(places, _AT_BIRTH, _SPEED_AT_BIRTH)


def onwards(beliefs: Floats) -> Floats:
    """Returns beliefs, `(N, 5, 4)`, one frame later."""
    return predict(beliefs, _NOISE)


def held(beliefs: Floats) -> Floats:
    """Stops, in place, beliefs that would shrink to nothing within a frame; returns them all.

    They are `(N, 5, 4)`.
    """
    area = beliefs[:, PLACE, _AREA] + beliefs[:, SPEED, _AREA]
    if (area <= 0).any():
        beliefs[area <= 0, SPEED, _AREA] = 0
    return beliefs


def whole(beliefs: Floats) -> NDArray[np.bool_]:
    """Returns whether each belief, `(N, 5, 4)`, is of something that has an area: `(N,)`."""
    sizes = beliefs[:, PLACE, _AREA:]
    return (sizes[:, 0] > 0) & (sizes[:, 1] > 0)


def corrected(beliefs: Floats, places: Floats) -> Floats:
    """Returns beliefs, `(N, 5, 4)`, after the tracks were found at these places, `(N, 4)`."""
    return correct(beliefs, places, _MEASURED)
