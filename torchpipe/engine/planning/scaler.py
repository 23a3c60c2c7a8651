"""`Scaler`: decides how many clones the cells with `clones="auto"` should have; it moves nothing.

Guarantees:

- It never oscillates: what did not help is taken back and not tried again, unless items take
  another time, by more after each failure; a clone goes only when its cell would not limit even if
  its items took a good part longer, and one that had to come back stays twice as long.
- Cells whose number of clones is fixed keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from torchpipe.engine.planning.period import Period
from torchpipe.engine.planning.planned import ceiling, planned

GAIN = 1.05
"""What more clones must promise; and half of it must come."""

HEADROOM = 1.1
"""How much longer items may take than they did, in a plan: two that are both full wait in turn."""

SLACK = 1.2
"""How much longer items may take before a clone that goes would be missed."""

PATIENCE = 3
"""Periods in a row in which a clone was not needed, before it goes for the first time."""

CHANGED = 0.3
"""How far the time of an item moves before what was learned is forgotten for the first time."""

Clones = dict[str, int]


@dataclass(frozen=True)
class Trial:
    """Clones were added; the next period tells what for.

    Attributes:
        before: The clones before.
        rate: Results per second before.
        promised: Results per second that were to come.
        each: Seconds of work of each cell for a result, before.
    """

    before: Clones
    rate: float
    promised: float
    each: dict[str, float]


class Scaler:
    """Takes one period after another, and says what should change.

    Args:
        most: The cells to decide about, and the most clones of each.
    """

    def __init__(self, most: Mapping[str, int]):
        self.most = dict(most)
        self._trial: Trial | None = None
        # The clones that are of use to a cell, and what its items took when that was learned.
        self._learned: dict[str, tuple[int, float]] = {}
        self._failures = dict.fromkeys(most, 0)
        self._unneeded = dict.fromkeys(most, 0)
        self._patience = dict.fromkeys(most, PATIENCE)
        self._gone: set[str] = set()

    def decide(self, period: Period) -> Clones:
        """The new numbers of clones, of those cells where they should change."""
        each = {station.path: station.each for station in period.stations if station.scaled}
        clones = {cell.path: cell.clones for cell in period.cells if cell.scaled}
        self._forget(each)
        back = self._judged(period, clones)
        if back:
            return back
        limits = {path: self._limit(path, clones[path]) for path in clones}
        more = planned(period, most=limits, slack=HEADROOM)
        promised = min(ceiling(period), *(limited(more[p], clones[p], each[p]) for p in clones))
        added = {p: more[p] for p in self.most if more[p] > clones[p]}
        if added and promised >= GAIN * period.rate:
            self._trial = Trial(clones, period.rate, promised, each)
            self._add(added)
            return added
        return self._fewer(planned(period, most=limits, slack=SLACK), clones)

    def _add(self, added: Clones) -> None:
        """Clones come; those that were let go before, and are back, shall stay longer."""
        self._unneeded = dict.fromkeys(self.most, 0)
        for path in self._gone.intersection(added):
            self._patience[path] *= 2
        self._gone.difference_update(added)

    def _limit(self, path: str, now: int) -> int:
        """The most clones of a cell: as many as it has, if their number is fixed."""
        most = self.most.get(path, now)
        return min(most, self._learned[path][0]) if path in self._learned else most

    def _judged(self, period: Period, clones: Clones) -> Clones:
        """Take back what did not help."""
        trial, self._trial = self._trial, None
        if trial is None or 2 * (period.rate - trial.rate) >= trial.promised - trial.rate:
            return {}
        back = {}
        for path in self.most:
            if clones[path] > trial.before[path]:
                enough = ceil(period.rate * trial.each[path] - 0.1)
                back[path] = max(trial.before[path], min(enough, clones[path]))
                self._learned[path] = back[path], trial.each[path]
                self._failures[path] += 1
        return {path: count for path, count in back.items() if count != clones[path]}

    def _forget(self, each: Mapping[str, float]) -> None:
        """Forget what was learned when items took another time."""
        for path, (_, then) in list(self._learned.items()):
            far = 1 + CHANGED * 2 ** (self._failures[path] - 1)
            if each.get(path) and not 1 / far < each[path] / then < far:
                del self._learned[path]

    def _fewer(self, enough: Clones, clones: Clones) -> Clones:
        """Let clones go that were not needed for a while."""
        gone = {}
        for path in self.most:
            unneeded = enough[path] < clones[path]
            self._unneeded[path] = self._unneeded[path] + 1 if unneeded else 0
            if self._unneeded[path] >= self._patience[path]:
                gone[path], self._unneeded[path] = enough[path], 0
        self._gone.update(gone)
        return gone


def limited(planned: int, now: int, each: float) -> float:
    """The rate of a cell with the clones that it will have."""
    return max(planned, now) / each if each else float("inf")
