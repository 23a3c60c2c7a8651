"""Everything that can be wrong with a pipeline, found before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import FlatGraph, Node, Value
from torchpipe.graph.function import is_generator
from torchpipe.graph.parameter import Config, Unset, settings
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.policy import attempts_and_skip
from torchpipe.graph.port import Constant
from torchpipe.graph.regions import Numbering


def findings(pipeline: Pipeline) -> list[str]:
    """One sentence for each problem: what, why, and what to write instead."""
    graph = FlatGraph(pipeline)
    numbering = Numbering(graph)
    found = list(starting(graph))
    for node in graph.nodes:
        if node.cell is not None:
            found += [*unconnected(node), *unset(node), *policy(node), *scaling(node, node.cell)]
    return found + numbering.findings + list(results(graph, numbering))


def starting(graph: FlatGraph) -> Iterator[str]:
    """A stream needs a start."""
    if not any(node.is_source for node in graph.nodes):
        yield (
            f"{graph.pipeline.path} has nothing that starts a stream. Add a source (a cell without "
            f"inputs, such as tp.Source), or give `build` an argument."
        )


def unconnected(node: Node) -> Iterator[str]:
    """Every input needs a value or a default."""
    for argument in node.arguments:
        if argument.source is None and argument.port.required:
            how = (
                f"Call {node.path}.connect(...) in `build`"
                if node.is_feedback
                else f"Pass it in `build`: {node.path}({argument.port.name}=...)"
            )
            yield f"nothing is connected to {argument.port}. {how}."


def unset(node: Node) -> Iterator[str]:
    """Every parameter and config needs a value; each clone's config must exist and be allowed."""
    cell = node.cell
    for leaf in leaves(cell):
        for name, setting in settings(leaf).items():
            given = all(name in clone.config for clone in node.clones or ()) and node.clones
            missing = isinstance(getattr(leaf, name), Unset)
            if missing and not (given and isinstance(setting, Config)):
                yield f"{leaf.path}.{name} is not set. Set it, or give the {setting.kind} a default."
    for clone in node.clones or ():
        yield from configs(node, dict(clone.config), str(clone))


def configs(node: Node, values: dict[str, object], clone: str) -> Iterator[str]:
    """A clone's configs must be declared by the cell, with values that they take."""
    assert node.cell is not None
    known = settings(node.cell, Config)
    for name, value in values.items():
        if name not in known:
            names = ", ".join(known) or "none"
            yield (
                f"{node.path} ({clone}) has no config {name!r}; there are: {names}. Declare it in "
                f"{type(node.cell).__name__} with tp.Config."
            )
        elif problem := known[name]._problem(value):
            yield f"{node.path} ({clone}) cannot have {name} = {value!r}: {problem}."


def policy(node: Node) -> Iterator[str]:
    """The error policy must be one, and possible: what a cell has yielded cannot be taken back."""
    for leaf in leaves(node.cell):
        try:
            attempts_and_skip(leaf.on_error)
        except ValueError as error:
            yield f"{leaf.path}: {error}."
        if leaf.on_error != "raise" and (node.is_source or (is_generator(leaf) and not node.bundled)):
            yield (
                f"{leaf.path} cannot have on_error={leaf.on_error!r}: what a source or a cell that "
                f"yields has given cannot be taken back. Handle the error in its `forward`."
            )


def scaling(node: Node, cell: Cell) -> Iterator[str]:
    """Clones must be possible: some, of a cell that keeps no state and is no source."""
    if node.clones is None:
        return
    if not node.clones:
        yield f"{node.path} has no clones, so nothing would run it. Give at least one."
    if node.is_source:
        yield f"cannot scale up {node.path}: a source gives its items one by one, in order."
    inner = list(leaves(cell))
    for leaf in inner:
        if leaf.stateful and len(node.clones) > 1:
            yield (
                f"cannot scale up '{node.path}' to {len(node.clones)} clones: "
                f"{type(leaf).__name__} is stateful, so every item must pass through one clone. "
                f"Scale up the stateless cells before it; their order is kept."
            )
    if isinstance(cell, Pipeline):
        yield from scaled_pipeline(node, cell)


def scaled_pipeline(node: Node, pipeline: Pipeline) -> Iterator[str]:
    """What is inside a scaled-up pipeline must be sound, and not scaled up itself."""
    graph = FlatGraph(pipeline)
    for inner in graph.nodes:
        if inner.emits_many and inner.cell is not None and inner.cell.stateful:
            yield (
                f"cannot scale up {node.path}: {inner.path} in it collects items, and what it holds "
                f"at the end of the stream would be lost. Put it before or after {node.path}."
            )
        if inner.clones is not None:
            yield (
                f"cannot scale up {inner.path} within {node.path}, which is scaled up as a whole: "
                f"its clones would multiply. Scale up one of the two."
            )
        if inner.cell is not None:
            yield from unconnected(inner)
    numbering = Numbering(graph)
    yield from numbering.findings
    yield from results(graph, numbering)


def results(graph: FlatGraph, numbering: Numbering) -> Iterator[str]:
    """All results must belong to the same items."""
    regions = {}
    for name, value in zip(graph.result_names, graph.results, strict=True):
        if isinstance(value, Constant) or value is None:
            yield f"{graph.pipeline.path} gives a constant as {name!r}. Return what a cell gives."
        elif isinstance(value, Value):
            regions.setdefault(numbering.given[value.node], name)
    if len(regions) > 1:
        yield (
            f"{graph.pipeline.path} cannot give {' and '.join(regions.values())} together: their "
            f"items are numbered differently, by {' and '.join(map(str, regions))}. Return those of "
            f"one numbering, and put the others into a sink."
        )


def leaves(cell: Cell | None) -> Iterator[Cell]:
    """The cell, or all cells in it if it is a pipeline."""
    if isinstance(cell, Pipeline):
        for leaf in cell._leaves():
            yield from leaves(getattr(leaf, "cell", leaf))
    elif cell is not None:
        yield cell
