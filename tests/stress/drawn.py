"""Random pipelines for the soak: drawn from a seed, with one live parameter at the very end."""

from __future__ import annotations

import random
from typing import Any

import torchpipe as tp
from tests.steps import RENUMBERING, Clones, Column, Random, Step, expected

STATELESS = ("mix", "odd", "fragile", "stumbles", "copies", "feedback", "scaled", "scaled copies")
ALL = (*STATELESS, "mix", "sum", "delay", "each", "pairs", "nested")


class Weigh(tp.Cell):
    """Multiplies in the consumer's thread, so that a parameter holds from the next result on."""

    weight = tp.Parameter(1)

    def forward(self, x: int) -> int:
        return x * self.weight


class Drawn:
    """A random pipeline, and what a plain loop gives.

    Args:
        pick: Decides on all of it.
        count: The number of items of its sources.

    Attributes:
        wanted: The results of an epoch, where the weight is 1.
    """

    def __init__(self, pick: random.Random, count: int):
        self.counts = (count, count + 3)[: pick.randint(1, 2)]
        self.steps, width = drawn_steps(pick, len(self.counts), depth=0)
        self.output = pick.randrange(width)
        rows, _ = expected(self.steps, self.counts, (self.output,))
        self.wanted: Column = [value for (value,) in rows]

    def made(self, clones: Clones) -> tp.Pipeline:
        """The pipeline, with clones of this kind."""
        return Weighed(self.steps, self.counts, (self.output,), clones)


class Weighed(Random):
    """The pipeline that the steps describe, and a weight."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.weigh = Weigh()

    def build(self) -> Any:
        (result,) = super().build()
        return self.weigh(result)


def drawn_steps(pick: random.Random, width: int, depth: int) -> tuple[tuple[Step, ...], int]:
    """Some steps, and how many columns there are after them."""
    steps: list[Step] = []
    for _ in range(pick.randint(1, 5 if depth == 0 else 2)):
        step = drawn_step(pick, width, depth)
        steps.append(step)
        width = 1 if step.kind in RENUMBERING else width + 1
    return tuple(steps), width


def drawn_step(pick: random.Random, width: int, depth: int) -> Step:
    """One step; those that number their items anew, or hold others, are at the top only."""
    inner = [kind for kind in ALL if kind not in (*RENUMBERING, "nested", "scaled")]
    kind = pick.choice(ALL if depth == 0 else inner)
    most = 3 if kind == "mix" else 2 if kind == "nested" else 1
    reads = tuple(pick.randrange(width) for _ in range(pick.randint(1, most)))
    clones = pick.choice((0, 1, 2, 4)) if kind in STATELESS else 0
    detail: Any = None
    if kind == "delay":
        detail = pick.randint(1, 3)
    elif kind == "nested":
        detail = (drawn_steps(pick, len(reads), depth + 1)[0], len(reads))
    elif kind.startswith("scaled"):
        detail, clones = pick.choice(("plain", "odd", "fragile")), max(1, clones)
    return Step(kind, reads, clones, detail)
