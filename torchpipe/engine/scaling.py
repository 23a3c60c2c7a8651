"""Live scaling: clones come and go while the pipeline runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from torchpipe.engine.clones import RunningClone, running_clone
from torchpipe.engine.ring_part import RingPart
from torchpipe.errors import RunError
from torchpipe.graph.check import configs
from torchpipe.graph.clone import Clone
from torchpipe.graph.flat import leaves
from torchpipe.graph.plan import Parallel
from torchpipe.graph.scale import is_some

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


def rescale(core: Core, path: str, clones: int | Iterable[Clone]) -> None:
    """Change the clones of the scaled-up cell at this path: see `Run.scale`."""
    part, stage = find(core, path)
    with core.scaling:
        present = part.clones[stage]
        wanted = specifications(clones, present)
        refuse(stage, present, wanted)
        kept = [old for old, new in zip(present, wanted, strict=False) if same(old.clone, new)]
        kept = present[: next((i for i, old in enumerate(present) if old not in kept), len(kept))]
        added = started([running_clone(part, stage, new) for new in wanted[len(kept) :]])
        part.former[stage].add(clone.context for clone in present[len(kept) :])
        for clone in present[len(kept) :]:
            clone.retire()
        part.clones[stage] = kept + added
        core.forget_ended()
        if core.stopped:  # while they were set up: `stop` did not know them yet
            part.stop()


def started(added: list[RunningClone]) -> list[RunningClone]:
    """Wait until the clones are set up; if one fails, call all others back and raise its error."""
    errors = [clone.thread.wait_ready() for clone in added]
    failed = [error for error in errors if error is not None]
    if failed:
        for clone in (clone for clone, error in zip(added, errors, strict=True) if error is None):
            clone.retire()
        raise failed[0]
    return added


def specifications(clones: int | Iterable[Clone], present: list[RunningClone]) -> list[Clone]:
    """One numbered specification per clone that shall be there."""
    if not is_some(clones):
        raise RunError(
            f"cannot scale to {clones!r} clones: give a number, or a list of clones. (That a run "
            f"chooses by itself is for the pipeline to say: tp.ScaleUp(cell, clones='auto').)"
        )
    if not isinstance(clones, int):
        return [replace(clone, index=index) for index, clone in enumerate(clones)]
    known = [clone.clone for clone in present[:clones]]
    more = [replace(present[-1].clone, index=index) for index in range(len(known), clones)]
    return known + more


def same(one: Clone, other: Clone) -> bool:
    """Whether two specifications are of the same kind of clone."""
    return type(one) is type(other) and replace(one, index=0) == replace(other, index=0)


def find(core: Core, path: str) -> tuple[RingPart, Parallel]:
    """The stage of a scaled-up cell."""
    stages = {stage.node.path: (part, stage) for part in core.rings for stage in part.plan.parallel}
    if path in stages:
        return stages[path]
    scaled = [node.path for node in core.graph.nodes if node.clones is not None]
    if path in scaled:
        raise RunError(f"cannot scale {path}: it is in a feedback loop, so it runs item by item.")
    if path in {node.path for node in core.graph.nodes}:
        raise RunError(f"cannot scale {path}: wrap it where it is made, in tp.ScaleUp(...).")
    there = ", ".join(stages) or "none"
    raise RunError(f"there is no scaled-up cell {path!r}; there are: {there}.")


def refuse(stage: Parallel, present: list[RunningClone], wanted: list[Clone]) -> None:
    """Refuse clones that cannot be."""
    path, count = stage.node.path, len(wanted)
    if count < 1:
        raise RunError(f"cannot scale {path} to {count} clones: at least one must run it.")
    kinds = [type(leaf).__name__ for leaf in leaves(stage.node.cell) if leaf.stateful]
    if count > 1 and kinds:
        raise RunError(
            f"cannot scale up '{path}' to {count} clones: {kinds[0]} is stateful, so every item "
            f"must pass through one clone."
        )
    if kinds and not same(present[0].clone, wanted[0]):
        raise RunError(
            f"cannot replace the clone of '{path}' while it runs: {kinds[0]} is stateful, and what "
            f"it remembers is in that clone. Save the run with run.save(path), and load it into a "
            f"run of the pipeline with the other clone."
        )
    for clone in wanted:
        for problem in configs(stage.node, dict(clone.config), str(clone)):
            raise RunError(problem)
