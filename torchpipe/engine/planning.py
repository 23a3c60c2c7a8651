"""`planned`: how many clones each cell should have, worked out from what a period has told."""

from __future__ import annotations

from collections.abc import Mapping

from torchpipe.engine.period import Period
from torchpipe.engine.verdict import ARRIVALS, NOTHING, WINDOW, bounds, gil_is_full, verdict

WORTH = 1.02
"""What all others must allow beyond a cell's rate, for one more clone of it to be worth it."""


def planned(
    period: Period,
    budget: int | None = None,
    most: Mapping[str, int] | None = None,
    slack: float = 1.0,
) -> dict[str, int]:
    """The clones with which the pipeline would be fastest, and no more of them than that takes.

    The cell that limits gets one more, again and again, until something else limits for good. A
    cell that did nothing in the period keeps one.

    Args:
        period: What happened.
        budget: How many clones there may be in all; None for any number.
        most: The most clones of each cell; those that are not named may have any number.
        slack: By how much the work of these cells is to be taken for more than it was.
    """
    each = {station.path: slack * station.each for station in period.stations if station.scaled}
    clones = dict.fromkeys(each, 1)
    while each and (budget is None or sum(clones.values()) < budget):
        path = max(each, key=lambda path: each[path] / clones[path])
        if not each[path] or clones[path] >= (most or {}).get(path, MOST):
            break
        if clones[path] / each[path] * WORTH >= ceiling(period):
            break
        clones[path] += 1
    return clones


MOST = 1024
"""Clones of a cell, at most: a pipeline without any other limit must not ask for ever."""


def ceiling(period: Period) -> float:
    """The rate that no number of clones exceeds: that of all that is not scaled up."""
    found = [bound for bound, _, scaled in bounds(period) if not scaled]
    if gil_is_full(period) or verdict(period).limit in (ARRIVALS, NOTHING, WINDOW):
        found.append(period.rate)
    return min(found, default=float("inf"))
