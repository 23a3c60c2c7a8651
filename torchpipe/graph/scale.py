"""`ScaleUp`: one cell, many clones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from torchpipe.errors import GraphError
from torchpipe.graph.around import Around, inner
from torchpipe.graph.build import current_build
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone, ThreadClone
from torchpipe.graph.lookalike import advice, named


class ScaleUp(Around):
    """Runs a cell, or an open pipeline, in several clones at once; results keep their order.

    Args:
        cell: What to scale up. It must not be stateful if there is more than one clone.
        clones: How many threads, or one specification per clone: `tp.ThreadClone(device=...)`; or
            "auto": it starts with one thread, and while it runs gets as many as make the pipeline
            faster.
        most: The most clones of a cell with "auto".

    Attributes:
        clones: The specifications.
        most: The most clones that it may get by itself; None if their number is fixed.

    The parameters, configs and policies of the cell are set and read here, as if it were not scaled
    up.

    >>> import torchpipe as tp
    >>> [str(clone) for clone in tp.ScaleUp(tp.cell(abs), clones=2).clones]
    ['clone 0 on cpu', 'clone 1 on cpu']
    """

    stateful: Any = inner("stateful")
    filters: Any = inner("filters")
    writes: Any = inner("writes")
    batching: Any = inner("batching")
    on_error: Any = inner("on_error")

    def __init__(
        self,
        cell: Cell,
        clones: int | Sequence[Clone] | Literal["auto"] = 2,
        *,
        most: int = 8,
    ):
        super().__init__()
        refuse(cell)
        self.clones = specifications(cell.path, 1 if clones == "auto" else clones)
        self.most = limit(cell.path, most) if clones == "auto" else None
        self._hold(cell)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """In `build`, connect; elsewhere, run the cell itself, without clones."""
        return super().__call__(*args, **kwargs) if current_build() else self.cell(*args, **kwargs)

    def describe(self) -> str:
        """The cell and the number of clones."""
        auto = "" if self.most is None else f", at most {self.most}"
        return f"{self.cell!r}, clones={len(self.clones)}{auto}"


def refuse(cell: Cell) -> None:
    """Refuse to scale up what is no cell, or has its place already."""
    if not isinstance(cell, Cell):
        raise GraphError(f"cannot scale up {named(cell)}: {advice(cell)}")
    if isinstance(cell, ScaleUp):
        raise GraphError(
            f"cannot scale up {cell!r}: it is scaled up already. Give it all its clones at once."
        )
    if cell._parent is not None:
        raise GraphError(
            f"cannot scale up {cell.path}: it belongs to {cell._parent_path} already. Scale it up "
            f"where it is made: self.name = tp.ScaleUp({type(cell).__name__}(...))."
        )


def limit(path: str, most: int) -> int:
    """The most clones of a cell, if that is a number from 1 on."""
    if most < 1:
        raise GraphError(
            f"cannot scale up {path} to at most {most} clones: at least one must run it."
        )
    return most


def specifications(path: str, clones: int | Sequence[Clone]) -> tuple[Clone, ...]:
    """One numbered specification per clone."""
    if not is_some(clones):
        raise GraphError(
            f"cannot scale up {path} to {clones!r} clones: give a number, a list of clones, or "
            f"clones='auto'."
        )
    given = [ThreadClone()] * clones if isinstance(clones, int) else list(clones)
    if not given:
        raise GraphError(
            f"cannot scale up {path} to {clones!r} clones: at least one must run it. Give a number "
            f"from 1 on, or a list of clones."
        )
    for clone in given:
        if not isinstance(clone, Clone):
            raise GraphError(
                f"cannot scale up {path}: {clone!r} is no clone. Give a number of clones, or a "
                f"list such as [tp.ThreadClone(device='cuda:0')]."
            )
    return tuple(replace(clone, index=index) for index, clone in enumerate(given))


def is_some(clones: object) -> bool:
    """Whether it is a number, or several of something."""
    return isinstance(clones, int | Iterable) and not isinstance(clones, str)
