"""`torchpipe profile`: run a pipeline, plan its clones, run it with them, see what that gives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, NamedTuple

from torchpipe.engine.planning.planned import planned
from torchpipe.engine.planning.report import Report
from torchpipe.engine.run import Run
from torchpipe.errors import UsageError
from torchpipe.graph.flat import leaves
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.scale import ScaleUp

ROUNDS = 4
"""Plans to try, at most: service times change a little with the clones, and the plan with them."""


class Tried(NamedTuple):
    """The clones of each cell, and what they gave."""

    clones: dict[str, int]
    report: Report

    @property
    def rate(self) -> float:
        """Results per second."""
        return self.report.period.rate


def profiled(pipeline: Pipeline, budget: int | None, seconds: float, **options: Any) -> list[str]:
    """Run the pipeline with one plan after another; return what came of it, as lines.

    Args:
        pipeline: What to run.
        budget: How many clones there may be in all; None for as many as there are.
        seconds: How long to look at each plan.
        **options: Those of the run.

    Raises:
        UsageError: Nothing is scaled up, or there are more cells than clones.
    """
    scaled = {path: cell for path, cell in pipeline.cells.items() if isinstance(cell, ScaleUp)}
    budget = budget or sum(len(cell.clones) for cell in scaled.values())
    refuse(pipeline, scaled, budget)
    with pipeline.run(**options) as run:
        tried = list(rounds(run, endless(run), budget, fixed(scaled), seconds))
    return told(tried, budget)


def refuse(pipeline: Pipeline, scaled: Collection[str], budget: int) -> None:
    """Refuse what cannot be planned."""
    if not scaled:
        raise UsageError(
            f"cannot profile {pipeline.path}: nothing in it is scaled up. Wrap the cells that may "
            f"have clones: tp.ScaleUp(...). `torchpipe run --report` tells what limits."
        )
    if budget < len(scaled):
        raise UsageError(
            f"cannot plan with a budget of {budget}: {len(scaled)} cells are scaled up, and each "
            f"needs a clone."
        )


def fixed(scaled: Mapping[str, ScaleUp]) -> dict[str, int]:
    """The cells that may have one clone only: they are stateful."""
    stateful = [p for p, cell in scaled.items() if any(leaf.stateful for leaf in leaves(cell.cell))]
    return dict.fromkeys(stateful, 1)


def endless(run: Run) -> Iterator[Any]:
    """The results of epoch after epoch; it ends if there is none."""
    any_result = True
    while any_result:
        any_result = False
        for result in run:
            any_result = True
            yield result


def rounds(
    run: Run, results: Iterator[Any], budget: int, most: dict[str, int], seconds: float
) -> Iterator[Tried]:
    """Try plans, each worked out from what the last one gave, until one comes again."""
    seen: list[dict[str, int]] = []
    for _ in range(ROUNDS):
        tried = watched(run, results, seconds)
        yield tried
        seen.append(tried.clones)
        plan = planned(tried.report.period, budget, most)
        if plan in seen:
            return
        for path, count in plan.items():
            if count != tried.clones[path]:
                run.scale(path, count)


def watched(run: Run, results: Iterator[Any], seconds: float) -> Tried:
    """Run for a while; the first third is not looked at, as the clones have to settle."""
    consume(results, seconds / 3)
    run.report()
    consume(results, seconds)
    report = run.report()
    return Tried({c.path: c.clones for c in report.period.cells if c.scaled}, report)


def consume(results: Iterable[Any], seconds: float) -> None:
    """Take results for so long."""
    end = perf_counter() + seconds
    for _ in results:
        if perf_counter() >= end:
            return


def told(tried: list[Tried], budget: int) -> list[str]:
    """All plans and their rates, the report of the best, and how to have it."""
    best = max(tried, key=lambda each: each.rate)
    plans = [f"{each.rate:,.1f} results a second with {in_words(each.clones)}" for each in tried]
    options = " ".join(f"--scale {path}={count}" for path, count in best.clones.items())
    after = f"The best plan found for {budget} clones: {options}"
    return [*plans, "", str(best.report), "", after]


def in_words(clones: dict[str, int]) -> str:
    """Clones in words."""
    return ", ".join(f"{path}={count}" for path, count in clones.items())
