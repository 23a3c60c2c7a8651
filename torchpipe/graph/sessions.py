"""What keeps a pipeline from having sessions: several streams at once, each with its own state."""

from __future__ import annotations

from collections.abc import Iterator

from torchpipe.graph.clone import RayClone
from torchpipe.graph.flat import Node
from torchpipe.graph.plan import Plan, stateful


def session_findings(plan: Plan) -> list[str]:
    """Why the pipeline cannot have sessions: one sentence for each problem."""
    if plan.graph.entry is None:
        return [
            "cannot have sessions: the pipeline has no inputs, its sources give the items. Give "
            "`build` an argument."
        ]
    if not plan.one_to_one:
        return [
            f"cannot have sessions: {plan.way[-1].key} yields, so no result belongs to an item. "
            f"Let it give one list for each."
        ]
    return [finding for node in plan.graph.nodes for finding in findings_at(node, plan)]


def findings_at(node: Node, plan: Plan) -> Iterator[str]:
    """Why one of its cells cannot have sessions."""
    if node.cell is None:
        return
    if node.is_source:
        yield (
            f"cannot have sessions with the source {node.path}: it gives one value for each item, "
            f"whatever session that is of. Submit the value with the item."
        )
    elif stateful(node):
        for why in reasons(node, plan):
            yield f"cannot have sessions in {node.path}: it is stateful, and {why}"


def reasons(node: Node, plan: Plan) -> Iterator[str]:
    """Why a stateful cell cannot be another one for each session."""
    assert node.cell is not None
    region = plan.numbering.taken[node]
    if region.index:
        yield f"its items are numbered by {region.name}, which yields. Put it before that."
    elif node.emits_many:
        yield "it yields, so what follows it is one stream. Let it give one list for each item."
    clones = node.clones if plan.regions[region.index].is_parallel(node) else None
    if any(isinstance(clone, RayClone) for clone in clones or ()):
        yield "its clone is in another process. Let it be a tp.ThreadClone."
    if node.cell.batching is not None:
        yield "takes items of several sessions in one call. Set batching to None."
