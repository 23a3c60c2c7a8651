"""What must be so of what a cell gives, for its outputs to be filled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torchpipe.graph.cell import Cell
from torchpipe.graph.hole import HOLE


def outputs_problem(cell: Cell, results: Iterable[Any]) -> str | None:
    """What is wrong with a result that does not fill the outputs of a cell, or None."""
    if cell._packing is None:
        return None
    names = ", ".join(cell.outputs)
    for number, result in enumerate(results):
        whole = isinstance(result, tuple | list) and len(result) == len(cell.outputs)
        if result is not HOLE and not whole:
            return (
                f"result {number} does not have one value for each of its outputs ({names}): "
                f"{result!r}. Return a {cell._packing.__name__}."
            )
    return None
