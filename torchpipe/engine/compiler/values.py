"""Where each value of a region lives, which may be holes, and who lets it go.

A value that is read only in the stage that makes it is a local variable there. A value that other
stages read has a register in the item. It is let go by its last reader: the stage that is known to
come last; or else, when several stages read it at once, whichever is done last, which a counter
tells.
"""

from __future__ import annotations

from collections.abc import Iterable

from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import RayClone
from torchpipe.graph.flat import FlatGraph, Node, Value
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.plan import Parallel, RegionPlan, Serial
from torchpipe.graph.policy import attempts_and_skip

Stage = Serial | Parallel


def node_values(node: Node) -> list[Value]:
    """All outputs of a node."""
    return [Value(node, index) for index in range(len(node.outputs))]


def needed(node: Node) -> list[Value]:
    """The values that a node takes."""
    return [arg.source for arg in node.arguments if isinstance(arg.source, Value)]


class Values:
    """The values of one region.

    Attributes:
        ids: A number for each node, unique in the pipeline.
        entries: The values that the head puts in: of sources, of arguments, of the region's start.
        readers: For each value with a register, the stages that read it.
        holes: The values that may be holes.
        held: The values that may stay where a clone elsewhere made them, as others read them there.
    """

    def __init__(self, region: RegionPlan, ids: dict[Node, int], results: Iterable[Value]):
        self.region, self.ids = region, ids
        self.results = list(results)
        self.entries = self._entries()
        self.readers = self._readers()
        self.holes = holes(region.nodes)
        self.held = {value for value in self.readers if self._stays_away(value)}

    def _entries(self) -> list[Value]:
        start = self.region.region.start
        starts = [start] if start is not None else [n for n in self.region.nodes if n.is_source]
        return [value for node in starts for value in node_values(node)]

    def made_in(self, value: Value) -> Stage:
        """The stage that makes a value; the head, for the entries."""
        return self.region.stage_of.get(value.node, self.region.serial[0])

    def _readers(self) -> dict[Value, list[Stage]]:
        readers: dict[Value, dict[Stage, None]] = {}
        for node in self.region.nodes:
            for value in needed(node):
                readers.setdefault(value, {})[self.region.stage_of[node]] = None
        for value in self.results:
            readers.setdefault(value, {})[self.region.serial[-1]] = None
        return {
            value: list(stages)
            for value, stages in readers.items()
            if set(stages) != {self.made_in(value)} or isinstance(self.made_in(value), Parallel)
        }

    def _stays_away(self, value: Value) -> bool:
        """Whether a value is made elsewhere, and read elsewhere."""
        return is_elsewhere(self.made_in(value)) and any(map(is_elsewhere, self.readers[value]))

    def register(self, value: Value) -> str:
        """The name of the value's register."""
        return f"r{self.ids[value.node]}_{value.index}"

    def counter(self, value: Value) -> str:
        """The name of the counter of the value's readers."""
        return f"readers_{self.ids[value.node]}_{value.index}"

    def last_reader(self, value: Value) -> Stage | None:
        """The stage that reads the value when all others have; None if only a counter can tell."""
        readers = self.readers[value]
        if len(readers) == 1:
            return readers[0]
        last = max(
            (s for s in readers if isinstance(s, Serial)), key=lambda s: s.level, default=None
        )
        clones = [stage for stage in readers if isinstance(stage, Parallel)]
        return last if last and all(stage.level < last.level for stage in clones) else None

    @property
    def counters(self) -> dict[str, int]:
        """For each counter: how many stages count it down, readers and signals."""
        counted = {
            self.counter(value): len(stages)
            for value, stages in self.readers.items()
            if self.last_reader(value) is None
        }
        for stage in self.region.parallel:
            if stage.signals > 1:
                counted[f"signals_{stage.number}"] = stage.signals
        return counted

    def releases(self, stage: Stage) -> list[str]:
        """The statements by which a stage lets go of what it has read."""
        lines = []
        for value, readers in self.readers.items():
            if stage not in readers:
                continue
            register, last = f"item.{self.register(value)}", self.last_reader(value)
            if last is stage:
                lines.append(f"{register} = None")
            elif last is None:
                counter = f"item.{self.counter(value)}"
                count = tuple(range(len(readers)))
                lines += [f"if not {counter}.pop():", f"    {register} = None"]
                lines += [f"    {counter}.extend({count})"]
        return lines


def is_elsewhere(stage: Stage) -> bool:
    """Whether a stage has clones in other processes."""
    clones = stage.node.clones if isinstance(stage, Parallel) else None
    return any(isinstance(clone, RayClone) for clone in clones or ())


def holes(nodes: Iterable[Node]) -> set[Value]:
    """The values that may be holes, among those that these nodes make."""
    found: set[Value] = set()
    for node in nodes:
        taken = any(value in found for value in needed(node))
        if taken or makes_holes(node.cell):
            found |= set() if node.emits_many else set(node_values(node))
    return found


def makes_holes(cell: Cell | None) -> bool:
    """Whether a cell may return a hole when it gets values."""
    if cell is None:
        return False
    if isinstance(cell, Pipeline):
        graph = FlatGraph(cell)
        return any(makes_holes(node.cell) for node in graph.nodes)
    return cell.filters or attempts_and_skip(cell.on_error)[1] is not None
