"""What is known of tracks, moved as a camera moves all that it sees.

A camera's motion is `(2, 3)`: what rests at x, y is now at that, times x, y and 1. Tracks move
with it as in "BoT-SORT: Robust Associations Multi-Pedestrian Tracking" (Aharon et al. 2022,
https://arxiv.org/abs/2206.14651).
"""

import numpy as np

from ..boxes import Floats
from .kalman import PLACE


def turned_boxes(boxes: Floats, camera: Floats) -> Floats:
    """Returns boxes, `(..., 4)`, that have moved and grown with the picture, and stay upright.

    Example:
        >>> closer = np.array([[2.0, 0, 0], [0, 2, 0]])
        >>> turned_boxes(np.array([[10.0, 10, 20, 30]]), closer)
        array([[20., 20., 40., 60.]])
    """
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2 @ camera[:, :2].T + camera[:, 2]
    half = (boxes[..., 2:] - boxes[..., :2]) / 2 * growth(camera)
    return np.concatenate([centre - half, centre + half], axis=-1)


def turned_beliefs(beliefs: Floats, camera: Floats, powers: tuple[float, ...]) -> Floats:
    """Returns beliefs, `(N, 5, coordinates)`, that have moved with the picture.

    Places and speeds are exact. Of a variance, what a rotation makes x and y have in common is left
    out, as the filters keep coordinates apart.

    Args:
        beliefs: `(N, 5, coordinates)`: the first two coordinates are x and y in pixels.
        camera: `(2, 3)`.
        powers: How each of the other coordinates grows: 1 for a length, 2 for an area, 0 for none.
    """
    turn, turned = camera[:, :2], beliefs.copy()
    turned[:, :2, :2] = beliefs[:, :2, :2] @ turn.T
    turned[:, PLACE, :2] += camera[:, 2]
    turned[:, 2:, :2] = beliefs[:, 2:, :2] @ np.square(turn).T
    grown = growth(camera) ** np.array(powers)
    turned[:, :2, 2:] *= grown
    turned[:, 2:, 2:] *= np.square(grown)
    return turned


def own_moves(boxes: Floats, moves: Floats, camera: Floats) -> Floats:
    """Returns how far things have moved, `(N, 2)`, beyond what the camera did to the picture.

    Example:
        >>> shift = np.array([[1.0, 0, 5], [0, 1, 0]])
        >>> own_moves(np.array([[10.0, 10, 20, 30]]), np.array([[7.0, 1]]), shift)
        array([[2., 1.]])
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    resting = (centre - moves) @ camera[:, :2].T + camera[:, 2]
    own: Floats = centre - resting
    return own


def growth(camera: Floats) -> float:
    """Returns the ratio by which things get longer, with a camera that moved so: `(2, 3)`."""
    return float(np.sqrt(abs(np.linalg.det(camera[:, :2]))))
