"""What Ray sees, as text: `python -m torchpipe.engine.ray.seen`. It starts no cluster.

A process of its own, because a process can be in one cluster only, and joining one leaves threads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from torchpipe.engine.ray.address import AUTO, LOCAL, chosen, refuse_silent
from torchpipe.errors import ClusterError


def seen() -> Iterator[str]:
    """The version, and what the cluster has that a run would join, or could."""
    import ray

    address = chosen(None)
    found = beside(ray) if address == LOCAL else at(ray, address)
    yield f"ray {ray.__version__}: {found}"


def beside(ray: Any) -> str:
    """What is on this machine, where a run would start a cluster of its own."""
    try:
        refuse_silent(AUTO)
        return f"{resources(ray, AUTO)} is here; to join it, set RAY_ADDRESS={AUTO}"
    except (ClusterError, ConnectionError):
        return "no cluster is here; a run with Ray clones starts one of its own"


def at(ray: Any, address: str) -> str:
    """What is at the address that a run would join."""
    try:
        refuse_silent(address)
    except ClusterError as error:
        return str(error)
    return f"{resources(ray, address)} is at {address}, which RAY_ADDRESS names"


def resources(ray: Any, address: str) -> str:
    """What a cluster has."""
    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    nodes = sum(node["Alive"] for node in ray.nodes())
    has = ray.cluster_resources()
    ray.shutdown()
    cpus, gpus = has.get("CPU", 0), has.get("GPU", 0)
    return f"a cluster with {nodes} nodes, {cpus:g} CPUs and {gpus:g} GPUs"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in seen())
