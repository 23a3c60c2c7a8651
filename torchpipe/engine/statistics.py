"""What each thread of a run has done so far, as frozen objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


@dataclass(frozen=True)
class CloneStatistics:
    """The work of one clone of a scaled-up cell, or of the fused cells of one serial stage.

    Attributes:
        path: The path of the cell, or of all cells of the stage, joined by " + ".
        clone: The clone, as text.
        scaled: Whether it is a clone of a scaled-up cell.
        items: Items done so far, in all epochs.
        busy: Seconds spent in the cells so far.
        sent: Bytes that were sent to the clone, if it is in another process.
        received: Bytes that came from it. Results that clones elsewhere need are not counted: they
            stay where they are.
    """

    path: str
    clone: str
    scaled: bool
    items: int
    busy: float
    sent: int = 0
    received: int = 0


def statistics(core: Core) -> tuple[CloneStatistics, ...]:
    """A snapshot of all clones and serial stages."""
    found = []
    for part in reversed(core.parts.values()):
        for stage in part.plan.serial:
            nodes = [node.path for node in stage.nodes if node.cell is not None]
            context = part.context_of(stage)
            items, busy = context.items, context.busy_now() / 1e9
            if nodes:
                path = " + ".join(nodes)
                found.append(CloneStatistics(path, str(context.clone), False, items, busy))
        for parallel, clones in getattr(part, "clones", {}).items():
            for clone in clones:
                counted, path = clone.context, parallel.node.path
                text, busy = str(clone.clone), counted.busy_now() / 1e9
                sent, received = getattr(counted, "sent", 0), getattr(counted, "received", 0)
                items = counted.done
                found.append(CloneStatistics(path, text, True, items, busy, sent, received))
    return tuple(found)
