"""`Totals`: the work of some clones together, those that have left included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torchpipe.engine.telemetry.distribution import Distribution

if TYPE_CHECKING:
    from torchpipe.engine.context import Context


@dataclass(frozen=True)
class Totals:
    """What clones have done: items, seconds, and how long items took."""

    items: int = 0
    busy: float = 0.0
    starved: float = 0.0
    cpu: float | None = None
    service: Distribution = field(default_factory=Distribution)
    gpu: float | None = None

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.items + other.items,
            self.busy + other.busy,
            self.starved + other.starved,
            added(self.cpu, other.cpu),
            self.service + other.service,
            added(self.gpu, other.gpu),
        )


def added(one: float | None, other: float | None) -> float | None:
    """The sum of what is known."""
    known = [value for value in (one, other) if value is not None]
    return sum(known) if known else None


def total(context: Context, now: float) -> Totals:
    """What one clone has done."""
    life = context.life_until(now)
    busy = min(context.busy_until(now), life)  # an interval may have ended since `now`
    gpu = context.gpu_until(now)
    return Totals(context.done, busy, life - busy, context.cpu, context.service.now(), gpu)


class Former:
    """What clones that were called back have done.

    Those that still finish an item are looked at, until they are gone.
    """

    def __init__(self) -> None:
        self.gone = Totals()
        self.leaving: list[Context] = []

    def add(self, contexts: Iterable[Context]) -> None:
        """These clones were called back."""
        ended = [context for context in self.leaving if context.ended is not None]
        self.leaving = [context for context in self.leaving if context.ended is None]
        self.leaving += contexts
        for context in ended:
            self.gone += total(context, context.ended or 0.0)

    def until(self, now: float) -> Totals:
        """What they have done so far."""
        return sum((total(context, now) for context in self.leaving), self.gone)
