"""`Gpus`: how long the clones of a run wait for GPUs, and what they hold in their memory.

A clone waits for its stream after each call. While it waits, its GPU is at work: so the time in
which at least one clone waits is what NVML calls utilisation, as far as it is due to this run. Work
that was done before the call returned is not seen: a cell that waits by itself (`.cpu()`,
`.item()`) makes its GPU look less busy than it is.
"""

from __future__ import annotations

import threading
from time import perf_counter
from typing import Any

from torchpipe.engine.devices import capacity, memory_by_stream
from torchpipe.engine.telemetry.statistics import GpuStatistics
from torchpipe.engine.telemetry.times import until
from torchpipe.engine.torch_state import has_stream
from torchpipe.graph.clone import Clone

OFTEN = 1.0
"""Seconds for which the memory is taken for what it was: to ask takes up to some milliseconds."""


class Gpu:
    """One GPU: when somebody waits for it. Waits at the same time count once."""

    def __init__(self) -> None:
        self._lock, self._waiting, self._spent = threading.Lock(), 0, 0.0

    def begin(self, now: float) -> None:
        """A clone waits."""
        with self._lock:
            if not self._waiting:
                self._spent -= now
            self._waiting += 1

    def end(self, now: float) -> None:
        """It waits no longer."""
        with self._lock:
            self._waiting -= 1
            if not self._waiting:
                self._spent += now

    def busy_until(self, now: float) -> float:
        """Seconds for which somebody waited, the open wait included."""
        return until(self._spent, now)


class GpuTimes:
    """The waits of one clone.

    Attributes:
        device: The name of its GPU.
        stream: The stream that it works in; 0 before its first call.
        spent: Seconds of waits, as in `Times`.
    """

    def __init__(self, device: str, gpu: Gpu):
        self.device, self.stream, self.spent = device, 0, 0.0
        self._gpu = gpu

    def wait(self, stream: Any) -> None:
        """Wait until a stream has done its work."""
        self.stream, now = stream.cuda_stream, perf_counter()
        self._gpu.begin(now)
        self.spent -= now
        try:
            stream.synchronize()
        finally:
            now = perf_counter()
            self.spent += now
            self._gpu.end(now)

    def until(self, now: float) -> float:
        """Seconds of waits, the open one included."""
        return until(self.spent, now)


class Gpus:
    """The GPUs of the threads of one run, by their names."""

    def __init__(self) -> None:
        self._gpus: dict[str, Gpu] = {}
        self._memory: dict[tuple[int, int], int] = {}
        self._asked = -OFTEN

    def times(self, clone: Clone) -> GpuTimes | None:
        """For the waits of a clone; None if it has no GPU."""
        if not has_stream(clone):
            return None
        return GpuTimes(clone.device, self._gpus.setdefault(clone.device, Gpu()))

    def memory(self, times: GpuTimes, now: float) -> int:
        """Bytes that a clone holds: those that were asked for in its stream."""
        if now - self._asked >= OFTEN:
            self._memory, self._asked = memory_by_stream(), now
        return self._memory.get((index_of(times.device), times.stream), 0)

    def statistics(self, now: float) -> tuple[GpuStatistics, ...]:
        """What each GPU has done, and what is in its memory."""
        return tuple(
            GpuStatistics(device, gpu.busy_until(now), *capacity(device))
            for device, gpu in self._gpus.items()
        )


def index_of(device: str) -> int:
    """The number of a CUDA device.

    >>> index_of("cuda:1"), index_of("cuda")
    (1, 0)
    """
    return int(device.partition(":")[2] or 0)
