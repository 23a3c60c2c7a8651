"""Loose ends: what is in a pipeline, and has no part in its graph."""

from __future__ import annotations

from collections.abc import Iterator

from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import leaves
from torchpipe.graph.pipeline import Pipeline


def loose_ends(pipeline: Pipeline) -> Iterator[str]:
    """All that `build` has forgotten."""
    yield from unused(pipeline)
    yield from unreturned(pipeline)


def unused(pipeline: Pipeline) -> Iterator[str]:
    """Every cell has a part in the graph, or else a forgotten source would end the stream."""
    for cell in pipeline.children.values():
        if is_idle(cell):
            yield (
                f"{cell.path} has no part in the graph: `build` does not call it. Call it, or "
                f"leave it out."
            )


def unreturned(pipeline: Pipeline) -> Iterator[str]:
    """A pipeline without results ends in cells that keep or write what they get."""
    graph = pipeline.graph
    if graph.results or any(ends_well(cell) for cell in pipeline.children.values()):
        return
    for cell in pipeline.children.values():
        if cell._name in graph.called and is_dead_end(cell):
            names = " and ".join(map(str, cell.outputs.values()))
            yield (
                f"{pipeline.path}.build returns nothing, and nothing reads {names}. Return it, or "
                f"end in a cell with `-> None`, such as tp.Call makes of a function."
            )


def ends_well(cell: Cell) -> bool:
    """Whether a stream may end in this cell: it gives nothing, or keeps what it gets."""
    stateful = any(leaf.stateful for leaf in leaves(cell))
    return is_dead_end(cell) and (stateful or not cell.outputs)


def is_dead_end(cell: Cell) -> bool:
    """Whether nothing reads what the cell gives."""
    return not any(port.connections for port in cell.outputs.values())


def is_idle(cell: Cell) -> bool:
    """Whether a cell of a pipeline is neither called nor connected."""
    pipeline = cell._parent
    assert isinstance(pipeline, Pipeline)
    if cell._name in pipeline.graph.called:
        return False
    given = any(output.cell is cell for output in pipeline.graph.results.values())
    taken = any(port.connection is not None for port in cell.inputs.values())
    return not (given or taken or any(port.connections for port in cell.outputs.values()))
