"""`ScaleUp`: one cell, many clones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torchpipe.errors import GraphError
from torchpipe.graph.build import current_build
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone, ThreadClone
from torchpipe.graph.port import Input, Output, Ports


class ScaleUp(Cell):
    """Runs a cell, or an open pipeline, in several clones at once; results keep their order.

    Args:
        cell: What to scale up. It must not be stateful if there is more than one clone.
        clones: How many threads, or one specification per clone: `tp.ThreadClone(device=...)`.

    >>> import torchpipe as tp
    >>> tp.ScaleUp(tp.cell(abs), clones=2).clones
    (ThreadClone(device='cpu', config={}, torch_threads=None, index=0), ThreadClone(device='cpu', config={}, torch_threads=None, index=1))
    """

    def __init__(self, cell: Cell, clones: int | Sequence[Clone] = 2):
        super().__init__()
        cell = cell.fresh()
        if cell._parent is not None:
            raise GraphError(
                f"cannot scale up {cell.path}: it belongs to {cell._parent_path} already. Scale it "
                f"up where it is made: self.name = tp.ScaleUp({type(cell).__name__}(...))."
            )
        self.cell = cell
        cell._parent = self
        self.clones = specifications(clones)

    @property
    def _path_of_children(self) -> str:
        """The cell inside has the path of its ScaleUp."""
        return self.path

    def port_function(self) -> Callable[..., Any]:
        """That of the cell inside."""
        return self.cell.port_function()

    @property
    def suggested_name(self) -> str:
        """The name of the cell inside."""
        return getattr(self.cell, "suggested_name", type(self.cell).__name__.lower())

    @property
    def packing(self) -> Any:
        """That of the cell inside, if it is a pipeline."""
        return getattr(self.cell, "packing", None)

    def _make_inputs(self) -> Ports[Input]:
        return Ports(
            [
                Input(self, port.name, port.type, port.default, port.keyword_only)
                for port in self.cell.inputs.values()
            ]
        )

    def _make_outputs(self) -> Ports[Output]:
        return Ports([Output(self, port.name, port.type) for port in self.cell.outputs.values()])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """In `build`, connect; elsewhere, run the cell itself, without clones."""
        return super().__call__(*args, **kwargs) if current_build() else self.cell(*args, **kwargs)

    def describe(self) -> str:
        """The cell and the number of clones."""
        return f"{self.cell!r}, clones={len(self.clones)}"


def specifications(clones: int | Sequence[Clone]) -> tuple[Clone, ...]:
    """One numbered specification per clone."""
    given = [ThreadClone()] * clones if isinstance(clones, int) else list(clones)
    return tuple(replace(clone, index=index) for index, clone in enumerate(given))
