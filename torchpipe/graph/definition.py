"""`Definition`: what a pipeline cannot be used for, because it only describes what will run."""

from __future__ import annotations

from typing import NoReturn

from torchpipe.errors import GraphError
from torchpipe.graph.cell import Cell


class Definition(Cell):
    """Says so where it is iterated over, entered like a run, or copied without its parts."""

    def __iter__(self) -> NoReturn:
        raise GraphError(
            f"cannot iterate over {self.path}: it is a definition. Run it: with {self.path}.run() "
            f"as run, and then for x in run."
        )

    def __enter__(self) -> NoReturn:
        raise GraphError(
            f"cannot enter {self.path}: it is a definition. Run it: with {self.path}.run() as run."
        )

    def __exit__(self, *error: object) -> None: ...

    def __copy__(self) -> NoReturn:
        raise GraphError(
            f"cannot copy {self.path} without its cells: a cell has one place in one pipeline. Use "
            f"copy.deepcopy."
        )
