"""`Clone`: where one copy of a cell runs, and with what.

Specifications only: the engine runs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Clone:
    """One clone of a scaled-up cell; `Cell.setup` gets it.

    Attributes:
        device: Where tensors should live, such as "cpu" or "cuda:0".
        config: Values for the cell's `tp.Config`s in this clone.
        torch_threads: Threads that torch uses inside one operation on the CPU; None leaves it.
        index: The clone's number within its cell, set by the engine.
    """

    device: str = "cpu"
    config: Mapping[str, Any] = field(default_factory=dict)
    torch_threads: int | None = None
    index: int = 0

    def __str__(self) -> str:
        return f"clone {self.index} on {self.device}"


@dataclass(frozen=True)
class ThreadClone(Clone):
    """A clone that is a thread of this process: it shares memory with all the others.

    >>> ThreadClone(device="cuda:1", config={"precision": "fp16"}).device
    'cuda:1'
    """
