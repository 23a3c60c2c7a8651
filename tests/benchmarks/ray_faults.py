"""What is lost, doubled or out of order, and how long results stall, when clones die."""

import os
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torchpipe as tp
from tests.benchmarks import cells, ray_peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measurement

CLONES = 3
ITEMS = 5_000
KILLS = 20
QUICK = {  # until Ray takes a silent node for dead
    "health_check_failure_threshold": 3,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 300,
    "health_check_initial_delay_ms": 0,
}

Result = tuple[int, int]
"""The number of an item, and the process that ran it."""


def run_here(number: int) -> Result:
    """Take 2 ms, and say which process this is."""
    time.sleep(0.002)
    return number, os.getpid()


def pipeline() -> cells.Scaled:
    clones = [tp.RayClone()] * CLONES
    return cells.Scaled(cells.Numbers(ITEMS), cells.Apply(run_here), clones)


def account(results: Iterable[Result]) -> Measurement:
    """Take all results; measure the longest time between two, and count what went wrong."""
    taken: Counter[int] = Counter()
    previous, longest, unordered, last = -1, 0.0, 0, None
    for number, _pid in results:
        now = time.monotonic()
        longest = max(longest, now - (last or now))
        unordered += number <= previous
        previous, last = number, now
        taken[number] += 1
    lost, doubled = ITEMS - len(taken), taken.total() - len(taken)
    return {"value": longest, "lost": lost, "doubled": doubled, "unordered": unordered}


# Processes are killed.


class Killer:
    """Kills, at random moments, processes of which results came lately."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.moments = deque(sorted(self.random.sample(range(100, ITEMS - 100), KILLS)))
        self.lately: deque[int] = deque(maxlen=100)
        self.killed: set[int] = set()

    def watch(self, results: Iterable[Result]) -> Iterator[Result]:
        """Pass on the results; kill when it is time."""
        for result in results:
            self.lately.append(result[1])
            yield result
            if self.moments and result[0] >= self.moments[0]:
                self.kill()

    def kill(self) -> None:
        """Kill a process; if none is known to be alive, leave it for the next result."""
        if alive := sorted({*self.lately} - self.killed):
            pid = self.random.choice(alive)
            os.kill(pid, signal.SIGKILL)
            self.killed.add(pid)
            self.moments.popleft()


def with_kills() -> Measurement:
    killer = Killer(seed=3)
    found = account(killer.watch(cells.stream(pipeline())))
    return {**found, "kills": len(killer.killed)}


# A node is lost.


@contextmanager
def three_nodes() -> Iterator[Any]:
    """Three nodes with room for a clone each; gives a function that ends one of them.

    What the lost node leaves behind is ended, too.
    """
    import psutil
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": QUICK})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(CLONES - 1)]
    ray.init(address=cluster.address, log_to_driver=False)
    here = ray.get_runtime_context().get_node_id()
    other = next(node for node in nodes if node.node_id != here)
    started = psutil.Process().children(recursive=True)
    try:
        yield lambda: cluster.remove_node(other, allow_graceful=False)
    finally:
        ray.shutdown()
        cluster.shutdown()
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def with_a_node_lost() -> Measurement:
    with three_nodes() as lose:
        return account(losing(lose, cells.stream(pipeline())))


def losing(lose: Any, results: Iterable[Result]) -> Iterator[Result]:
    """Pass on the results; lose the node after some of them."""
    for result in results:
        yield result
        if result[0] == ITEMS // 3:
            lose()


NODE = "torchpipe, a node lost"
WRONG = ("lost", "doubled", "unordered")

RAY_FAULTS = Benchmark(
    name="ray-faults",
    title=f"{ITEMS:,} items, {CLONES} Ray clones: {KILLS} are killed; one node of three is lost",
    unit="seconds, the longest between two results",
    contenders={"torchpipe": ray_peers.with_ray(with_kills), NODE: with_a_node_lost},
    asked=(
        Asked("torchpipe", "at most", 3),
        *(Asked("torchpipe", "at most", 0, key=key) for key in WRONG),
        Asked("torchpipe", "at least", KILLS, key="kills"),
        Asked(NODE, "at most", 3),
        *(Asked(NODE, "at most", 0, key=key) for key in WRONG),
    ),
)
