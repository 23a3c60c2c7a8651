"""`Verdict`: what limits a pipeline, and why; `Prediction`: what one more clone would give.

Operational analysis (Denning and Buzen, 1978): of what works all the time there cannot be more.
With the work w of a cell for one result, c clones give at most c / w results per second; a thread
gives 1 / w; and so do the GIL, the cores and each GPU, with the time for which one result needs
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torchpipe.engine.planning.period import CONSUMER, Period, Station
from torchpipe.engine.telemetry.statistics import CellStatistics

FULL = 0.9
"""From this utilisation on, something is as good as busy all the time."""

HELD = 0.8
"""The same for the GIL, of which only samples are known, where several threads ask for it."""

GIL, CORES, WINDOW, ARRIVALS, NOTHING = "the GIL", "the cores", "the window", "arrivals", "nothing"


@dataclass(frozen=True)
class Verdict:
    """What limits a pipeline.

    Attributes:
        limit: The path of a cell, or of cells that run together; "the consumer", "the GIL", "the
            cores", a GPU such as "cuda:0", "the window", "arrivals" (of items that are submitted),
            or "nothing".
        why: A sentence.
        station: The cell or the thread that is busy most of its time.
    """

    limit: str
    why: str
    station: Station | None = None


@dataclass(frozen=True)
class Prediction:
    """What one more clone of a cell would give.

    Attributes:
        path: The cell.
        clones: How many it would have.
        rate: Results per second, at most.
        least: Results per second if all CPU time of this process holds the GIL: as `rate`, where it
            is known how much does.
        next: What limits then.
    """

    path: str
    clones: int
    rate: float
    least: float
    next: str


def verdict(period: Period) -> Verdict:
    """What limits the pipeline."""
    if not period.results:
        return Verdict(NOTHING, "there was no result yet.")
    busiest = max(period.stations, key=lambda station: station.utilisation)
    return (
        shared(period, busiest)
        or (full(busiest) if busiest.utilisation >= FULL else None)
        or waits(period, busiest)
    )


def shared(period: Period, busiest: Station) -> Verdict | None:
    """Whether threads wait for something that they share."""
    most = max(period.cells, key=lambda cell: cell.cpu or 0.0)
    station = next((s for s in period.stations if s.scaled and s.path == most.path), busiest)
    if gil_is_full(period):
        held = f"it was held {period.gil:.0%} of the time, mostly by {most.path}."
        return Verdict(GIL, f"{held} Ray clones have one each.", station)
    if (device := full_gpu(period)) is not None:
        return gpu_limits(period, device, busiest)
    if period.cpu >= FULL * period.cores * period.seconds and period.cores > 1:
        used = f"{period.cpu / period.seconds:.1f} of {period.cores} were busy"
        return Verdict(CORES, f"{used}, mostly with {most.path}.", station)
    return None


def gil_is_full(period: Period) -> bool:
    """Whether several threads want the GIL, and it is held nearly all the time."""
    work = sum(station.work for station in period.stations)
    return (period.gil or 0.0) >= HELD and work > 1.1 * period.seconds


def full_gpu(period: Period) -> str | None:
    """A GPU that several clones want, and that is at work nearly all the time."""
    device = max(period.gpus, key=period.gpus.__getitem__, default=None)
    if device is None or period.gpus[device] < FULL * period.seconds:
        return None
    waits = sum(cell.gpu or 0.0 for cell in period.cells)
    return device if waits > 1.1 * sum(period.gpus.values()) else None


def gpu_limits(period: Period, device: str, busiest: Station) -> Verdict:
    """A GPU works all the time."""
    most = max(period.cells, key=lambda cell: cell.gpu or 0.0)
    station = next((s for s in period.stations if s.scaled and s.path == most.path), busiest)
    worked = f"it was at work {period.gpus[device] / period.seconds:.0%} of the time"
    why = f"{worked}, mostly for {most.path}. Other GPUs, or larger batches, would help."
    return Verdict(device, why, station)


def full(busiest: Station) -> Verdict:
    """A cell or a thread works all the time."""
    share = f"{busiest.utilisation:.0%}"
    if busiest.path == CONSUMER:
        return Verdict(CONSUMER, f"its thread was busy {share} of the time.", busiest)
    if busiest.scaled:
        clones = (
            f"its {busiest.clones:.3g} clones were" if busiest.clones > 1.5 else "its clone was"
        )
        return Verdict(busiest.path, f"{clones} busy {share} of the time.", busiest)
    thread = "the thread of the consumer" if busiest.thread == "consumer" else "its thread"
    return Verdict(busiest.path, f"{thread} was busy {share} of the time.", busiest)


def waits(period: Period, busiest: Station) -> Verdict:
    """Nothing works all the time: find out what all wait for."""
    most = f"{busiest.path} was the busiest, {busiest.utilisation:.0%} of the time"
    heads = [cell for cell in period.cells if not cell.scaled]
    blocked = any(
        cell.blocked > 0.5 * period.seconds
        for cell in heads
        if cell.thread.startswith("source") or cell.thread == "caller"
    )
    if blocked and may_be_full(period, heads):
        return Verdict(
            WINDOW,
            f"with {period.window} items inside none more may enter, and {most}. A larger "
            f"window=... lets others run ahead of a slow item.",
            busiest,
        )
    if any(cell.thread == "caller" for cell in heads):
        return Verdict(ARRIVALS, f"more could be submitted: {most}.", busiest)
    return Verdict(NOTHING, f"{most}.", busiest)


def may_be_full(period: Period, heads: Iterable[CellStatistics]) -> bool:
    """Whether enough items came for a full window; a source that has ended is blocked as well."""
    came = max(cell.items for cell in heads)
    return any(max(came, path.items) + path.in_flight >= period.window for path in period.paths)


def bounds(period: Period) -> list[tuple[float, str, bool]]:
    """The highest rate that each can do, what it is, and whether it is a scaled-up cell."""
    stations = [station for station in period.stations if station.each > 0]
    found = [(station.clones / station.each, station.path, station.scaled) for station in stations]
    if period.cpu:
        found.append((period.cores * period.results / period.cpu, CORES, False))
    if period.gil:
        found.append((period.rate / period.gil, GIL, False))
    gpus = ((device, busy) for device, busy in period.gpus.items() if busy)
    found += [(period.results / busy, device, False) for device, busy in gpus]
    return found


def predict(period: Period, path: str) -> Prediction | None:
    """What one more clone of a scaled-up cell would give; None if nothing is known of it."""
    station = next((s for s in period.stations if s.scaled and s.path == path), None)
    cell = next((c for c in period.cells if c.scaled and c.path == path), None)
    if station is None or cell is None or not station.each:
        return None
    clones = cell.clones + 1
    others = [bound for bound in bounds(period) if bound[1:] != (path, True)]
    bound, limit, _ = min([*others, (clones / station.each, path, True)])
    if gil_is_full(period):
        bound, limit = period.rate, GIL
    rate = max(bound, period.rate)
    least = rate
    if period.gil is None and period.cpu:  # no more of it holds the GIL than all of it
        least = max(period.rate, min(rate, period.results / period.cpu))
    return Prediction(path, clones, rate, least, limit)
