"""Random pipelines: steps drawn by Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.steps import RENUMBERING, Step

SCALABLE = ("mix", "odd", "fragile", "copies", "feedback", "scaled", "scaled copies")


@st.composite
def step(draw: st.DrawFn, width: int, depth: int) -> Step:
    kinds = ["mix", "mix", "mix", "sum", "odd", "fragile", "delay", "feedback", "each"]
    kinds += ["copies", "pairs", "nested", "scaled", "scaled copies"] if depth == 0 else []
    kinds += ["nested"] if depth == 1 else []
    kind = draw(st.sampled_from(kinds))
    most = 3 if kind == "mix" else 2 if kind == "nested" else 1
    reads = draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=most))
    clones = draw(st.sampled_from((0, 0, 1, 2, 3, 8))) if kind in SCALABLE else 0
    detail: Any = None
    if kind == "delay":
        detail = draw(st.integers(1, 3))
    elif kind == "nested":
        detail = (draw(all_steps(len(reads), depth + 1)), len(reads))
    elif kind == "scaled":
        detail, clones = draw(st.sampled_from(("plain", "odd", "fragile"))), max(clones, 1)
    elif kind == "scaled copies":
        clones = max(clones, 1)
    elif kind in ("sum", "each") and draw(st.booleans()):
        clones = 1
    aside = depth == 0 and draw(st.sampled_from((False, False, True)))
    return Step(kind, tuple(reads), clones, detail, aside)


@st.composite
def all_steps(draw: st.DrawFn, width: int, depth: int = 0) -> tuple[Step, ...]:
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 6 if depth == 0 else 3))):
        steps.append(draw(step(width, depth)))
        width = after(steps[-1], width)
    return tuple(steps)


def after(step: Step, width: int) -> int:
    """How many columns there are after a step."""
    return width if step.aside else 1 if step.kind in RENUMBERING else width + 1


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[tuple[Step, ...], tuple[int, ...], tuple[int, ...]]:
    """Steps, the lengths of the sources, and the columns to give."""
    counts = tuple(draw(st.lists(st.integers(0, 12), min_size=1, max_size=2)))
    steps = draw(all_steps(len(counts)))
    width = len(counts)
    for drawn in steps:
        width = after(drawn, width)
    outputs = draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=3))
    return steps, counts, tuple(outputs)
