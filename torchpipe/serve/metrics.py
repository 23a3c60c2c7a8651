"""The statistics of a service as Prometheus reads them: its text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as MEDIA_TYPE
from prometheus_client.registry import Collector

from torchpipe.engine.telemetry.statistics import CellStatistics, Statistics
from torchpipe.serve.service import Service

__all__ = ["MEDIA_TYPE", "metrics"]


class Collected(Collector):
    """All metrics of one service, read when they are asked for."""

    def __init__(self, service: Service):
        self.service, self.pipeline = service, service.pipeline.path

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield from self._requests()
        found = self.service.run.statistics()
        yield from self._cells(found.cells)
        yield from self._resources(found)

    def _requests(self) -> Iterator[Metric]:
        service, labels = self.service, ["pipeline"]
        waiting = GaugeMetricFamily(
            "torchpipe_queue_length", "Requests inside, waiting or in the run.", labels=labels
        )
        waiting.add_metric([self.pipeline], service.inside)
        sessions = GaugeMetricFamily(
            "torchpipe_sessions", "Sessions and sequences that clients have open.", labels=labels
        )
        sessions.add_metric([self.pipeline], service.sessions)
        latency = SummaryMetricFamily(
            "torchpipe_pipeline_latency_seconds", "How long requests took.", labels=labels
        )
        latency.add_metric([self.pipeline], service.count, service.seconds)
        rejected = CounterMetricFamily(
            "torchpipe_requests_rejected", "Requests without a result.", labels=[*labels, "reason"]
        )
        for reason, count in service.rejected.items():
            rejected.add_metric([self.pipeline, reason], count)
        replies = CounterMetricFamily(
            "torchpipe_replies", "Replies to requests with POST.", labels=[*labels, "status"]
        )
        for status, count in service.replies.items():
            replies.add_metric([self.pipeline, str(status)], count)
        failures = CounterMetricFamily(
            "torchpipe_cell_failures", "Requests that failed in a cell.", labels=[*labels, "cell"]
        )
        for cell, count in service.failures.items():
            failures.add_metric([self.pipeline, cell], count)
        yield from (waiting, sessions, latency, rejected, replies, failures)

    def _cells(self, cells: Iterable[CellStatistics]) -> Iterator[Metric]:
        labels = ["pipeline", "cell"]
        items = CounterMetricFamily(
            "torchpipe_cell_items", "Items that a cell took, those too that failed.", labels=labels
        )
        service = SummaryMetricFamily(
            "torchpipe_cell_service_seconds", "How long cells took for items.", labels=labels
        )
        states = CounterMetricFamily(
            "torchpipe_cell_state_seconds", "What clones did.", labels=[*labels, "state"]
        )
        clones = GaugeMetricFamily("torchpipe_cell_clones", "Clones of cells.", labels=labels)
        queue = GaugeMetricFamily(
            "torchpipe_cell_queue_length", "Items that wait for cells.", labels=labels
        )
        for cell in cells:
            place = [self.pipeline, cell.path]
            items.add_metric(place, cell.items)
            service.add_metric(place, cell.items, cell.busy)
            for state in ("busy", "starved", "blocked"):
                states.add_metric([*place, state], getattr(cell, state))
            clones.add_metric(place, cell.clones)
            queue.add_metric(place, cell.queue)
        yield from (items, service, states, clones, queue)

    def _resources(self, found: Statistics) -> Iterator[Metric]:
        """What clones use, where it is known."""
        labels = ["pipeline", "cell"]
        cpu = CounterMetricFamily(
            "torchpipe_cell_cpu_seconds", "CPU time of clones.", labels=labels
        )
        gpu = CounterMetricFamily(
            "torchpipe_cell_gpu_seconds", "For how long clones waited for GPUs.", labels=labels
        )
        memory = GaugeMetricFamily(
            "torchpipe_clone_gpu_memory_bytes",
            "What clones hold in the memory of GPUs.",
            labels=[*labels, "clone"],
        )
        worked = CounterMetricFamily(
            "torchpipe_gpu_busy_seconds",
            "For how long anything waited for a GPU.",
            labels=["pipeline", "device"],
        )
        for cell in found.cells:
            for family, seconds in ((cpu, cell.cpu), (gpu, cell.gpu)):
                if seconds is not None:
                    family.add_metric([self.pipeline, cell.path], seconds)
        for clone in found.clones:
            if clone.memory is not None:
                memory.add_metric([self.pipeline, clone.path, clone.clone], clone.memory)
        for one in found.gpus:
            worked.add_metric([self.pipeline, one.device], one.busy)
        yield from (cpu, gpu, memory, worked)


def metrics(service: Service) -> bytes:
    """The metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(Collected(service))
    return generate_latest(registry)
