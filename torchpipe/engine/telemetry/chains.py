"""Which stages share a thread: those that pull from one another, and those that others call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torchpipe.engine.ring_part import RingPart

if TYPE_CHECKING:
    from torchpipe.engine.context import Context
    from torchpipe.engine.core import Core
    from torchpipe.engine.part import Part


@dataclass
class Chain:
    """The stages of one thread, each of which pulls from the one before it.

    Attributes:
        thread: Its name.
        members: The last stage of a ring, and the regions without clones after it.
        head: The head of the next ring, which pulls from the last of them; None for the consumer.
    """

    thread: str
    members: list[Context] = field(default_factory=list)
    head: Context | None = None


def chains(core: Core) -> list[Chain]:
    """All chains on the way to the results; the consumer's is the last."""
    found: list[Chain] = []
    members: list[Context] = []
    for plan in core.pulled:
        part = core.parts[plan]
        if isinstance(part, RingPart):
            head = part.context_of(plan.serial[0])
            found.append(Chain(f"source {plan.key}".strip(), members, head))
            members = []
        members.append(part.context)
    return [*found, Chain("consumer", members)] if core.pulled else []


def pushed(core: Core) -> dict[Context, list[Part]]:
    """The regions beside the way to the results, by the record of the stage that calls them."""
    found: dict[Context, list[Part]] = {}
    for plan in core.plan.regions:
        start = plan.region.start
        if start is not None and plan not in core.pulled:
            above = core.plan.regions[core.plan.numbering.taken[start].index]
            caller = core.parts[above].context_of(above.stage_of[start])
            found.setdefault(caller, []).append(core.parts[plan])
    return found
