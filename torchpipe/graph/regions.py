"""Loops and regions of a flat graph: which cells share one numbering of items.

A cell that yields numbers its outputs anew, and so starts a *region*. All other cells keep the
numbering of their inputs: filtered and skipped items leave holes in it. Cells in a loop, closed by
`Feedback`, belong together: they run in one stage, one item at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from torchpipe.graph.flat import FlatGraph, Node


@dataclass(eq=False)
class Region:
    """Cells that share one item numbering.

    Attributes:
        index: Its number; the first region is 0.
        start: The cell that emits its items, in the region above; None for the first region.
        name: What numbers its items: the start; or the sources and arguments.
        nodes: The cells of the region, each after those that it depends on.
    """

    index: int
    start: Node | None
    name: str
    nodes: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return self.name


class Numbering:
    """The loops, the order and the regions of a flat graph, and what is wrong with them.

    Attributes:
        loop_of: The nodes that share a feedback loop with a node; alone, if it is in none.
        order: All nodes, each after those that it depends on.
        regions: All regions; the first holds the sources and the arguments.
        taken, given: The region whose items a node takes, and the one whose items it gives.
        findings: Cycles without `Feedback`, and joins of different regions.
    """

    def __init__(self, graph: FlatGraph):
        self.findings: list[str] = []
        self.loop_of = loops(graph.nodes)
        self._refuse_cycles(graph.nodes)
        self.order = sorted_by_need(graph.nodes, self.loop_of)
        sources = [str(node) for node in graph.nodes if node.is_source]
        self.regions = [Region(0, None, " and ".join(sources))]
        self.taken: dict[Node, Region] = {}
        self.given: dict[Node, Region] = {}
        for node in self.order:
            if node not in self.taken:
                self._number(self.loop_of[node])
        for node in self.order:
            self.taken[node].nodes.append(node)

    def is_recurrent(self, node: Node) -> bool:
        """Whether the node is a `Feedback` that closes a loop; any other is a plain delay."""
        return node.is_feedback and (len(self.loop_of[node]) > 1 or node in node.parents)

    def _refuse_cycles(self, nodes: Iterable[Node]) -> None:
        for loop in dict.fromkeys(self.loop_of.values()):
            rest = [node for node in nodes if node in loop and not node.is_feedback]
            inner = loops(rest)
            cyclic = [node.path for node in rest if len(inner[node]) > 1 or node in node.parents]
            if cyclic:
                whose = "each needs the result of the others" if cyclic[1:] else "it needs its own"
                self.findings.append(
                    f"cannot order {', '.join(cyclic)}: {whose} at the same item. Put a "
                    f"tp.Feedback(initial) into the cycle, to use the result of the item before."
                )

    def _number(self, loop: frozenset[Node]) -> None:
        """Give a node, with all others of its loop, the region that its inputs come from."""
        given = {
            self.given[parent]: parent
            for node in self.order
            if node in loop
            for parent in node.parents
            if parent not in loop
        }
        self._refuse_join(loop, given)
        region = next(iter(given), self.regions[0])
        for node in (node for node in self.order if node in loop):
            self.taken[node] = self.given[node] = region
            if node.emits_many:
                self._refuse_looped(node, loop)
                self.given[node] = Region(len(self.regions), node, node.path)
                self.regions.append(self.given[node])

    def _refuse_join(self, loop: frozenset[Node], given: dict[Region, Node]) -> None:
        if len(given) > 1:
            where = ", ".join(node.path for node in self.order if node in loop)
            starts = " and ".join(map(str, given))
            before = " and ".join(region.name for region in given if region.start is not None)
            self.findings.append(
                f"cannot join {' and '.join(map(str, given.values()))} in {where}: their items are "
                f"numbered differently, by {starts}. Join them before {before}, and pass on "
                f"together what belongs together."
            )

    def _refuse_looped(self, node: Node, loop: frozenset[Node]) -> None:
        if len(loop) > 1:
            self.findings.append(
                f"cannot have {node.path} in a feedback loop: it emits any number of items for "
                f"each that it takes, so there is no previous item. Close the loop before or after "
                f"it."
            )


def loops(nodes: Iterable[Node]) -> dict[Node, frozenset[Node]]:
    """For each node, all nodes that it both reaches and is reached from, itself included."""
    nodes = list(nodes)
    above = {node: ancestors(node, set(nodes)) for node in nodes}
    return {
        node: frozenset({node} | {other for other in above[node] if node in above[other]})
        for node in nodes
    }


def ancestors(node: Node, among: set[Node]) -> set[Node]:
    """All nodes from which this one can be reached."""
    found: set[Node] = set()
    todo = [parent for parent in node.parents if parent in among]
    while todo:
        parent = todo.pop()
        if parent not in found:
            found.add(parent)
            todo += [above for above in parent.parents if above in among]
    return found


def sorted_by_need(nodes: list[Node], loop_of: dict[Node, frozenset[Node]]) -> list[Node]:
    """The nodes, each after those that it depends on, those of a loop side by side."""
    ordered: dict[Node, None] = {}

    def place(node: Node) -> None:
        if node in ordered:
            return
        members = [other for other in nodes if other in loop_of[node]]
        for parent in (parent for member in members for parent in member.parents):
            if parent not in loop_of[node]:
                place(parent)
        for member in members:
            place_inside(member, ())

    def place_inside(node: Node, under_way: tuple[Node, ...]) -> None:
        if node in ordered or node in under_way:
            return
        inside = [] if node.is_feedback else node.parents
        for parent in inside:
            if parent in loop_of[node]:
                place_inside(parent, (*under_way, node))
        ordered[node] = None

    for node in nodes:
        place(node)
    return list(ordered)
