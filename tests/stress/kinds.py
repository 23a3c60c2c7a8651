"""The three kinds of clones that every case is tried on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import torchpipe as tp

THREAD, RAY = tp.ThreadClone(), tp.RayClone(num_cpus=0.01)
Kind = Callable[[int], list[tp.Clone]]


def threads(count: int) -> list[tp.Clone]:
    """Threads of this process."""
    return [THREAD] * count


def processes(count: int) -> list[tp.Clone]:
    """Ray clones; two at most, as each is a process."""
    return [RAY] * min(count, 2)


def mixed(count: int) -> list[tp.Clone]:
    """One Ray clone, and threads."""
    return [RAY, *[THREAD] * (count - 1)]


def name_of(kind: Kind) -> str:
    """The kind in a word."""
    return {threads: "thread", processes: "ray", mixed: "mixed"}[kind]


def of(*kinds: Kind) -> pytest.MarkDecorator:
    """The test runs with each of these kinds; those with Ray are marked, and share a cluster."""
    found = [
        pytest.param(kind, id=name_of(kind), marks=() if kind is threads else pytest.mark.ray)
        for kind in kinds
    ]
    return pytest.mark.parametrize("kind", found, indirect=True)


each = of(threads, processes, mixed)
elsewhere = of(processes, mixed)
"""For a case that needs a process which can die: a thread cannot be killed."""
