"""What a feed must know of its pipeline: how long an epoch is, and where it can be entered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchpipe.cells import DataLoaderSource, DatasetSource, Source
from torchpipe.errors import ParameterError
from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import leaves
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.plan import Plan
from torchpipe.graph.policy import attempts_and_skip


@dataclass(frozen=True)
class Nature:
    """What can be known before anything runs.

    Attributes:
        length: How many samples an epoch gives, if that is certain.
        seekable: Whether the epoch can be entered at any sample: each that is read gives one
            result or none, which depends on no other. Elsewhere, what came before runs again,
            unseen.
    """

    length: int | None
    seekable: bool


def nature_of(pipeline: Pipeline, data: Any) -> Nature:
    """Find out about a checked pipeline; `data` is what an open one is fed with."""
    plan = Plan(pipeline)
    cells = [leaf for node in plan.graph.nodes for leaf in leaves(node.cell)]
    sources = [node.cell for node in plan.graph.nodes if node.is_source and node.cell is not None]
    lengths = [length_of(source) for source in sources]
    lengths += [] if data is None else [len(data)]
    known = [length for length in lengths if length is not None]
    sure = plan.one_to_one and len(known) == len(lengths) and not any(map(drops, cells))
    seekable = plan.one_to_one and not any(cell.stateful for cell in cells)
    return Nature(min(known) if sure else None, seekable)


def drops(cell: Cell) -> bool:
    """Whether an item may leave a hole here."""
    return cell.filters or attempts_and_skip(cell.on_error)[1] is not None


def length_of(source: Cell) -> int | None:
    """How many items a source gives in an epoch; None where it does not say, or not for certain."""
    try:
        if isinstance(source, Source):
            return len(source.iterable)  # type: ignore[arg-type]
        if isinstance(source, DatasetSource):
            return len(source.dataset)
        if isinstance(source, DataLoaderSource):
            return None if source.unbatch else len(source.loader)
        return len(source)  # type: ignore[arg-type]
    except TypeError:
        return None


class Alone(Pipeline):
    """One cell as an open pipeline."""

    def __init__(self, cell: Cell):
        super().__init__()
        self._name = cell.path  # what it is called in errors
        self._cell = self.place(cell)

    def build(self, sample: Any) -> Any:
        """Give it the sample."""
        return self._cell(sample)


def as_pipeline(given: Any) -> Pipeline:
    """A pipeline as it is, or one of this cell.

    Raises:
        ParameterError: It is neither.
    """
    if isinstance(given, Pipeline):
        return given
    if isinstance(given, Cell):
        return Alone(given)
    raise ParameterError(
        f"cannot feed from {given!r}: a pipeline or a cell is expected. Wrap a function: "
        f"tp.cell(...), and give the samples as data=..."
    )
