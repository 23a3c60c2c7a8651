"""The flat graph: nested pipelines dissolved into nodes with dotted paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone, ThreadClone
from torchpipe.graph.feedback import Feedback
from torchpipe.graph.function import is_generator, is_source
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.port import Connection, Constant, Input, Output
from torchpipe.graph.scale import ScaleUp


@dataclass(frozen=True)
class Value:
    """The output number `index` of a node."""

    node: Node
    index: int


@dataclass
class Argument:
    """What one input of a node gets: a value, a constant, or (None) nothing."""

    port: Input
    source: Value | Constant | None

    @property
    def left_out(self) -> bool:
        """Whether the call leaves the default of `forward` to apply."""
        return self.source is None and not self.port.required


@dataclass(eq=False)
class Node:
    """One cell of the flat graph, or (without a cell) the arguments of an open pipeline.

    Attributes:
        path: The dotted path of the cell.
        cell: What runs: for a scaled-up cell the one inside, which may be a pipeline.
        clones: Its clones, or None if it is not scaled up.
        outputs: The names of its outputs.
        arguments: What its inputs get, in their order.
        bundled: Whether all that it emits for an item leaves as one list (a scaled-up generator).
        most: The most clones that it may get by itself; None if their number is fixed.
    """

    path: str
    cell: Cell | None
    clones: tuple[Clone, ...] | None
    outputs: list[str]
    arguments: list[Argument] = field(default_factory=list)
    bundled: bool = False
    most: int | None = None

    def __repr__(self) -> str:
        return f"<Node {self.path}>"

    def __str__(self) -> str:
        return "the inputs" if self.cell is None else self.path

    @property
    def parents(self) -> list[Node]:
        """The nodes whose values it gets."""
        return [arg.source.node for arg in self.arguments if isinstance(arg.source, Value)]

    @property
    def is_feedback(self) -> bool:
        """Whether it is a `Feedback`, whose input belongs to the item before."""
        return isinstance(self.cell, Feedback)

    @property
    def is_source(self) -> bool:
        """Whether it starts a stream."""
        return self.cell is None or is_source(self.cell)

    @property
    def emits_many(self) -> bool:
        """Whether its outputs are numbered anew: it yields any number of items for each."""
        return not self.bundled and not self.is_source and yields(self.cell)


class FlatGraph:
    """All nodes of a pipeline, with what each of them gets.

    Attributes:
        nodes: In the order of definition; the arguments of an open pipeline come first.
        results: What the pipeline gives, in order.
        packing: How its results are put together: see `Graph`.
    """

    def __init__(self, pipeline: Pipeline):
        self.pipeline = pipeline
        self.packing = pipeline.graph.packing
        cells = list(pipeline._leaves())
        self._of_cell = {id(cell): new_node(cell) for cell in cells}  # a dataclass has no hash
        self.entry = Node("inputs", None, None, list(pipeline.inputs)) if pipeline.is_open else None
        self.nodes = [*([self.entry] if self.entry else []), *self._of_cell.values()]
        for cell, node in zip(cells, self._of_cell.values(), strict=True):
            node.arguments = [
                Argument(port, self._source(port.connection)) for port in cell.inputs.values()
            ]
        self.results = [self._value(output) for output in pipeline.graph.results.values()]
        self.result_names = list(pipeline.graph.results)
        for node in list(self.nodes):
            if node.clones is not None and node.emits_many:
                self._unbundle(node)

    def _unbundle(self, node: Node) -> None:
        """Let a scaled-up generator give one list per item, which a cell after it takes apart."""
        spread = Node(node.path, Unbundle(), None, node.outputs)
        node.outputs, node.bundled = ["items"], True
        for argument in (argument for other in self.nodes for argument in other.arguments):
            if isinstance(argument.source, Value) and argument.source.node is node:
                argument.source = Value(spread, argument.source.index)
        self.results = [
            Value(spread, value.index) if value.node is node else value for value in self.results
        ]
        port = Input(spread.cell, "items", list)  # type: ignore[arg-type]
        spread.arguments = [Argument(port, Value(node, 0))]
        self.nodes.append(spread)

    def _source(self, connection: Connection | None) -> Value | Constant | None:
        """Follow a connection through the faces of nested pipelines to where it starts."""
        if connection is None:
            return None
        source = connection.source
        return source if isinstance(source, Constant) else self._value(source)

    def _value(self, output: Output) -> Any:
        """Where the value of an output comes from: a value, a constant, or None."""
        cell = output.cell
        if not isinstance(cell, Pipeline):
            return Value(self._of_cell[id(cell)], list(cell.outputs).index(output.name))
        if not output.argument:
            return self._value(cell.graph.results[output.name])
        if cell is self.pipeline:
            assert self.entry is not None
            return Value(self.entry, self.entry.outputs.index(output.name))
        port = cell.inputs[output.name]
        if port.connection is None and not port.required:
            return Constant(port.default)
        return self._source(port.connection)


class Unbundle(Cell):
    """Gives the elements of a list one by one."""

    def forward(self, items: list[Any]) -> Iterator[Any]:
        """Yield them."""
        yield from items


def missing(port: Input | Output) -> Input:
    """The open input that keeps a value from this port: its own, or that of a nested pipeline."""
    source = port.connection.source if isinstance(port, Input) and port.connection else port
    while isinstance(source, Output) and not source.argument:
        assert isinstance(source.cell, Pipeline)
        source = source.cell.graph.results[source.name]
    if isinstance(source, Output):
        return missing(source.cell.inputs[source.name])
    assert isinstance(source, Input)
    return source


def leaves(cell: Cell | None) -> Iterator[Cell]:
    """The cell, or all cells in it if it is a pipeline."""
    if isinstance(cell, Pipeline):
        for leaf in cell._leaves():
            yield from leaves(leaf.cell if isinstance(leaf, ScaleUp) else leaf)
    elif cell is not None:
        yield cell


def yields(cell: Cell | None) -> bool:
    """Whether the cell is a generator with inputs, or a pipeline whose results pass one."""
    if isinstance(cell, Pipeline):
        results = [value.node for value in FlatGraph(cell).results if isinstance(value, Value)]
        return any(node.emits_many for node in upstream(results))
    return cell is not None and is_generator(cell)


def upstream(nodes: list[Node]) -> set[Node]:
    """These nodes, and all that they depend on."""
    found: set[Node] = set()
    todo = [*nodes]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += node.parents
    return found


def new_node(cell: Cell) -> Node:
    """The node of a leaf: a scaled-up cell shows the cell inside."""
    inner = cell.cell if isinstance(cell, ScaleUp) else cell
    clones = cell.clones if isinstance(cell, ScaleUp) else None
    if inner.batching is not None and clones is None:
        clones = (ThreadClone(),)  # only a clone can wait for more items while others move on
    most = cell.most if isinstance(cell, ScaleUp) else None
    return Node(cell.path, inner, clones, list(cell.outputs), most=most)
