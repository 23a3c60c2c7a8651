"""`ScaleUp`: one cell, many clones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torchpipe.errors import GraphError
from torchpipe.graph.around import Around
from torchpipe.graph.build import current_build
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone, ThreadClone


class ScaleUp(Around):
    """Runs a cell, or an open pipeline, in several clones at once; results keep their order.

    Args:
        cell: What to scale up. It must not be stateful if there is more than one clone.
        clones: How many threads, or one specification per clone: `tp.ThreadClone(device=...)`.

    The parameters and configs of the cell are set and read here, as if it were not scaled up.

    >>> import torchpipe as tp
    >>> [str(clone) for clone in tp.ScaleUp(tp.cell(abs), clones=2).clones]
    ['clone 0 on cpu', 'clone 1 on cpu']
    """

    def __init__(self, cell: Cell, clones: int | Sequence[Clone] = 2):
        super().__init__()
        refuse(cell)
        self.clones = specifications(cell.path, clones)
        self._hold(cell)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """In `build`, connect; elsewhere, run the cell itself, without clones."""
        return super().__call__(*args, **kwargs) if current_build() else self.cell(*args, **kwargs)

    def describe(self) -> str:
        """The cell and the number of clones."""
        return f"{self.cell!r}, clones={len(self.clones)}"


def refuse(cell: Cell) -> None:
    """Refuse to scale up what is no cell, or has its place already."""
    if not isinstance(cell, Cell):
        raise GraphError(f"cannot scale up {cell!r}: it is no cell. Wrap a function: tp.cell(...).")
    if isinstance(cell, ScaleUp):
        raise GraphError(
            f"cannot scale up {cell!r}: it is scaled up already. Give it all its clones at once."
        )
    if cell._parent is not None:
        raise GraphError(
            f"cannot scale up {cell.path}: it belongs to {cell._parent_path} already. Scale it up "
            f"where it is made: self.name = tp.ScaleUp({type(cell).__name__}(...))."
        )


def specifications(path: str, clones: int | Sequence[Clone]) -> tuple[Clone, ...]:
    """One numbered specification per clone."""
    given = [ThreadClone()] * clones if isinstance(clones, int) else list(clones)
    for clone in given:
        if not isinstance(clone, Clone):
            raise GraphError(
                f"cannot scale up {path}: {clone!r} is no clone. Give a number of clones, or a "
                f"list such as [tp.ThreadClone(device='cuda:0')]."
            )
    return tuple(replace(clone, index=index) for index, clone in enumerate(given))
