"""What both pipelines of this recipe share: clones on the GPUs of a cluster, real or simulated."""

import weakref
from typing import Any

import torchpipe as tp
from torchpipe.errors import UsageError

from .places import Count
from .simulate import SimulatedCluster


class Spread(tp.Pipeline):
    """A pipeline whose clones are spread over a cluster.

    Args:
        simulate: Where no address is given, run on a cluster of three nodes on this machine, which
            lasts as long as the run.
    """

    def __init__(self, simulate: bool):
        super().__init__()
        self.simulate = simulate
        self.count = Count()

    def run(self, **options: Any) -> tp.Run:
        """Start the pipeline; first the simulated cluster, if it needs one."""
        if not self.simulate or options.get("ray_address"):
            return super().run(**options)
        cluster = SimulatedCluster()
        try:
            running = super().run(**options | {"ray_address": cluster.address})
        except BaseException:
            cluster.stop()
            raise
        weakref.finalize(running, cluster.stop)
        return running

    def summary(self) -> dict[str, str]:
        """Where the items were computed, for the end of `torchpipe run`."""
        return self.count.summary()


def gpu_clones(count: int, gpus: float, simulate: bool) -> list[tp.Clone]:
    """Clones that Ray places wherever enough of a GPU is free.

    Args:
        count: How many.
        gpus: GPUs for each; a fraction shares one, 0 computes on the CPU.
        simulate: Whether the GPUs exist in name only, so that the CPU must compute.

    Raises:
        UsageError: There cannot be so many.
    """
    if count < 1:
        raise UsageError(f"cannot run with --clones {count}: give 1 or more.")
    if gpus < 0:
        raise UsageError(f"cannot run with --gpus {gpus:g}: give 0 or more.")
    clone = tp.RayClone(num_gpus=gpus, torch_threads=1)
    if simulate:
        clone = tp.RayClone(num_gpus=gpus, torch_threads=1, device="cpu")
    return [clone] * count
