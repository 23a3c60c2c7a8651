"""Counts who passes zones, once for each time that they really do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..boxes import Floats, Integers, Tracks, feet_of, finite
from .shapes import Zone

_FORGET = 1000  # frames


@dataclass(frozen=True, eq=False)
class Count:
    """What one zone has counted up to a frame.

    Attributes:
        zone: The zone.
        entries: How often someone came in: for a line, passed to its right.
        exits: How often someone left: for a line, passed to its left.
        visitors: How many different tracks have been inside.
        present: `(N,)`: the ids of those in this frame who are inside.
    """

    zone: Zone
    entries: int
    exits: int
    visitors: int
    present: Integers


Counts = tuple[Count, ...]


class ZoneCounter:
    """Counts crossings of zones by tracks, each by its feet: the middle of the box's lower edge.

    A track counts when it is clearly on the other side: further from the border than `margin` times
    the height of its box (in a small polygon: than half of its depth), and its way since it
    was last clear passed the border an odd number of times. So feet that tremble on a border count
    once or not at all, and who walks around the end of a line does not count. Where a track is
    first clear, it is without having come in.

    Args:
        zones: Where to count.
        margin: How clear is clear, in heights of a box.

    Example:
        >>> from .shapes import Line
        >>> counter = ZoneCounter([Line("door", np.array([[0.0, 50.0], [99.0, 50.0]]))])
        >>> for frame, feet in enumerate([30.0, 49.0, 51.0, 49.0, 51.0, 70.0], start=1):
        ...     box = np.array([[40.0, feet - 20, 50.0, feet]])
        ...     [count] = counter.update(
        ...         Tracks(frame, np.array([7]), box, np.array([0.9]), np.array([0]))
        ...     )
        >>> count.entries, count.exits, count.present
        (1, 0, array([7]))
    """

    def __init__(self, zones: Sequence[Zone], margin: float = 0.1):
        self.zones, self.margin = tuple(zones), margin
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        size = len(self.zones)
        self._entries, self._exits, self._visitors = np.zeros((3, size), np.int64)
        self._ids, self._seen = np.zeros((2, 0), np.int64)
        self._feet = np.zeros((0, 2))
        self._sides = np.zeros((0, size), np.int64)  # 1 inside, -1 outside, 0 was never clear
        self._odd, self._been = np.zeros((2, 0, size), np.bool_)

    def update(self, tracks: Tracks) -> Counts:
        """Takes the tracks of the next frame; returns a count for each zone."""
        tracks = finite(tracks)
        feet, heights = feet_of(tracks), tracks.boxes[:, 3] - tracks.boxes[:, 1]
        rows = self._rows(tracks, feet)
        clear = self._clear(feet, heights)
        self._odd[rows] ^= self._crossed(self._feet[rows], feet)
        self._count(rows, clear)
        self._feet[rows], self._seen[rows] = feet, tracks.frame
        return self._counts(tracks.ids, self._sides[rows] > 0)

    def _rows(self, tracks: Tracks, feet: Floats) -> Integers:
        """Returns where the tracks are remembered: the new ones at the end, the ids in no order."""
        new = ~np.isin(tracks.ids, self._ids)
        kept = self._seen > tracks.frame - _FORGET
        kept |= np.isin(self._ids, tracks.ids)
        more, size = int(new.sum()), len(self.zones)
        self._ids = np.concatenate([self._ids[kept], tracks.ids[new]])
        self._seen = np.concatenate([self._seen[kept], np.full(more, tracks.frame)])
        self._feet = np.concatenate([self._feet[kept], feet[new]])
        self._sides = np.concatenate([self._sides[kept], np.zeros((more, size), np.int64)])
        self._odd = np.concatenate([self._odd[kept], np.zeros((more, size), np.bool_)])
        self._been = np.concatenate([self._been[kept], np.zeros((more, size), np.bool_)])
        order = np.argsort(self._ids)
        rows: Integers = order[np.searchsorted(self._ids, tracks.ids, sorter=order)]
        return rows

    def _clear(self, feet: Floats, heights: Floats) -> Integers:
        """Returns on which side of each zone each track clearly is, or 0: `(N, zones)`."""
        clear = np.zeros((len(feet), len(self.zones)), np.int64)
        for place, zone in enumerate(self.zones):
            away, margin = zone.distance(feet), np.minimum(self.margin * heights, zone.depth / 2)
            clear[:, place] = np.where(np.abs(away) > margin, np.sign(away), 0)
        return clear

    def _crossed(self, before: Floats, now: Floats) -> Any:
        crossed = [zone.crossed(before, now) for zone in self.zones]
        return np.array(crossed, np.bool_).reshape(len(self.zones), len(now)).T

    def _count(self, rows: Integers, clear: Integers) -> None:
        sides, odd = self._sides[rows], self._odd[rows]
        passed = odd & (clear * sides < 0)
        self._entries += (passed & (clear > 0)).sum(axis=0)
        self._exits += (passed & (clear < 0)).sum(axis=0)
        self._visitors += ((clear > 0) & ~self._been[rows]).sum(axis=0)
        self._been[rows] |= clear > 0
        self._sides[rows] = np.where(clear == 0, sides, clear)
        self._odd[rows] = odd & (clear == 0)

    def _counts(self, ids: Integers, inside: Any) -> Counts:
        columns = zip(self.zones, self._entries, self._exits, self._visitors, inside.T, strict=True)
        return tuple(
            Count(zone, int(a), int(b), int(c), ids[here]) for zone, a, b, c, here in columns
        )

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all that is remembered, as arrays."""
        return {name: getattr(self, f"_{name}").copy() for name in _STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
        for name in _STATE:
            setattr(self, f"_{name}", np.array(state[name]))


_STATE = ("entries", "exits", "visitors", "ids", "seen", "feet", "sides", "odd", "been")
