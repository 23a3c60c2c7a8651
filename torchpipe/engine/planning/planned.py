"""`planned`: how many clones each cell should have, worked out from what a period has told."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from torchpipe.engine.planning.period import Period
from torchpipe.engine.planning.verdict import (
    ARRIVALS,
    NOTHING,
    WINDOW,
    bounds,
    gil_is_full,
    verdict,
)

WORTH = 1.02
"""What all others must allow beyond a cell's rate, for one more clone of it to be worth it."""

MOST = 1024
"""Clones of a cell, at most: a pipeline without any other limit must not ask for ever."""


def planned(
    period: Period,
    budget: int | None = None,
    most: Mapping[str, int] | None = None,
    slack: float = 1.0,
) -> dict[str, int]:
    """The clones with which the pipeline would be fastest, and no more of them than that takes.

    The cell that limits gets one more, again and again, until what limits for good is reached: all
    that is not scaled up, or a cell that has all its clones. A cell that did nothing in the period
    keeps one.

    Args:
        period: What happened.
        budget: How many clones there may be in all; None for any number.
        most: The most clones of each cell; those that are not named may have any number.
        slack: How much longer items may take than they did, before another cell would limit.
    """
    each = {s.path: s.each for s in period.stations if s.scaled}
    limit = {path: (most or {}).get(path, MOST) for path in each}
    working = [path for path in each if each[path]]
    top = min(ceiling(period) / WORTH, *(limit[path] / each[path] for path in working), inf)
    clones = dict.fromkeys(each, 1)
    enough = {path: min(limit[path], slack * each[path] * top) for path in working}
    while budget is None or sum(clones.values()) < budget:
        working = [path for path in working if clones[path] < enough[path]]
        if not working:
            break
        clones[max(working, key=lambda path: each[path] / clones[path])] += 1
    return clones


def ceiling(period: Period) -> float:
    """The rate that no number of clones exceeds: that of all that is not scaled up."""
    found = [bound for bound, _, scaled in bounds(period) if not scaled]
    if gil_is_full(period) or verdict(period).limit in (ARRIVALS, NOTHING, WINDOW):
        found.append(period.rate)
    return min(found, default=inf)
