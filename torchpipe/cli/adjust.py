"""Changes to a pipeline before it runs: `--set cell.parameter=value` and `--scale cell=4`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from torchpipe.errors import UsageError
from torchpipe.graph.flat import leaves
from torchpipe.graph.parameter import Setting, settings
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.scale import ScaleUp, specifications

MOST_CLONES = 10_000  # of one cell: a mistyped number must not fill the memory

TRUTH = {"true": True, "yes": True, "on": True, "1": True}
TRUTH |= {"false": False, "no": False, "off": False, "0": False}


def set_values(pipeline: Pipeline, texts: Iterable[str]) -> None:
    """Set parameters and configs, each given as `cell.parameter=value`.

    Raises:
        UsageError: There is no such cell or parameter.
        ParameterError: The parameter does not take the value.
    """
    cells = {cell.path: cell for cell in leaves(pipeline)}
    for text in texts:
        place, equals, value = text.partition("=")
        path, _, name = place.rpartition(".")
        if not (equals and path):
            raise UsageError(f"cannot read --set {text}: write --set cell.parameter=value.")
        if path not in cells:
            there = ", ".join(known for known, cell in cells.items() if settings(cell)) or "none"
            raise UsageError(
                f"cannot set {place}: there is no cell {path!r}; cells with parameters: {there}."
            )
        known = settings(cells[path])
        if name not in known:
            there = ", ".join(known) or "none"
            raise UsageError(
                f"cannot set {place}: {path} has no parameter {name!r}; there are: {there}."
            )
        setattr(cells[path], name, parsed(value, known[name]))


def parsed(text: str, setting: Setting[Any]) -> Any:
    """The value that a text stands for; the text itself, where it stands for none."""
    choices = {str(choice): choice for choice in setting.choices or ()}
    if text in choices:
        return choices[text]
    kind: Any = type(setting.default)
    if kind is bool:
        return TRUTH.get(text.lower(), text)
    try:
        return kind(text) if kind in (int, float, str) else ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text  # the parser tells with the last two that it is nested too deeply


def scale(pipeline: Pipeline, texts: Iterable[str]) -> None:
    """Change the clones of scaled-up cells, each given as `cell=4`; more are as the last one is.

    Raises:
        UsageError: There is no such cell, or it is not scaled up.
    """
    for text in texts:
        path, _, number = text.partition("=")
        digits = number.isascii() and number.isdigit() and len(number) <= len(str(MOST_CLONES))
        if not (digits and 1 <= int(number) <= MOST_CLONES):
            raise UsageError(
                f"cannot read --scale {text}: write --scale cell=4, from 1 to {MOST_CLONES:,}."
            )
        cell = pipeline.cells.get(path)
        if not isinstance(cell, ScaleUp):
            scaled = [known for known, cell in pipeline.cells.items() if isinstance(cell, ScaleUp)]
            what = "it is not scaled up" if cell is not None else "there is no such cell"
            raise UsageError(
                f"cannot scale {path}: {what}; those that are: {', '.join(scaled) or 'none'}. Wrap "
                f"the cell where it is made: tp.ScaleUp(...)."
            )
        count = int(number)
        kept = cell.clones[:count]
        cell.most = None
        cell.clones = specifications(path, [*kept, *cell.clones[-1:] * (count - len(kept))])
