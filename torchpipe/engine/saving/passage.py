"""`Passage`: how cuts pass a region, from its first stage to its last, and on to other regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torchpipe.engine.item import Item
from torchpipe.engine.saving.cut import Cut, Cuts, remembers
from torchpipe.engine.threads import Cells
from torchpipe.graph.flat import Node, leaves
from torchpipe.graph.plan import Plan, RegionPlan, Serial

if TYPE_CHECKING:
    from torchpipe.engine.part import Part

Mark = Callable[[Cut], None]


class Passage:
    """The passage through one region.

    Attributes:
        arriving: A cut that has come to this region, and waits for the next item.
        marks: Each serial stage that has something to add to a cut, and what adds it.
    """

    def __init__(self, part: Part, cuts: Cuts):
        self.part, self.cuts = part, cuts
        self.key = part.plan.key
        self.arriving: Cut | None = None
        self.marks: dict[Serial, Mark] = {}
        for stage in part.plan.serial:
            mark = self._mark_of(stage)
            if mark is not None:
                self.marks[stage] = mark

    def _mark_of(self, stage: Serial) -> Mark | None:
        """What adds the states of a stage's cells, and sends a cut to the regions beside it."""
        placed = self.part.fused.placed(stage.nodes)
        cells = Cells([pair for pair in placed if remembers(pair[1])], self.part.context)
        sides = [self._passage_from(node) for node in stage.nodes if self._leads_aside(node)]
        if not cells.cells and not sides:
            return None

        def mark(cut: Cut) -> None:
            cut.add(cells)
            for side in sides:
                side.take(cut)

        return mark

    def _leads_aside(self, node: Node) -> bool:
        return node.emits_many and node is not self.part.way

    def _passage_from(self, start: Node) -> Passage:
        parts = self.part.core.parts.values()
        found = next(part.passage for part in parts if part.plan.region.start is start)
        assert found is not None
        return found

    def _mark(self, stage: Serial, cut: Cut) -> None:
        if stage in self.marks:
            self.marks[stage](cut)

    def take(self, cut: Cut) -> None:
        """Take a cut before the next item that is pushed."""
        context, plan = self.part.context, self.part.plan
        if plan.parallel:
            self.arriving = cut
        else:
            cut.numbers[self.key] = context.number + context.step
            self._mark(plan.serial[0], cut)

    def enter(self, number: int) -> Cut | None:
        """The cut before this item, if there is one, with what the first stage remembers."""
        if self.key:
            cut, self.arriving = self.arriving, None
        else:
            cut = self.cuts.new(number, self.part.context.step)
        if cut is not None:
            cut.numbers[self.key] = number
            self._mark(self.part.plan.serial[0], cut)
        return cut

    def leave(self, item: Item) -> None:
        """The cut before this item has come to the last stage."""
        cut, item.cut = item.cut, None
        self._mark(self.part.plan.serial[-1], cut)
        self._pass_on(cut)

    def cross(self, number: int) -> None:
        """Let a cut pass that may be before this item, where there is one stage only."""
        cut = self.enter(number)
        if cut is not None:
            self._pass_on(cut)

    def _pass_on(self, cut: Cut) -> None:
        if self.part.way is None:
            self.cuts.reached(cut, self.key)
        else:
            self._passage_from(self.part.way).arriving = cut


def cuts_for(plan: Plan, pulled: list[RegionPlan], window: int) -> Cuts | None:
    """What makes the cuts of a run; None if its consumer is in step with all that is stateful."""
    if not pulled or in_step(plan, pulled):
        return None
    ends = [region for region in plan.regions if region is pulled[-1] or region not in pulled]
    return Cuts(window, [region.key for region in ends if region is pulled[-1] or region.parallel])


def in_step(plan: Plan, pulled: list[RegionPlan]) -> bool:
    """Whether all stateful cells run in the consumer's thread, and no cell that spreads does.

    A stateful cell that yields collects: when it has yielded, it is done with its item, or can be.
    """
    stages = consumed(plan, pulled)
    stateful = [
        region.stage_of[node]
        for region in plan.regions
        for node in region.nodes
        if any(map(remembers, leaves(node.cell)))
    ]
    starts = [region.region.start for region in pulled[1:]]
    beside = [region for region in plan.regions if region not in pulled]
    return (
        all(stage in stages for stage in stateful)
        and all(start and start.cell and start.cell.stateful for start in starts)
        and all(region.serial[-1] in stages and not region.parallel for region in beside)
    )


def consumed(plan: Plan, pulled: list[RegionPlan]) -> list[Serial]:
    """The stages that run in the consumer's thread."""
    scaled = [index for index, region in enumerate(pulled) if region.parallel]
    own = pulled[scaled[-1] if scaled else 0 :]
    stages = [region.serial[-1] for region in own]
    for region in plan.regions:
        start = region.region.start
        if region not in pulled and start is not None and not region.parallel:
            above = plan.regions[plan.numbering.taken[start].index]
            stages += [region.serial[0]] if above.stage_of[start] in stages else []
    return stages
