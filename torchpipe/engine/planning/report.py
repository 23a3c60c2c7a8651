"""`Report`: a period as a table, what limits the pipeline, and what one more clone would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from torchpipe.engine.planning.period import CONSUMER, Period
from torchpipe.engine.planning.verdict import CORES, Prediction, Verdict, predict, verdict
from torchpipe.engine.telemetry.statistics import CellStatistics

HEADS = ("cell", "clones", "items", "items/s", "ms", "p99", "busy", "starved", "blocked", "queue")


@dataclass(frozen=True)
class Report:
    """Where the time went in a period; print it.

    Attributes:
        period: The figures behind it.
    """

    period: Period

    @cached_property
    def verdict(self) -> Verdict:
        """What limits the pipeline, and why."""
        return verdict(self.period)

    @cached_property
    def prediction(self) -> Prediction | None:
        """What one more clone of the cell that limits would give; None if no cell does."""
        station = self.verdict.station
        return None if station is None else self.prediction_of(station.path)

    def prediction_of(self, path: str) -> Prediction | None:
        """What one more clone of this cell would give; None if it has none, or did nothing."""
        return predict(self.period, path)

    def __str__(self) -> str:
        lines = [self._head(), "", *table(self.period), "", *self._latencies()]
        return "\n".join([*lines, *self._conclusion()])

    def _head(self) -> str:
        period = self.period
        results = (
            f"{period.results:,} results in {period.seconds:,.2f} s, {period.rate:,.1f} a second"
        )
        used = (
            f"{period.cpu / period.seconds:.2f} of {period.cores} cores" if period.seconds else ""
        )
        held = "" if period.gil is None else f", the GIL held {period.gil:.0%} of the time"
        shares = (f"{gpu} {busy / period.seconds:.0%}" for gpu, busy in period.gpus.items())
        gpus = f", GPUs at work: {', '.join(shares)}" if period.gpus and period.seconds else ""
        return f"{results}; {used}{held}{gpus}"

    def _latencies(self) -> Iterator[str]:
        for path in self.period.paths:
            median, most = path.latency.percentile(0.5), path.latency.percentile(0.99)
            if median is not None and most is not None:
                times = f"{milliseconds(median)} ms, at p99 {milliseconds(most)} ms"
                yield f"{path.source} to {path.sink}: {times}; {path.in_flight} in flight"

    def _conclusion(self) -> Iterator[str]:
        limit, why = self.verdict.limit, self.verdict.why
        yield f"What limits: {limit}; {why}"
        if self.prediction is not None:
            yield outlook(self.prediction, self.period)
        elif limit == CONSUMER:
            yield "No clone would help: the loop over the results takes the time."
        elif self.verdict.station is not None and limit == self.verdict.station.path:
            yield f"Scale up what needs no order in {limit}: tp.ScaleUp(...)."


def outlook(prediction: Prediction, period: Period) -> str:
    """What one more clone would give, in words."""
    what = f"One more clone of {prediction.path}"
    if prediction.rate <= 1.02 * period.rate:
        return f"{what} gives nothing: {prediction.next} limits."
    rates = f"{prediction.rate:,.1f}"
    if prediction.least < 0.95 * prediction.rate:
        rates = f"{prediction.least:,.1f} (if all its CPU time holds the GIL) to {rates}"
    then = "it" if prediction.next == prediction.path else prediction.next
    return f"{what}: {rates} a second, and then {then} {'limit' if then == CORES else 'limits'}."


def table(period: Period) -> list[str]:
    """One row for each cell, or for cells that run together."""
    rows = [HEADS, *(row(cell, period.seconds) for cell in period.cells)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [aligned(row, widths) for row in rows]


def aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    """A row, its first column to the left, the others to the right."""
    first, *others = [(cell, width) for cell, width in zip(row, widths, strict=True)]
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])


def row(cell: CellStatistics, seconds: float) -> tuple[str, ...]:
    """The figures of one cell; the states are shares of the time of all its clones."""
    life = cell.busy + cell.starved + cell.blocked
    mean = milliseconds(cell.busy / cell.items) if cell.items else "-"
    most = cell.service.percentile(0.99)
    return (
        cell.path,
        str(cell.clones) if cell.scaled else "-",
        f"{cell.items:,}",
        f"{cell.items / seconds:,.1f}" if seconds else "-",
        mean,
        "-" if most is None else milliseconds(most),
        *(
            f"{spent / life:.0%}" if life else "-"
            for spent in (cell.busy, cell.starved, cell.blocked)
        ),
        str(cell.queue),
    )


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, with about three digits."""
    value = 1000 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
