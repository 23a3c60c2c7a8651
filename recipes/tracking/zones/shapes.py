"""Zones: a line that people cross, a polygon that they enter and leave. Points are in pixels."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..boxes import Floats

Flags = NDArray[np.bool_]


class Zone(Protocol):
    """What divides the picture into inside and outside.

    Attributes:
        name: What it is called, in the picture and in the counts.
        points: `(K, 2)`: its corners, x and y in pixels.
        depth: How far inside a point can be, at least: about half of that for a thin one.
    """

    @property
    def name(self) -> str: ...

    @property
    def points(self) -> Floats: ...

    @property
    def depth(self) -> float: ...

    def distance(self, points: Floats) -> Floats:
        """Returns how far points, `(N, 2)`, are from the border: `(N,)`, above 0 inside."""

    def crossed(self, before: Floats, now: Floats) -> Flags:
        """Returns which of N ways, from `before` to `now`, pass the border: `(N,)`."""


@dataclass(frozen=True, eq=False)
class Line:
    """A line from the first of two points to the second; inside is on the right on that way.

    Example:
        >>> line = Line("door", np.array([[0.0, 10.0], [20.0, 10.0]]))
        >>> line.distance(np.array([[5.0, 14.0], [5.0, 4.0]]))
        array([ 4., -6.])
    """

    name: str
    points: Floats
    depth: float = np.inf

    @cached_property
    def _way(self) -> Floats:
        way: Floats = self.points[1] - self.points[0]
        return way

    def distance(self, points: Floats) -> Floats:
        x, y = (points - self.points[0]).T
        away: Floats = (y * self._way[0] - x * self._way[1]) / np.hypot(*self._way)
        return away

    def crossed(self, before: Floats, now: Floats) -> Flags:
        start, end = self.distance(before), self.distance(now)
        passed = (start >= 0) != (end >= 0)
        share = np.divide(start, start - end, out=np.zeros(len(start)), where=passed)
        meeting = before + share[:, None] * (now - before)
        along = (meeting - self.points[0]) @ self._way / (self._way @ self._way)
        crossed: Flags = passed & (along >= 0) & (along <= 1)
        return crossed


@dataclass(frozen=True, eq=False)
class Polygon:
    """An area with three corners or more; where it overlaps itself, every other part is inside.

    Example:
        >>> square = Polygon("square", np.array([[0.0, 0], [8, 0], [8, 8], [0, 8]]))
        >>> square.distance(np.array([[4.0, 3.0], [4.0, 10.0]]))
        array([ 3., -2.])
    """

    name: str
    points: Floats

    @cached_property
    def area(self) -> float:
        """In square pixels; 0 if all corners are on one line."""
        (x, y), (next_x, next_y) = self.points.T, self._ends.T
        return float(abs((x * next_y - y * next_x).sum()) / 2)

    @cached_property
    def depth(self) -> float:
        return self.area / float(np.hypot(*(self._ends - self.points).T).sum())

    @cached_property
    def _ends(self) -> Floats:
        return np.roll(self.points, -1, axis=0)

    def distance(self, points: Floats) -> Floats:
        ways, offsets = self._ends - self.points, points[:, None] - self.points  # (K, 2), (N, K, 2)
        lengths = np.maximum((ways**2).sum(axis=1), 1e-12)  # two corners may be one point
        along = ((offsets * ways).sum(axis=2) / lengths).clip(0, 1)
        away = np.hypot(*np.moveaxis(offsets - along[:, :, None] * ways, 2, 0)).min(axis=1)
        signed: Floats = np.where(self._holds(points), away, -away)
        return signed

    def crossed(self, before: Floats, now: Floats) -> Flags:
        crossed: Flags = self._holds(before) != self._holds(now)
        return crossed

    def _holds(self, points: Floats) -> Flags:
        """Whether a ray to the right of each point meets the border an odd number of times."""
        x, y = points.T[:, :, None]
        (x1, y1), (x2, y2) = self.points.T, self._ends.T
        beside = (y1 > y) != (y2 > y)
        slope = np.divide(x2 - x1, y2 - y1, out=np.zeros(len(x1)), where=y1 != y2)
        met = beside & (x < x1 + (y - y1) * slope)
        odd: Flags = met.sum(axis=1) % 2 == 1
        return odd
