"""The published trackers again, one track at a time and with whole matrices: slow, easy to check.

What the recipe's trackers do with arrays must be what those in `plain_sort`, `plain_ocsort` and
`plain_bytetrack` do.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

TURN_ON = np.eye(8) + np.eye(8, k=4)


@dataclass(eq=False)
class Track:
    """One track: what its filter believes, and what the trackers note about it."""

    id: int
    mean: np.ndarray
    covariance: np.ndarray
    frame: int  # of the last detection
    start: int
    score: float
    streak: int = 0
    confirmed: bool = False
    lost: bool = False
    removed: bool = False
    observed: dict = field(default_factory=dict)  # box by frame
    direction: np.ndarray = field(default_factory=lambda: np.zeros(2))
    frozen: tuple = ()

    def predict(self, noise):
        motion = TURN_ON[: len(self.mean), : len(self.mean)]
        self.mean = motion @ self.mean
        self.covariance = motion @ self.covariance @ motion.T + noise

    def correct(self, measured, noise):
        seen = np.eye(4, len(self.mean))
        doubt = seen @ self.covariance @ seen.T + noise
        gain = self.covariance @ seen.T @ np.linalg.inv(doubt)
        rest = np.eye(len(self.mean)) - gain @ seen
        self.mean = self.mean + gain @ (measured - seen @ self.mean)
        self.covariance = rest @ self.covariance @ rest.T + gain @ noise @ gain.T


def overlap(one, other, border=0.0):
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]) + border
    common = max(width, 0.0) * max(height, 0.0)
    areas = [np.prod(box[2:] - box[:2] + border) for box in (one, other)]
    return common / (sum(areas) - common)


def overlaps(some, others, border=0.0):
    shares = [[overlap(one, other, border) for other in others] for one in some]
    return np.array(shares).reshape(len(some), len(others))


def best(cost):
    """The rows and columns of the pairs that cost least, taken all together."""
    return list(zip(*linear_sum_assignment(cost), strict=True)) if cost.size else []


def without(items, places):
    return [item for place, item in enumerate(items) if place not in places]
