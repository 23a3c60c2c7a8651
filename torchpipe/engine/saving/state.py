"""`state_dict`: all that a run remembers as plain data, taken between two results.

It holds a cut, and what the consumer gets next. Where nothing runs ahead of the consumer, the cut
is just there. Else it is the last one that is whole, and what lies between is run again, and thrown
away. That is exact, as a result depends on nothing but its item and the states before it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torchpipe.engine.position import Start, taking
from torchpipe.engine.remote.failure import Failure
from torchpipe.engine.saving.cut import ALLOWED, Cut, States
from torchpipe.engine.saving.plain import NotPlain, each, packed, with_tensors
from torchpipe.errors import StateError
from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import leaves
from torchpipe.graph.parameter import Parameter, settings

if TYPE_CHECKING:
    from torchpipe.engine.core import Core
    from torchpipe.engine.part import Part

FORMAT, VERSION = "torchpipe run", 1


def state_dict(core: Core) -> dict[str, Any]:
    """All that the run remembers: dicts, lists, numbers, text and tensors.

    Raises:
        StateError: Something cannot be saved.
        RunError: A result is being taken just now.
    """
    before = core.epochs.stamp
    if before[0]:
        raise taking()
    start, cut = place(core)
    if core.epochs.stamp != before:
        raise taking()
    states = {**raised(cut.sources), **raised(cut.states)}
    plain = {
        "format": FORMAT,
        "version": VERSION,
        "seed": core.shared.seed,
        "position": list(start.position),
        "step": start.step,
        "resets": start.resets,
        "regions": regions(start, cut),
        "cells": {path: {"kind": s.kind, "state": s.value} for path, s in states.items()},
        "parameters": parameters(core),
    }
    made: dict[str, Any] = with_tensors(plain)
    return made


def place(core: Core) -> tuple[Start, Cut]:
    """Where the run can go on, and the cut there."""
    epochs, position = core.epochs, core.epochs.position
    if epochs.next is not None:
        return epochs.next, present(core, epochs.source_states())
    if epochs.over:
        cut = present(core, epochs.source_states())
        cut.numbers = dict.fromkeys(cut.numbers, 0)
        return replace(Start.of(position.epoch), resets=True), cut
    now = replace(epochs.current, position=position, resets=False)
    if core.cuts is None:
        ended, pending = settled(core)
        return replace(now, ended=ended, pending=pending), present(core, epochs.sources)
    cut = core.cuts.last
    if cut.numbers[""] > now.item:  # those that were there at the start of the epoch are gone
        now = replace(now, ended=frozenset(), pending={})
    return now, cut


def present(core: Core, sources: States) -> Cut:
    """The cut where the run is, while no stateful cell runs ahead.

    Args:
        core: The run.
        sources: What the stateful sources remember.
    """
    cut = Cut(sources=sources)
    for plan, part in core.parts.items():
        context = part.context if part.pulled else part.context_of(plan.serial[0])
        cut.numbers[plan.key] = context.number + context.step
    for cells in core.all_cells():
        cut.add(cells)
    return cut


def settled(core: Core) -> tuple[frozenset[str], dict[str, list[Any]]]:
    """Let each cell that starts a region be done with its item; what it gives is kept.

    A cell that collects has nothing more to give, once it has yielded.

    Returns:
        The regions whose stream has ended; and what those below have not taken.
    """
    ended, pending = set(), {}
    for part, stream in core.epochs.above:
        state, inside = inspect.getgeneratorstate(stream), inspect.getgeneratorlocals(stream)
        settle(core, part, inside.get("given", ()))
        if part.flushed or state == inspect.GEN_CLOSED or inside.get("ended"):
            ended.add(part.plan.key)
        assert part.way is not None
        pending[part.way.path] = list(part.pending)
    return frozenset(ended), pending


def settle(core: Core, part: Part, given: Iterable[Any]) -> None:
    """Let a cell that starts a region be done with its item."""
    try:
        part.pending.extend(given)
    except BaseException as error:
        assert part.way is not None
        raise core.failed(part.context.blamed(error, part.way.path, part.context.number)) from None


def regions(start: Start, cut: Cut) -> dict[str, Any]:
    """Where each region is, as plain data."""
    found = {}
    for key, number in cut.numbers.items():
        try:
            pending = each(enumerate(start.pending.get(key, ())))
        except NotPlain as error:
            raise refused(f"what {key} has given{error.place}", error) from None
        found[key] = {"number": number, "ended": key in start.ended, "pending": pending}
    return found


def raised(states: States) -> States:
    """The states, if all could be taken.

    Raises:
        Exception: The first error.
    """
    for state in states.values():
        if state.error is not None:
            raise state.error.error() if isinstance(state.error, Failure) else state.error
    return states


def parameters(core: Core) -> dict[str, dict[str, Any]]:
    """The values of all live parameters, as plain data."""
    found: dict[str, dict[str, Any]] = {}
    for path, cell in definitions(core).items():
        for name in settings(cell, Parameter):
            try:
                found.setdefault(path, {})[name] = packed(getattr(cell, name))
            except NotPlain as error:
                raise refused(f"{path}.{name}{error.place}", error) from None
    return found


def refused(what: str, error: NotPlain) -> StateError:
    """The error for a value that cannot be saved."""
    return StateError(f"cannot save {what}: it is {error.what}. {ALLOWED}")


def definitions(core: Core) -> dict[str, Cell]:
    """All cells of the pipeline, by path."""
    return {leaf.path: leaf for node in core.graph.nodes for leaf in leaves(node.cell)}
