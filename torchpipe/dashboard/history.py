"""`History`: the last minutes, for those who come later."""

from __future__ import annotations

from collections import deque
from typing import Any

EVERY = 2.0
"""Seconds from one point to the next, about."""

SPAN = 600.0
"""Seconds that are kept."""

STATES = ("busy", "starved", "blocked")


class History:
    """Some of the moments of a run: what charts show of them.

    >>> history = History()
    >>> for at in (0.0, 0.5, 1.0, 1.5, 2.0):
    ...     history.add({"at": at, "time": at, "rate": 10.0, "paths": [], "cells": []})
    >>> [point["at"] for point in history.points()]
    [0.0, 2.0]
    """

    def __init__(self) -> None:
        self._points: deque[dict[str, Any]] = deque(maxlen=int(SPAN / EVERY))

    def add(self, moment: dict[str, Any]) -> None:
        """Keep a moment, if it is time for one."""
        last = self._points[-1]["at"] if self._points else -EVERY
        if not last <= moment["at"] < last + 0.9 * EVERY:
            self._points.append(point(moment))

    def points(self) -> list[dict[str, Any]]:
        """Those that are kept, the last one last."""
        return list(self._points)


def point(moment: dict[str, Any]) -> dict[str, Any]:
    """What charts show of a moment, in its form."""
    shown = ("path", "scaled", *STATES)
    return {
        **{name: moment[name] for name in ("at", "time", "rate")},
        "paths": [{name: path[name] for name in ("p50", "p99")} for path in moment["paths"][:1]],
        "cells": [{name: cell[name] for name in shown} for cell in moment["cells"]],
    }
