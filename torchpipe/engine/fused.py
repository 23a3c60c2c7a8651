"""`Fused`: the cells of a stage, and what to call for each; a whole pipeline is one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torchpipe.engine.compiler.program import Program
from torchpipe.engine.compiler.values import Values
from torchpipe.engine.context import Context
from torchpipe.engine.deploy import Give, Placed, callable_of, running_copy
from torchpipe.engine.telemetry.taps import Taps
from torchpipe.engine.torch_state import synchronized
from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import FlatGraph, Node
from torchpipe.graph.hole import HOLE
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.plan import RegionPlan
from torchpipe.graph.regions import Numbering


class Fused:
    """The unscaled cells of a region, copied, and what to call for each of them."""

    def __init__(self, nodes: Iterable[Node], context_of: Callable[[Node], Context]):
        self.cells: dict[Node, Cell] = {}
        self.calls: dict[Node, Callable[..., Any]] = {}
        self.inner: dict[Node, Placed] = {}
        for node in nodes:
            if node.cell is None:
                continue
            context = context_of(node)
            if isinstance(node.cell, Pipeline):  # scaled up, but within a feedback loop
                self.calls[node], self.inner[node] = composite(node.cell, context)
            else:
                made = running_copy(node.cell, node.path, context, deep=False)
                self.cells[node], self.inner[node] = made, [(node.path, made)]
                self.calls[node] = callable_of(made, node.path, context, definition=node.cell)

    def placed(self, nodes: Iterable[Node]) -> Placed:
        """The cells of these nodes, by path."""
        return [pair for node in nodes for pair in self.inner.get(node, [])]


def clone_of(
    node: Node, context: Context, give: Give | None = None
) -> tuple[Callable[..., Any], Placed, Cell | None]:
    """One clone of a scaled-up cell: what to call, the cells in it, and the cell if it is one."""
    assert node.cell is not None
    if isinstance(node.cell, Pipeline):
        call, placed = composite(node.cell, context, give)
        return synchronized(call, context.clone), placed, None
    made = running_copy(node.cell, node.path, context, deep=True)
    path, own = node.path, node.cell
    call = callable_of(made, path, context, bundled=node.bundled, give=give, definition=own)
    return call, [(path, made)], made


def composite(
    pipeline: Pipeline, context: Context, give: Give | None = None
) -> tuple[Callable[..., Any], Placed]:
    """An open pipeline as one function, with copies of its cells.

    Args:
        pipeline: The pipeline.
        context: The work of the thread that calls it.
        give: What takes each result of a cell that yields, instead of a list.

    Returns:
        The function: it returns what the pipeline gives (several results as a tuple); or a list of
        all that it gives for one item, if it has a cell that yields. And the cells.
    """
    graph = FlatGraph(pipeline)
    numbering = Numbering(graph)
    fused = Fused(graph.nodes, lambda node: context)
    collected: list[Any] = []

    def giving(call: Callable[..., Any]) -> Callable[..., Any]:
        if give is None:
            return collecting(call, collected.append)
        return collecting(synchronized(call, context.clone), give)

    call = function_of(graph, numbering, fused, context, giving)
    if any(numbering.given[value.node] is not numbering.regions[0] for value in graph.results):
        call = listed(call, collected)
    return call, fused.placed(graph.nodes)


def function_of(
    graph: FlatGraph,
    numbering: Numbering,
    fused: Fused,
    context: Context,
    giving: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Callable[..., Any]:
    """The function of the first region, which calls those of all others.

    Args:
        graph: The pipeline.
        numbering: Its regions.
        fused: Its cells.
        context: The work of the thread that calls it.
        giving: Lets the function of another region give its results away.
    """
    ids = {node: number for number, node in enumerate(graph.nodes)}
    pushes: dict[Node, Callable[..., Any]] = {}
    for region in reversed(numbering.regions):
        plan = RegionPlan(region, numbering)
        results = [value for value in graph.results if numbering.given[value.node] is region]
        values = Values(plan, ids, results)
        packing = tuple if len(results) > 1 else None
        program = Program(plan, values, fused.calls.__getitem__, results, packing, [], None, pushes)
        call = inner_function(program, context)
        if region.start is not None:
            pushes[region.start] = giving(call) if results else call
    return call


def inner_function(program: Program, context: Context) -> Callable[..., Any]:
    """The function of a region within a clone: the clone counts the items and the time."""
    code = program.call(counting=False)
    inner = Context(context.shared, context.clone, context.track)
    code.bind("context", inner)
    code.bind("failed", inner.blame)
    code.bind("taps", Taps({}))  # nobody looks into a clone
    inner.calls = code.calls
    return following(code.function(), inner, context)


def following(call: Callable[..., Any], inner: Context, outer: Context) -> Callable[..., Any]:
    """The function, with the number of the item that the clone works on."""

    def numbered(*args: Any) -> Any:
        inner.number = outer.number
        return call(*args)

    return numbered


def collecting(call: Callable[..., Any], take: Give) -> Callable[..., Any]:
    """The function, with its results given to another one."""

    def collect(*args: Any) -> None:
        result = call(*args)
        if result is not HOLE:
            take(result)

    return collect


def listed(call: Callable[..., Any], collected: list[Any]) -> Callable[..., list[Any]]:
    """The function, which returns what was collected while it ran."""

    def all_of(*args: Any) -> list[Any]:
        collected.clear()
        call(*args)
        given, collected[:] = list(collected), []
        return given

    return all_of
