"""A cluster of several nodes on one machine, to try things out. Its GPUs exist in name only.

`python -m recipes.distributed.simulate` tells its address, and lasts until Ctrl-C. A number after
that says how many nodes.
"""

import signal
import sys
from contextlib import suppress
from importlib import import_module
from string import ascii_lowercase
from typing import Any

from torchpipe.errors import UsageError

STORE = 100 * 2**20
"""Bytes of shared memory that each node may use for values; Ray wants no less than 75 MiB."""


class SimulatedCluster:
    """Nodes named a, b, c, ... by their label `node`. They are there until `stop`.

    Args:
        nodes: How many.
        cpus: CPUs that Ray counts on each.
        gpus: GPUs that Ray counts on each.

    Attributes:
        address: Where it is, for `pipeline.run(ray_address=...)`.

    Raises:
        UsageError: Ray is not installed.
    """

    def __init__(self, nodes: int = 3, cpus: float = 1, gpus: float = 1):
        try:
            simulated: Any = import_module("ray.cluster_utils")
        except ModuleNotFoundError as error:
            raise UsageError(
                "cannot simulate a cluster: ray is not installed. Install the extra `ray`: from a "
                "checkout, pip install --editable '.[ray]'."
            ) from error
        self._cluster = simulated.Cluster()
        for name in ascii_lowercase[:nodes]:
            self._cluster.add_node(
                num_cpus=cpus,
                num_gpus=gpus,
                labels={"node": name},
                object_store_memory=STORE,
                include_dashboard=False,
            )
        self.address: str = self._cluster.address

    def stop(self) -> None:
        """End all processes of all nodes."""
        self._cluster.shutdown()


def main(nodes: int = 3) -> None:
    """Keep a simulated cluster until Ctrl-C."""
    cluster = SimulatedCluster(nodes)
    with suppress(KeyboardInterrupt):
        print(cluster.address, flush=True)
        signal.pause()
    cluster.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
