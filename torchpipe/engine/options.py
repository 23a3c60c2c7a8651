"""`Options`: how a run shall be, as whoever starts it says; and what is refused at once."""

from __future__ import annotations

from dataclasses import dataclass

from torchpipe.engine.devices import refuse_missing
from torchpipe.engine.results import refuse_collecting
from torchpipe.engine.session import refuse_sessions
from torchpipe.errors import RunError
from torchpipe.graph.plan import Plan


@dataclass(frozen=True)
class Options:
    """How a run shall be: `Run` says more of each.

    Attributes:
        window: Most items alive in a region.
        items: Most items to read from each source in an epoch, or None.
        seed: The seed of the run.
        stream: Whether an open pipeline takes a stream of items, rather than requests. None: if one
            of them may give several results.
        stall_after: Seconds without progress until a warning, or None.
        stop_after: Longest time in seconds to wait for calls that are running when it stops, or
            None.
        ray_address: Which Ray cluster to join, or None.
        sessions: Most sessions at a time; 0 if there are none.
    """

    window: int
    items: int | None
    seed: int
    stream: bool | None
    stall_after: float | None
    stop_after: float | None
    ray_address: str | None
    sessions: int


def refuse_impossible(plan: Plan, options: Options) -> None:
    """Refuse what this pipeline cannot be run with, before anything starts.

    Raises:
        CheckError: It cannot take requests or have sessions, or a device is not there.
        RunError: A number is too small.
    """
    path = plan.graph.pipeline.path
    refuse_sessions(path, plan, options.sessions, options.stream)
    if options.stream is False and not plan.one_to_one:
        refuse_collecting(path, plan)
    refuse_missing(path, plan)
    window, items = options.window, options.items
    if window < 1:
        raise RunError(f"cannot run with window={window}: at least one item must be alive.")
    if items is not None and items < 0:
        raise RunError(f"cannot run with items={items}: give 0 or more, or None for all.")
