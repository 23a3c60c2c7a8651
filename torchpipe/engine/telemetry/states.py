"""`States`: how long each serial stage was starved, busy and blocked.

Only a few times are measured, where threads start and end to wait; all others follow from them
here. For each kind of thread, what is measured, and what the rest of its time is:

    clone                      busy                 the rest: starved
    serial stage in a thread   busy                 the rest: starved
    head of a ring             busy, and the waits  the rest: blocked, without a credit
                               of what it pulls
    tail, or inline region     busy, waits          the rest: blocked, by whoever pulls
    entry of a ring            busy, waits for      the rest: starved
                               a credit: blocked

A stage that calls others counts their time as its own: here it is taken off again, and the stage
is blocked meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torchpipe.engine.telemetry.chains import Chain, chains, pushed

if TYPE_CHECKING:
    from torchpipe.engine.context import Context
    from torchpipe.engine.core import Core
    from torchpipe.engine.part import Part
    from torchpipe.graph.plan import Serial


class States(NamedTuple):
    """Seconds in each state, and the name of the thread."""

    thread: str
    busy: float
    starved: float
    blocked: float

    @property
    def settled(self) -> States:
        """The same, none of them below zero, and as much together.

        An interval may have ended between `now` and the moment at which it was read.
        """
        life = max(0.0, self.busy + self.starved + self.blocked)
        spent = [max(0.0, seconds) for seconds in self[1:]]
        share = life / sum(spent) if any(spent) else 0.0
        return States(self.thread, *(share * seconds for seconds in spent))


def states(core: Core, now: float) -> dict[Context, States]:
    """Those of each serial stage, by the record of its work."""
    return {context: found.settled for context, found in Moment(core, now).states.items()}


class Moment:
    """Works out the states of all serial stages at one moment."""

    def __init__(self, core: Core, now: float):
        self.core, self.now = core, now
        self.callees = pushed(core)
        self.states: dict[Context, States] = {}
        for part in core.parts.values():
            for stage in part.plan.serial:
                self._alone(part, stage)
        for chain in chains(core):
            self._chain(chain)
        if core.submitting:
            self._entry(core.parts[core.plan.way[0]], "caller")
        for caller in [*self.callees]:  # those of outer regions come first
            for part in self.callees[caller]:
                self._entry(part, self.states[caller].thread)

    def _called(self, context: Context) -> float:
        """Seconds in the regions that this stage calls."""
        first = [part.context_of(part.plan.serial[0]) for part in self.callees.get(context, ())]
        return sum(c.busy_until(self.now) + c.waited_until(self.now) for c in first)

    def _alone(self, part: Part, stage: Serial) -> None:
        """A stage in a thread of its own: it starves while it does not work."""
        context, called = part.context_of(stage), self._called(part.context_of(stage))
        measured, life = context.busy_until(self.now), context.life_until(self.now)
        name = "tail" if stage is part.plan.serial[-1] else f"stage {stage.level}"
        thread = f"{name} {part.plan.key}".strip()
        settles = name == "tail" and part.plan.parallel
        full = context.waited_until(self.now) if settles else 0.0  # no room in a reply
        rest = life - measured - full
        self.states[context] = States(thread, measured - called, rest, called + full)

    def _entry(self, part: Part, thread: str) -> None:
        """The first stage of a region that somebody puts items into, in their thread."""
        context = part.context_of(part.plan.serial[0])
        found, waited = self.states[context], context.waited_until(self.now)
        blocked, starved = found.blocked + waited, found.starved - waited
        self.states[context] = States(thread, found.busy, starved, blocked)

    def _chain(self, chain: Chain) -> None:
        """Stages of one thread: each starves while those before it wait or work."""
        before = chain.members[0].waited_until(self.now) if chain.members else 0
        for context in chain.members:
            blocked = context.life_until(self.now) - self.states[context].busy - before
            self.states[context] = States(chain.thread, self.states[context].busy, before, blocked)
            before += context.busy_until(self.now)
        if chain.head is not None:
            busy = self.states[chain.head].busy - before
            blocked = chain.head.life_until(self.now) - busy - before
            self.states[chain.head] = States(chain.thread, busy, before, blocked)
