"""Figures as a table to read, and as CSV."""

import csv
from collections.abc import Mapping
from pathlib import Path

from ..partial import PartialFile, writing
from .scores import Scores

COMBINED = "combined"
_SHARES = ["HOTA", "DetA", "AssA", "MOTA", "IDF1"]
_COUNTS = ["IDs", "Frag", "FP", "FN", "MT", "ML", "GT"]
_SHOWN = [*_SHARES, *_COUNTS, "Rcll", "Prcn"]


def combined(scores: Mapping[str, Scores]) -> dict[str, Scores]:
    """Returns the scores of each sequence, and of all of them as one if there are several."""
    if len(scores) < 2:
        return dict(scores)
    first, *others = scores.values()
    return {**scores, COMBINED: sum(others, start=first)}


def table(scores: Mapping[str, Scores]) -> str:
    """Returns a row of the usual figures for each sequence; shares in percent."""
    rows = [["sequence", *_SHOWN]]
    for name, score in scores.items():
        figures = score.figures()
        rows.append([name, *(_short(figures[column]) for column in _SHOWN)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def write_csv(scores: Mapping[str, Scores], target: str | Path, overwrite: bool = False) -> None:
    """Writes all figures, a row for each sequence; the file appears when it is whole.

    Raises:
        UsageError: It can't be written, and why.
    """
    figures = {name: score.figures() for name, score in scores.items()}
    heads = ["sequence", *next(iter(figures.values()), {})]
    rows = [[name, *map(_exact, row.values())] for name, row in figures.items()]
    file = PartialFile(target, overwrite)
    try:
        with writing(file), file.path.open("w", newline="") as text:
            csv.writer(text).writerows([heads, *rows])
        file.commit()
    finally:
        file.discard()


def _short(figure: float) -> str:
    return f"{figure}" if isinstance(figure, int) else f"{figure:.2f}"


def _exact(figure: float) -> str:
    return f"{figure}" if isinstance(figure, int) else f"{figure:.4f}"
