"""The statistics of a service as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as MEDIA_TYPE
from prometheus_client.registry import Collector

from torchpipe.serve.service import Service

__all__ = ["MEDIA_TYPE", "metrics"]


class Collected(Collector):
    """All metrics of one service, read when they are asked for."""

    def __init__(self, service: Service):
        self.service, self.pipeline = service, service.pipeline.path

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield from self._requests()
        yield from self._cells()

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
        yield from (waiting, sessions, latency, rejected)

    def _cells(self) -> Iterator[Metric]:
        labels = ["pipeline", "cell"]
        items = CounterMetricFamily(
            "torchpipe_cell_items", "Items that passed a cell.", labels=[*labels, "outcome"]
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
        for cell in self.service.run.statistics().cells:
            place = [self.pipeline, cell.path]
            items.add_metric([*place, "done"], cell.items)
            service.add_metric(place, cell.items, cell.busy)
            for state in ("busy", "starved", "blocked"):
                states.add_metric([*place, state], getattr(cell, state))
            clones.add_metric(place, cell.clones)
            queue.add_metric(place, cell.queue)
        yield from (items, service, states, clones, queue)


def metrics(service: Service) -> bytes:
    """The metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(Collected(service))
    return generate_latest(registry)
