"""`Route`: how items come into a run, and results out of it: what is pulled, and what is pushed."""

from __future__ import annotations

from torchpipe.graph.flat import Node, Value
from torchpipe.graph.plan import Plan, RegionPlan


class Route:
    """Which regions of a plan are pulled, which are pushed, and which of them gives the results.

    Args:
        plan: The compiled pipeline.
        stream: Whether an open pipeline takes a stream of items: see `Options`.

    Attributes:
        submitting: Whether items are submitted, each for a result of its own.
        replying: Whether each of these may give several results.
        pulled: The regions that are pulled, the one that gives the results last.
        onward: The cells that start a region to which the parts of a reply go on.
    """

    def __init__(self, plan: Plan, stream: bool | None):
        self.plan = plan
        stream = not plan.one_to_one if stream is None else stream
        self.submitting = plan.graph.entry is not None and not stream
        self.replying = self.submitting and not plan.one_to_one
        self.pulled = [] if self.submitting else plan.way
        onward = plan.way[1:] if self.replying else []
        self.onward = frozenset(start for region in onward if (start := region.region.start))

    def has_replies(self, region: RegionPlan) -> bool:
        """Whether the items of a region are parts of replies."""
        return self.replying and region in self.plan.way

    def results_in(self, region: RegionPlan) -> list[Value]:
        """The results of the pipeline, if they are values of this region."""
        return list(self.plan.graph.results) if region is self.plan.way[-1] else []

    def below(self, region: RegionPlan) -> Node | None:
        """The cell that starts the region which pulls from this one, if there is one."""
        if region not in self.pulled[:-1]:
            return None
        return self.pulled[self.pulled.index(region) + 1].region.start

    def above(self, region: RegionPlan) -> RegionPlan | None:
        """The region that this one is pulled from, if there is one."""
        if region not in self.pulled[1:]:
            return None
        return self.pulled[self.pulled.index(region) - 1]

    def counts(self, region: RegionPlan) -> RegionPlan:
        """Whose last stage knows on which item of the first region a pulled one works."""
        while (above := self.above(region)) is not None and not region.parallel:
            region = above  # they are in step
        return region
