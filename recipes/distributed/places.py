"""Where items were computed: told by each clone, counted at the end."""

import os
import socket
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import Tensor

import torchpipe as tp


@dataclass(frozen=True, order=True)
class Place:
    """Where a clone lives.

    Attributes:
        node: The Ray node: the beginning of its id, and its labels. Without Ray, the host.
        device: What the clone computes on.
        process: The number of its process on that node.
    """

    node: str
    device: str
    process: int

    def __str__(self) -> str:
        return f"{self.node}, {self.device}, process {self.process}"


class Here(tp.Cell):
    """Tells where it is. Scaled up together with another cell, it tells where that one is."""

    def setup(self, clone: tp.Clone) -> None:
        self.place = Place(this_node(), clone.device, os.getpid())

    def forward(self, item: Tensor) -> Place:
        return self.place


class Count(tp.Cell):
    """Counts how many items came from each place."""

    stateful = True

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counter[Place]()

    def reset(self) -> None:
        self.counts.clear()

    def forward(self, place: Place) -> None:
        self.counts[place] += 1

    def summary(self) -> dict[str, str]:
        """How many items each clone has computed."""
        total = self.counts.total()
        return {str(p): f"{count} of {total} items" for p, count in sorted(self.counts.items())}


def this_node() -> str:
    """The name of the node that this process is on."""
    ray: Any = sys.modules.get("ray")  # it is there in a clone that Ray has started
    if ray is None or not ray.is_initialized():
        return socket.gethostname()
    here = ray.get_runtime_context()
    labels = {n: v for n, v in here.get_node_labels().items() if not n.startswith("ray.io/")}
    named = "".join(f" {name}={value}" for name, value in labels.items())
    return f"node {here.get_node_id()[:8]}{named}"
