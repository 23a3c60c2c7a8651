"""How the outcome of the benchmarks is shown: a table per benchmark, and JSON."""

import os
import platform
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.benchmark import Asked, Outcome, middle


def number(value: float | None) -> str:
    """Format a figure with about three digits; thousands are separated."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def table(outcome: Outcome) -> str:
    """Draw one benchmark: a row per contender, then the figures asked for beside those reached."""
    benchmark = outcome.benchmark
    rows = [row(outcome, contender) for contender in benchmark.contenders]
    head = ("", "median", "lowest", "highest", f"{benchmark.ours} / it", "")
    lines = [f"{benchmark.name}: {benchmark.title} ({benchmark.unit})", *aligned([head, *rows])]
    lines.append(f"  Meanwhile, other programs kept {number(middle(outcome.others))} cores busy.")
    return "\n".join([*lines, *(f"  {line}" for line in verdicts(outcome))])


def row(outcome: Outcome, contender: str) -> tuple[str, ...]:
    """Return the cells of one contender's row."""
    figures = outcome.figures(contender)
    ratio = outcome.ratio(outcome.benchmark.ours, contender)
    shown = (middle(figures), min(figures, default=None), max(figures, default=None), ratio)
    return contender, *map(number, shown), remarks(outcome, contender)


def remarks(outcome: Outcome, contender: str) -> str:
    """Return a contender's further figures, such as "window 64", and why others are missing."""
    measured = next((r[contender] for r in outcome.rounds if contender in r), {})
    medians = {key: middle(outcome.figures(contender, key)) for key in measured if key != "value"}
    texts = [f"{key.replace('_', ' ')} {number(median)}" for key, median in medians.items()]
    return ", ".join([*texts, *filter(None, [outcome.missing.get(contender)])])


def aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Pad the columns of a table: the first to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *figures, last in rows:
        padded = (cell.rjust(width) for cell, width in zip(figures, widths[1:-1], strict=True))
        yield "  ".join(["  " + first.ljust(widths[0]), *padded, last]).rstrip()


def verdicts(outcome: Outcome) -> Iterator[str]:
    """Yield one line per figure asked for: what was asked, what was reached."""
    for asked in outcome.benchmark.asked:
        figure = outcome.answer(asked)
        if figure is None:
            yield f"[ ? ] {question(asked)}: not measured"
        else:
            mark = "yes" if asked.reached(figure) else "NO "
            yield f"[{mark}] {question(asked)}: {number(figure)}"


def question(asked: Asked) -> str:
    """Word a figure asked for, such as "torchpipe at most 2.5 x direct calls"."""
    other = f" x {asked.over}" if asked.over else f" beyond {asked.beyond}" if asked.beyond else ""
    key = "" if asked.key == "value" else f", {asked.key.replace('_', ' ')}"
    return f"{asked.contender}{key} {asked.sense} {number(asked.limit)}{other}"


def machine() -> dict[str, Any]:
    """Describe where the figures were taken; `load` is the load average of the last minute."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load": load,
    }


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return everything that was measured in one benchmark, and what was asked."""
    benchmark = outcome.benchmark
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "unit": benchmark.unit,
        "rounds": outcome.rounds,
        "missing": outcome.missing,
        "others": outcome.others,
        "medians": {name: middle(outcome.figures(name)) for name in benchmark.contenders},
        "ratios": {name: outcome.ratio(benchmark.ours, name) for name in benchmark.contenders},
        "asked": [verdict(outcome, asked) for asked in benchmark.asked],
    }


def verdict(outcome: Outcome, asked: Asked) -> dict[str, Any]:
    """Return one figure asked for with the figure reached; None if it was not measured."""
    figure = outcome.answer(asked)
    reached = None if figure is None else asked.reached(figure)
    return {"question": question(asked), "limit": asked.limit, "figure": figure, "reached": reached}
