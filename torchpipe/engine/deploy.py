"""From definitions to what runs: copies of cells, and the callables of a region's nodes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

from torchpipe.engine.compiler.program import Program
from torchpipe.engine.compiler.values import Values
from torchpipe.engine.context import Context
from torchpipe.engine.telemetry.taps import Taps
from torchpipe.engine.torch_state import synchronized
from torchpipe.errors import EndOfStream, GraphError
from torchpipe.graph.cell import HOLE, Cell
from torchpipe.graph.clone import Clone
from torchpipe.graph.flat import FlatGraph, Node
from torchpipe.graph.function import is_generator
from torchpipe.graph.parameter import Config, settings
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.plan import RegionPlan
from torchpipe.graph.regions import Numbering

Placed = list[tuple[str, Cell]]
Give = Callable[[Any], None]


def running_copy(cell: Cell, path: str, context: Context, *, deep: bool) -> Cell:
    """A copy of a definition that a run owns; it shares the values of live parameters.

    Raises:
        GraphError: A deep copy, for a clone, is impossible.
    """
    try:
        made: Cell = copy.deepcopy(cell) if deep else copy.copy(cell)
    except Exception as error:
        raise GraphError(
            f"cannot copy {path} for its clones: {error}. Make what cannot be copied in `setup`, "
            f"which runs in each clone."
        ) from error
    made._values = cell._values
    given = context.clone.config
    for name, config in settings(cell, Config).items():
        if name in given:
            made._configs[name] = config.checked(given[name], cell)
    made._deployed, made._context, made._name = True, context, path
    return made


def callable_of(
    cell: Cell,
    path: str,
    context: Context,
    *,
    bundled: bool = False,
    give: Give | None = None,
    definition: Cell | None = None,
) -> Callable[..., Any]:
    """What to call for a cell: its `forward`, guarded by its error policy.

    Args:
        cell: The running copy.
        path: Its path.
        context: The work of the thread that calls it.
        bundled: Whether all that a generator yields for an item is to be returned as one list.
        give: What takes each of those instead, if there is something; then the list is empty.
        definition: What it is a copy of; with it, each session has a copy of its own.
    """
    forward = cell.forward
    if definition is not None and context.copies is not None:
        forward = context.copies.forward_of(cell, path, partial(another, definition, path, context))
    forward = with_copies(forward) if cell.writes else forward
    if bundled:
        forward = listing(forward) if give is None else giving(forward, give, context.clone)
    if cell.on_error != "raise":
        forward = context.guarded(forward, cell.on_error, path)
    made: Callable[..., Any] = synchronized(forward, context.clone, context.gpu_times())
    return made


def another(definition: Cell, path: str, context: Context) -> Cell:
    """A copy for a session."""
    return running_copy(definition, path, context, deep=True)


def batch_callable_of(
    cell: Cell, path: str, context: Context
) -> Callable[[list[Any]], list[Any]] | None:
    """What to call for several items at once; None if the cell takes one after the other."""
    if cell.batching is None:
        return None
    forward = with_copies(cell.forward_batch) if cell.writes else cell.forward_batch
    made = synchronized(forward, context.clone, context.gpu_times())
    return context.counted(made, cell.on_error, path)


def with_copies(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The function, given copies of its arguments."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return forward(*copy.deepcopy(args), **copy.deepcopy(kwargs))

    return call


def listing(forward: Callable[..., Any]) -> Callable[..., list[Any]]:
    """A generator function as one that returns a list."""

    def listed(*args: Any, **kwargs: Any) -> list[Any]:
        return list(forward(*args, **kwargs))

    return listed


def giving(forward: Callable[..., Any], give: Give, clone: Clone) -> Callable[..., list[Any]]:
    """A generator function as one that gives away what it yields."""

    def gave(*args: Any, **kwargs: Any) -> list[Any]:
        with closing(forward(*args, **kwargs)) as stream:  # at once, if nobody wants the rest
            take = synchronized(stream.__next__, clone)
            while True:
                try:
                    out = take()
                except StopIteration:
                    return []
                give(out)

    return gave


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
    ids = {node: number for number, node in enumerate(graph.nodes)}
    fused = Fused(graph.nodes, lambda node: context)
    collected: list[Any] = []
    pushes: dict[Node, Callable[..., Any]] = {}
    for region in reversed(numbering.regions):
        plan = RegionPlan(region, numbering)
        results = [value for value in graph.results if numbering.given[value.node] is region]
        values = Values(plan, ids, results)
        packing = tuple if len(results) > 1 else None
        program = Program(plan, values, fused.calls.__getitem__, results, packing, [], None, pushes)
        call = inner_function(program, context)
        if region.start is not None:
            take = collected.append if give is None else give
            inner = call if give is None else synchronized(call, context.clone)
            pushes[region.start] = collecting(inner, take) if results else call
    cells = fused.placed(graph.nodes)
    if all(numbering.given[value.node] is numbering.regions[0] for value in graph.results):
        return call, cells

    def all_of(*args: Any) -> list[Any]:
        collected.clear()
        call(*args)
        given, collected[:] = list(collected), []
        return given

    return all_of, cells


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


def stream_of(cell: Cell) -> Iterator[Any]:
    """What a source gives in one epoch."""
    if is_generator(cell):
        return iter(cell.forward())
    return called(cell)


def called(cell: Cell) -> Iterator[Any]:
    """Call a source that is no generator, again and again, until it says that it has ended."""
    while True:
        try:
            value = cell.forward()
        except EndOfStream:
            return
        yield value
