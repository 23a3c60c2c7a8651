"""`statistics`: what a run has done up to now, read from outside while all threads go on."""

from __future__ import annotations

from time import perf_counter, process_time
from typing import TYPE_CHECKING

from torchpipe.engine.ring_part import RingPart
from torchpipe.engine.telemetry.states import States, states
from torchpipe.engine.telemetry.statistics import (
    CellStatistics,
    CloneStatistics,
    PathStatistics,
    Statistics,
)
from torchpipe.engine.telemetry.totals import total

if TYPE_CHECKING:
    from torchpipe.engine.context import Context
    from torchpipe.engine.core import Core
    from torchpipe.engine.part import Part
    from torchpipe.graph.plan import Parallel, Serial


def statistics(core: Core) -> Statistics:
    """A snapshot of a run; after its end, what it had done by then."""
    now, cpu = core.over or (perf_counter(), process_time())
    found = states(core, now)
    parts = [*reversed(core.parts.values())]
    clones = [clone for part in parts for clone in clones_of(part, found, now)]
    cells = [cell for part in parts for cell in cells_of(part, found, now)]
    last = core.plan.way[-1]
    return Statistics(
        time=max(0.0, now - core.began),
        clones=tuple(clones),
        cells=tuple(cells),
        paths=tuple(path_of(part) for part in parts),
        items=core.tail(last).items,
        consumer=found[core.tail(last)].blocked if core.pulled else None,
        cpu=max(0.0, cpu - core.spent),
        window=core.window,
        gpus=core.shared.gpus.statistics(now),
    )


def clones_of(part: Part, found: dict[Context, States], now: float) -> list[CloneStatistics]:
    """The serial stages of a region that have cells, and all clones."""
    clones = []
    for stage in part.plan.serial:
        if any(node.cell is not None for node in stage.nodes):
            context = part.context_of(stage)
            clones.append(alone(context, serial_cell(part, stage, found[context])))
    if isinstance(part, RingPart):
        for parallel in part.plan.parallel:
            clones += [clone(parallel, each.context, now) for each in part.clones[parallel]]
    return clones


def alone(context: Context, cell: CellStatistics) -> CloneStatistics:
    """The work of a serial stage, which is its only clone."""
    return CloneStatistics(
        path=cell.path,
        clone=str(context.clone),
        scaled=False,
        items=cell.items,
        busy=cell.busy,
        starved=cell.starved,
        blocked=cell.blocked,
        cpu=cell.cpu,
    )


def clone(stage: Parallel, context: Context, now: float) -> CloneStatistics:
    """The work of one clone."""
    of, sent, received = total(context, now), *carried(context)
    return CloneStatistics(
        path=stage.node.path,
        clone=str(context.clone),
        scaled=True,
        items=of.items,
        busy=of.busy,
        sent=sent,
        received=received,
        starved=of.starved,
        cpu=of.cpu,
        gpu=of.gpu,
        memory=context.memory(now),
    )


def carried(context: Context) -> tuple[int, int]:
    """Bytes that went to a clone and came from it, if it is in another process."""
    return getattr(context, "sent", 0), getattr(context, "received", 0)


def cells_of(part: Part, found: dict[Context, States], now: float) -> list[CellStatistics]:
    """The serial stages of a region that do anything, and all scaled-up cells, in order."""
    serial = [stage for stage in part.plan.serial if stage.nodes]
    cells = [(s.level, serial_cell(part, s, found[part.context_of(s)])) for s in serial]
    if isinstance(part, RingPart):
        cells += [(s.level, scaled_cell(part, s, now)) for s in part.plan.parallel]
    return [cell for _, cell in sorted(cells, key=lambda pair: (pair[0], pair[1].scaled))]


def serial_cell(part: Part, stage: Serial, of: States) -> CellStatistics:
    """The work of a serial stage."""
    context = part.context_of(stage)
    names = [node.path for node in stage.nodes if node.cell is not None]
    return CellStatistics(
        path=" + ".join(names or ["inputs"]),
        source=str(part.plan.region),
        scaled=False,
        thread=of.thread,
        clones=1,
        items=context.items,
        busy=of.busy,
        starved=of.starved,
        blocked=of.blocked,
        cpu=context.cpu,
        queue=part.ring.ready(stage) if isinstance(part, RingPart) else 0,
        service=context.service.now(),
    )


def scaled_cell(part: RingPart, stage: Parallel, now: float) -> CellStatistics:
    """The work of all clones of a cell."""
    present = [clone.context for clone in part.clones[stage]]
    of = sum((total(context, now) for context in present), part.former[stage].until(now))
    return CellStatistics(
        path=stage.node.path,
        source=str(part.plan.region),
        scaled=True,
        thread="clones",
        clones=len(present),
        items=of.items,
        busy=of.busy,
        starved=of.starved,
        blocked=0.0,
        cpu=of.cpu,
        queue=part.ring.inboxes[stage].qsize(),
        service=of.service,
        gpu=of.gpu,
    )


def path_of(part: Part) -> PathStatistics:
    """How long the items of a region take, and how many are in it."""
    last = [node.path for node in part.plan.serial[-1].nodes if node.cell is not None]
    return PathStatistics(
        source=str(part.plan.region),
        sink="results" if part.gives_results or not last else " + ".join(last),
        items=part.context.items,
        in_flight=part.ring.in_flight if isinstance(part, RingPart) else 0,
        latency=part.latency.now(),
    )
