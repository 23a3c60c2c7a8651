"""What a run did, as a few lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torchpipe.engine.run import Run
from torchpipe.engine.shared import DeadLetter
from torchpipe.engine.telemetry.statistics import CloneStatistics
from torchpipe.graph.pipeline import Pipeline

HEADS = ("cell", "items", "busy", "clones", "mean ms")


def report(pipeline: Pipeline, run: Run, count: int, seconds: float) -> list[str]:
    """How much, how fast, and where the time went.

    Args:
        pipeline: What runs.
        run: The run, which may go on.
        count: How many results it gave.
        seconds: How long that took.
    """
    rate = count / seconds if seconds else 0.0
    first = f"{count:,} items in {seconds:,.2f} s, {rate:,.1f} items/s"
    return [first, "", *table(in_order(pipeline, run), seconds), *skipped(run.dead_letters), ""]


def in_order(pipeline: Pipeline, run: Run) -> list[CloneStatistics]:
    """The statistics in the order in which the pipeline defines its cells."""
    places = {path: place for place, path in enumerate(pipeline.cells)}
    return sorted(run.statistics(), key=lambda clone: places[clone.path.partition(" + ")[0]])


def table(clones: Sequence[CloneStatistics], seconds: float) -> list[str]:
    """One row for each cell, or for cells that run together."""
    paths = dict.fromkeys(clone.path for clone in clones)
    rows = [HEADS, *(row([c for c in clones if c.path == path], seconds) for path in paths)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    ]


def row(clones: Sequence[CloneStatistics], seconds: float) -> tuple[str, ...]:
    """The numbers of the clones of one cell; all of them busy all the time is 100 %."""
    items, busy = sum(clone.items for clone in clones), sum(clone.busy for clone in clones)
    share = busy / (seconds * len(clones)) if seconds else 0.0
    mean = f"{1000 * busy / items:.3f}" if items else "-"
    return clones[0].path, f"{items:,}", f"{share:.0%}", str(len(clones)), mean


def skipped(letters: Sequence[DeadLetter]) -> list[str]:
    """Which items were skipped, and why the last one was."""
    if not letters:
        return []
    counts = Counter(letter.cell for letter in letters)
    cells = ", ".join(f"{count:,} in {cell}" for cell, count in counts.items())
    last = letters[-1]
    why = f"{type(last.error).__name__}: {last.error}"
    return ["", f"skipped: {cells}; the last was item {last.item} in {last.cell}: {why}"]


def own_summary(pipeline: Pipeline) -> list[str]:
    """What the pipeline itself says of a run that has ended: by then, files are complete."""
    summary = getattr(pipeline, "summary", None)
    return [f"{name}: {text}" for name, text in summary().items()] if summary else []


@contextmanager
def traced(run: Run, file: Path | None) -> Iterator[list[str]]:
    """Write what each clone does meanwhile to the file; at the end the list says what is in it."""
    told: list[str] = []
    if file is None:
        yield told
        return
    with run.trace(file) as trace:
        yield told
    dropped = f"; {trace.dropped:,} before them were too many" if trace.dropped else ""
    told.append(f"trace: {file}, {trace.calls:,} calls{dropped}")
