"""The plan: which cells run together, who waits for whom, and when a value is let go.

Within a region, scaled-up cells are *parallel stages*. All others are fused into *serial stages*:
each cell runs as late as the graph allows, in the last serial stage before a scaled-up cell that
needs it, or else in the very last. Serial stages take the items in order; a parallel stage takes an
item when all that it needs is there.

    head (stage 0)  ->  parallel stages of level 0  ->  stage 1  ->  ...  ->  tail (last stage)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from torchpipe.graph.clone import RayClone
from torchpipe.graph.flat import FlatGraph, Node, Value, leaves
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.regions import Numbering, Region


@dataclass(eq=False)
class Parallel:
    """A scaled-up cell.

    Attributes:
        node: Its node.
        level: It runs after serial stage `level` and before the next one.
        number: Its position among the parallel stages of the region.
        ordered: Whether it must get items in order (a stateful cell with one clone).
        parents: The parallel stages that hand items to it.
        fed_by: The serial stage that hands items to it, or None if only `parents` do.
    """

    node: Node
    level: int
    number: int
    ordered: bool = False
    parents: list[Parallel] = field(default_factory=list)
    fed_by: Serial | None = None

    @property
    def signals(self) -> int:
        """How many stages must be done with an item before this one may take it."""
        return len(self.parents) + (self.fed_by is not None)


@dataclass(eq=False)
class Serial:
    """Cells that run one after the other, item by item, in order.

    Attributes:
        level: Its place in the chain of serial stages.
        nodes: Its cells, each after those that it depends on.
        awaits: The parallel stages that must be done with an item before it starts on it.
        feeds: The parallel stages that it hands items to, when it is done with them.
    """

    level: int
    nodes: list[Node] = field(default_factory=list)
    awaits: list[Parallel] = field(default_factory=list)
    feeds: list[Parallel] = field(default_factory=list)


class RegionPlan:
    """The stages of one region.

    Attributes:
        serial: The serial stages: the head first, the tail last; one stage if nothing is scaled.
        parallel: The parallel stages, each after its parents.
        stage_of: The stage of each node.
    """

    def __init__(self, region: Region, numbering: Numbering):
        self.region = region
        self.numbering = numbering
        self.nodes = region.nodes
        earliest = self._earliest()
        self.last = max((at + self.is_parallel(node) for node, at in earliest.items()), default=0)
        self.parallel = [
            Parallel(node, earliest[node], number, ordered=stateful(node))
            for number, node in enumerate(node for node in self.nodes if self.is_parallel(node))
        ]
        self.stage_of: dict[Node, Serial | Parallel] = {
            stage.node: stage for stage in self.parallel
        }
        self.serial = self._serial_stages(earliest)
        self._connect()

    def is_parallel(self, node: Node) -> bool:
        """Whether the node runs in clones; within a feedback loop it runs item by item instead."""
        return node.clones is not None and len(self.numbering.loop_of[node]) == 1

    def parents(self, node: Node) -> list[Node]:
        """The parents in this region, other than the recurrent ones."""
        if self.numbering.is_recurrent(node):
            return []
        return [parent for parent in node.parents if parent in self._own]

    @cached_property
    def _own(self) -> set[Node]:
        """The nodes that give values of this region and are not its start."""
        return {node for node in self.nodes if self.numbering.given[node] is self.region}

    def _earliest(self) -> dict[Node, int]:
        """How many parallel stages, at most, lie on a way to each node."""
        level: dict[Node, int] = {}
        for node in self.nodes:
            for member in self.numbering.loop_of[node]:
                ways = [
                    level[parent] + self.is_parallel(parent)
                    for parent in self.parents(member)
                    if parent in level
                ]
                level[node] = max([level.get(node, 0), *ways])
        for node in self.nodes:
            level[node] = max(level[member] for member in self.numbering.loop_of[node])
        return level

    def _latest(self, earliest: dict[Node, int]) -> dict[Node, int]:
        """The last level at which each serial node can run for the stages that need it."""
        level: dict[Node, int] = {}
        for node in reversed(self.nodes):
            needed = [
                earliest[child] if self.is_parallel(child) else level[child]
                for child in self.nodes
                if node in self.parents(child) and (self.is_parallel(child) or child in level)
            ]
            level[node] = min(needed, default=self.last)
        together = {node: self.numbering.loop_of[node] for node in self.nodes}
        return {
            node: 0 if node.is_source else min(level[other] for other in together[node])
            for node in self.nodes
        }

    def _serial_stages(self, earliest: dict[Node, int]) -> list[Serial]:
        """Head and tail, and between them the stages that have cells or must restore the order."""
        latest = self._latest(earliest)
        fused = [node for node in self.nodes if not self.is_parallel(node)]
        levels = {0, self.last} | {latest[node] for node in fused}
        levels |= {stage.level for stage in self.parallel if stage.ordered}
        stages = {level: Serial(level) for level in sorted(levels)}
        for node in fused:
            stages[latest[node]].nodes.append(node)
            self.stage_of[node] = stages[latest[node]]
        return list(stages.values())

    def _connect(self) -> None:
        """Say who waits for whom, and who hands items to whom."""
        for stage in self.parallel:
            next(later for later in self.serial if later.level > stage.level).awaits.append(stage)
            above = {self.stage_of[parent]: parent for parent in self.parents(stage.node)}
            if stage.ordered:
                stage.fed_by = next(s for s in self.serial if s.level == stage.level)
            else:
                stage.parents = [parent for parent in above if isinstance(parent, Parallel)]
                fused = [parent for parent in above if isinstance(parent, Serial)]
                fused += [] if above else self.serial[:1]
                stage.fed_by = max(fused, key=lambda s: s.level, default=None)
            if stage.fed_by is not None:
                stage.fed_by.feeds.append(stage)

    @property
    def key(self) -> str:
        """The path of the cell that starts the region; "" for the first one."""
        return "" if self.region.start is None else self.region.start.path

    @property
    def starts(self) -> list[Node]:
        """The cells of this region that start another one."""
        return [node for node in self.nodes if self.numbering.given[node] is not self.region]


def stateful(node: Node) -> bool:
    """Whether a node's cell, or one inside it, must get every item in order."""
    return any(leaf.stateful for leaf in leaves(node.cell))


