"""Everything that can be wrong with a pipeline, found before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from torchpipe.graph.cell import Cell
from torchpipe.graph.claims import claims, without_effect
from torchpipe.graph.feedback import Feedback
from torchpipe.graph.flat import FlatGraph, Node, leaves, missing
from torchpipe.graph.loose import is_idle, loose_ends
from torchpipe.graph.parameter import Config, Unset, settings
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.placement import placing
from torchpipe.graph.port import Constant, Input, Output
from torchpipe.graph.regions import Numbering, Region
from torchpipe.graph.scale import ScaleUp


def findings(pipeline: Pipeline) -> list[str]:
    """One sentence for each problem: what, why, and what to write instead."""
    graph = FlatGraph(pipeline)
    numbering = Numbering(graph)
    found = [*starting(graph)]
    for each in pipelines(pipeline):
        found += [*loose_ends(each), *without_effect(each)]
    for node in graph.nodes:
        if node.cell is not None:
            found += [*unconnected(node), *unset(node), *claims(node), *scaling(node, node.cell)]
    found += [*numbering.findings, *results(graph, numbering), *placing(graph)]
    return list(dict.fromkeys(found))  # several cells may lack the same argument


def starting(graph: FlatGraph) -> Iterator[str]:
    """A stream needs a start."""
    if not any(node.is_source for node in graph.nodes):
        yield (
            f"{graph.pipeline.path} has nothing that starts a stream. Add a source (a cell without "
            f"inputs, such as tp.Source), or give `build` an argument."
        )


def pipelines(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The pipeline, and those in it."""
    yield pipeline
    for cell in pipeline.children.values():
        inner = cell.cell if isinstance(cell, ScaleUp) else cell
        if isinstance(inner, Pipeline):
            yield from pipelines(inner)


def unconnected(node: Node) -> Iterator[str]:
    """Every input needs a value or a default."""
    for argument in node.arguments:
        if argument.source is None and argument.port.required:
            yield from lacking(argument.port)


def lacking(port: Input | Output) -> Iterator[str]:
    """Say where a value is missing that should come to this port."""
    origin = missing(port)
    cell = origin.cell
    how = (
        f"Call {cell.path}.connect(...) in `build`"
        if isinstance(cell, Feedback)
        else f"Pass it in `build`: {cell.path}({origin.name}=...)"
    )
    if not is_idle(cell):
        yield f"nothing is connected to {origin}. {how}."


def unset(node: Node) -> Iterator[str]:
    """Every parameter and config needs a value; each clone's config must exist and be allowed."""
    cell = node.cell
    for leaf in leaves(cell):
        for name, setting in settings(leaf).items():
            given = all(name in clone.config for clone in node.clones or ()) and node.clones
            missing = isinstance(getattr(leaf, name), Unset)
            if missing and not (given and isinstance(setting, Config)):
                where = f"{leaf.path}.{name}"
                yield f"{where} is not set. Set it, or give the {setting.kind} a default."
    for clone in node.clones or ():
        yield from configs(node, dict(clone.config), str(clone))


def configs(node: Node, values: dict[str, object], clone: str) -> Iterator[str]:
    """A clone's configs must be declared by the cell, with values that they take."""
    assert node.cell is not None
    known = {name: s for leaf in leaves(node.cell) for name, s in settings(leaf, Config).items()}
    for name, value in values.items():
        if name not in known:
            names = ", ".join(known) or "none"
            yield (
                f"{node.path} ({clone}) has no config {name!r}; there are: {names}. Declare it in "
                f"{type(node.cell).__name__} with tp.Config."
            )
        elif problem := known[name].problem(value):
            yield f"{node.path} ({clone}) cannot have {name} = {value!r}: {problem}."


def scaling(node: Node, cell: Cell) -> Iterator[str]:
    """Clones must be possible: some, of a cell that keeps no state and is no source."""
    if node.clones is None:
        return
    if not node.clones:
        yield f"{node.path} has no clones, so nothing would run it. Give at least one."
    if node.is_source and cell.batching is None:
        yield (
            f"cannot scale up {node.path}: a source gives its items one by one, in order. Scale up "
            f"a cell after it that does the work."
        )
    if isinstance(cell, Feedback):
        yield f"cannot scale up {node.path}: a Feedback does no work. Use it as it is."
    for leaf in leaves(cell):
        count = max(len(node.clones), node.most or 1)
        if leaf.stateful and count > 1:
            what = type(leaf).__name__ if leaf is cell else f"{leaf.path} ({type(leaf).__name__})"
            yield (
                f"cannot scale up '{node.path}' to {count} clones: {what} is stateful, "
                f"so every item must pass through one clone. Scale up the stateless cells before "
                f"it; their order is kept."
            )
    if isinstance(cell, Pipeline):
        yield from scaled_pipeline(node, cell)


def scaled_pipeline(node: Node, pipeline: Pipeline) -> Iterator[str]:
    """What is inside a scaled-up pipeline must be sound, and not scaled up itself."""
    graph = FlatGraph(pipeline)
    for inner in graph.nodes:
        if inner.emits_many and inner.cell is not None and inner.cell.stateful:
            yield (
                f"cannot scale up {node.path}: {inner.path} in it collects items, and what it "
                f"holds at the end of the stream would be lost. Put it before or after {node.path}."
            )
        if inner.cell is not None:
            yield from [*clones_within(node, inner, inner.cell), *unconnected(inner)]
    numbering = Numbering(graph)
    yield from numbering.findings
    yield from results(graph, numbering)


def clones_within(node: Node, inner: Node, cell: Cell) -> Iterator[str]:
    """A clone of a pipeline works on one item at a time, with one of each cell."""
    if inner.is_source:
        yield (
            f"cannot scale up {node.path}: {inner.path} in it is a source, which gives its items "
            f"one by one, in order. Put it before {node.path}, and pass in what it gives."
        )
    elif isinstance(cell._parent, ScaleUp):
        yield (
            f"cannot scale up {inner.path} within {node.path}, which is scaled up as a whole: its "
            f"clones would multiply. Scale up one of the two."
        )
    elif inner.clones is not None:
        yield (
            f"cannot batch {inner.path} within {node.path}, which is scaled up as a whole: each of "
            f"its clones works on one item at a time. Scale up {inner.path} instead."
        )


def results(graph: FlatGraph, numbering: Numbering) -> Iterator[str]:
    """All results must belong to the same items."""
    regions: dict[Region, str] = {}
    outputs = graph.pipeline.graph.results
    for name, value in zip(outputs, graph.results, strict=True):
        if isinstance(value, Constant):
            yield f"{graph.pipeline.path} gives a constant as {name!r}. Return what a cell gives."
        elif value is None:
            yield from lacking(outputs[name])
        else:
            regions.setdefault(numbering.given[value.node], name)
    if len(regions) > 1:
        yield (
            f"{graph.pipeline.path} cannot give {' and '.join(regions.values())} together: their "
            f"items are numbered differently, by {' and '.join(map(str, regions))}. Return those "
            f"of one numbering, and put the others into a sink."
        )
