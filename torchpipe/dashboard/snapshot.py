"""Two snapshots of a run as the figures of the page: pure functions, JSON out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchpipe.engine.planning.period import CONSUMER, Period, between
from torchpipe.engine.planning.report import Report, outlook
from torchpipe.engine.shared import DeadLetter
from torchpipe.engine.telemetry.distribution import Distribution
from torchpipe.engine.telemetry.statistics import (
    CellStatistics,
    CloneStatistics,
    GpuStatistics,
    PathStatistics,
    Statistics,
)


def figures(before: Statistics, after: Statistics) -> dict[str, Any]:
    """What happened between two snapshots; rates are per second, times in seconds."""
    period = between(before, after)
    seconds = period.seconds
    return {
        "time": round(after.time, 3),
        "items": after.items,
        "rate": rounded(period.rate),
        "window": after.window,
        "cpu": rounded(period.cpu / seconds) if seconds else None,
        "cores": period.cores,
        "gpus": [gpu(one, period) for one in after.gpus],
        "consumer": share(period.consumer, seconds),
        "cells": [cell(one, before, after, period) for one in period.cells],
        "clones": clones(before, after),
        "paths": [path(one, seconds) for one in period.paths],
    }


def cell(
    one: CellStatistics, before: Statistics, after: Statistics, period: Period
) -> dict[str, Any]:
    """What a cell did, or the cells of a serial stage."""
    total = next(c.items for c in after.cells if (c.path, c.scaled) == (one.path, one.scaled))
    return {
        "path": one.path,
        "scaled": one.scaled,
        "thread": one.thread,
        "clones": one.clones,
        "items": total,
        "rate": rounded(one.items / period.seconds) if period.seconds else 0.0,
        "queue": one.queue,
        **states(one),
        "mean": rounded(one.busy / one.items) if one.items else None,
        **percentiles(one.service),
        "cpu": share(one.cpu, period.seconds),
        "gpu": share(one.gpu, period.seconds),
    }


def gpu(one: GpuStatistics, period: Period) -> dict[str, Any]:
    """What a GPU did, and what is in its memory, in bytes."""
    busy = share(period.gpus[one.device], period.seconds)
    return {"device": one.device, "busy": busy, "used": one.used, "capacity": one.capacity}


def states(one: CellStatistics | CloneStatistics) -> dict[str, Any]:
    """The shares of the three states; they add up to 1, if there was any time."""
    life = one.busy + one.starved + one.blocked
    names = ("busy", "starved", "blocked")
    return {name: share(getattr(one, name), life) or 0.0 for name in names}


def percentiles(times: Distribution) -> dict[str, Any]:
    """The median, and what one in a hundred exceeds."""
    return {
        name: rounded(times.percentile(part)) for name, part in {"p50": 0.5, "p99": 0.99}.items()
    }


def clones(before: Statistics, after: Statistics) -> list[dict[str, Any]]:
    """What each clone did; one that came meanwhile is told from its start."""
    known = {(clone.path, clone.clone): clone for clone in before.clones if clone.scaled}
    seconds = after.time - before.time
    scaled = [clone for clone in after.clones if clone.scaled]
    return [clone(known.get((one.path, one.clone)), one, seconds) for one in scaled]


def clone(before: CloneStatistics | None, after: CloneStatistics, seconds: float) -> dict[str, Any]:
    """What one clone did."""
    if before is None or before.items > after.items:  # another one had its number
        before = CloneStatistics(after.path, after.clone, True, 0, 0.0)
    spent = CloneStatistics(
        path=after.path,
        clone=after.clone,
        scaled=True,
        items=after.items - before.items,
        busy=after.busy - before.busy,
        starved=after.starved - before.starved,
        blocked=after.blocked - before.blocked,
        cpu=since(before.cpu, after.cpu),
        gpu=since(before.gpu, after.gpu),
    )
    return {
        "path": after.path,
        "clone": after.clone,
        "items": after.items,
        "rate": rounded(spent.items / seconds) if seconds else 0.0,
        **states(spent),
        "mean": rounded(spent.busy / spent.items) if spent.items else None,
        "cpu": share(spent.cpu, seconds),
        "gpu": share(spent.gpu, seconds),
        "memory": after.memory,
        "sent": after.sent,
        "received": after.received,
    }


def since(before: float | None, after: float | None) -> float | None:
    """What was added to a number of seconds, if it is known."""
    return None if after is None else after - (before or 0.0)


def path(one: PathStatistics, seconds: float) -> dict[str, Any]:
    """How long items were on the way from where they are numbered to where that ends."""
    rate = rounded(one.items / seconds) if seconds else 0.0
    ends = {"source": one.source, "sink": one.sink}
    return {**ends, "rate": rate, "in_flight": one.in_flight, **percentiles(one.latency)}


def conclusion(report: Report) -> dict[str, Any]:
    """What limits, why, and what one more clone would give."""
    verdict, prediction = report.verdict, report.prediction
    period, station = report.period, verdict.station
    return {
        "limit": verdict.limit,
        "why": verdict.why,
        "cell": None if station is None or station.path == CONSUMER else station.path,
        "gil": rounded(period.gil),
        "outlook": None if prediction is None else outlook(prediction, period),
        "scale": None if prediction is None else [prediction.path, prediction.clones],
        "gain": None if prediction is None else rounded(prediction.rate - period.rate),
    }


def letters(found: Sequence[DeadLetter]) -> list[dict[str, Any]]:
    """Skipped items, the last one first."""
    return [
        {
            "cell": letter.cell,
            "clone": letter.clone,
            "epoch": letter.epoch,
            "item": letter.item,
            "error": f"{type(letter.error).__name__}: {letter.error}",
        }
        for letter in reversed(found)
    ]


def share(part: float | None, whole: float) -> float | None:
    """A part of a whole, from 0 to 1 where it is no more than that."""
    return None if part is None or whole <= 0 else rounded(max(0.0, part) / whole)


def rounded(value: float | None) -> float | None:
    """Four digits, which is more than a chart can show.

    >>> rounded(1234.567), rounded(0.000123464), rounded(None)
    (1235.0, 0.0001235, None)
    """
    return None if value is None else float(f"{value:.4g}")