class Plan:
    """A pipeline compiled to regions and stages.

    Attributes:
        regions: One plan for each region; the first holds the sources and the arguments.
        way: The regions from the first to the one that holds the results.
    """

    def __init__(self, pipeline: Pipeline):
        self.graph = FlatGraph(pipeline)
        self.numbering = Numbering(self.graph)
        self.regions = [RegionPlan(region, self.numbering) for region in self.numbering.regions]
        self.way = self._way()

    def _way(self) -> list[RegionPlan]:
        results = [value for value in self.graph.results if isinstance(value, Value)]
        region = self.numbering.given[results[0].node] if results else self.numbering.regions[0]
        way = [self.regions[region.index]]
        while way[0].region.start is not None:
            way.insert(0, self.regions[self.numbering.taken[way[0].region.start].index])
        return way

    @property
    def one_to_one(self) -> bool:
        """Whether each item in gives one item out (or a hole)."""
        return len(self.way) == 1

    @property
    def is_scaled(self) -> bool:
        """Whether anything runs in clones."""
        return any(region.parallel for region in self.regions)

    @property
    def default_window(self) -> int:
        """What the pipeline says; or else 8 for each clone of the largest stage, and at least 64.

        With clones in other processes at least 128: for each of them many items are on their way.
        """
        if self.graph.pipeline.window is not None:
            return self.graph.pipeline.window
        stages = [s.node.clones or () for region in self.regions for s in region.parallel]
        elsewhere = any(isinstance(clone, RayClone) for clones in stages for clone in clones)
        auto = [s.node.most or 0 for region in self.regions for s in region.parallel]
        return max(128 if elsewhere else 64, 8 * max([*map(len, stages), *auto], default=0))
