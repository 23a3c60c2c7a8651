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

    >>> str(Clone(device="cuda:1", index=3))
    'clone 3 on cuda:1'
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

    What it may be given is told by `Clone`.

    >>> ThreadClone(device="cuda:1", config={"precision": "fp16"}).device
    'cuda:1'
    """


@dataclass(frozen=True, kw_only=True)
class RayClone(Clone):
    """A clone that is a process of its own, anywhere in a Ray cluster.

    Ray starts it where there is room for what it asks for. A clone that dies is replaced, and its
    items are run again. What else it may be given is told by `Clone`.

    Attributes:
        device: Where tensors should live. Default: "cuda:0" in a clone with a GPU, whose process
            sees none but its own; else "cpu". A clone with a GPU that names "cpu" takes the GPU and
            computes beside it: for clusters whose GPUs exist in name only.
        num_cpus: CPUs that it takes of those that Ray counts on its node.
        num_gpus: GPUs; a fraction shares one with others. A clone without GPU sees none.
        gpu: The index of a physical GPU of its node, to pin the clone to; takes `num_gpus` of it,
            or all of it.
        memory: Bytes of memory that Ray shall count for it.
        node: The id (or its beginning), address or host name of the node to run on.
        labels: Labels that the node must have.
        resources: Amounts of custom resources.
        accelerator_type: The kind of GPU that the node must have, such as "H100".
        env: Environment variables of the process.
        deadline: Longest time in seconds that one item may take in the clone; then the process
            counts as hung, and is replaced. None waits for ever.

    >>> RayClone(num_gpus=0.5).device
    'cuda:0'
    """

    device: str = field(default="", kw_only=False)
    num_cpus: float = 1
    num_gpus: float = 0
    gpu: int | None = None
    memory: int | None = None
    node: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    accelerator_type: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    deadline: float | None = None

    def __post_init__(self) -> None:
        if self.gpu is not None and not self.num_gpus:
            object.__setattr__(self, "num_gpus", 1)
        if not self.device:
            object.__setattr__(self, "device", "cuda:0" if self.num_gpus else "cpu")

    def __str__(self) -> str:
        return f"Ray {super().__str__()}"
