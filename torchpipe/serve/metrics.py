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
        busy = CounterMetricFamily(
            "torchpipe_cell_state_seconds", "What clones did.", labels=[*labels, "state"]
        )
        clones = GaugeMetricFamily("torchpipe_cell_clones", "Clones of cells.", labels=labels)
        for path, (number, count, seconds) in self._sums().items():
            place = [self.pipeline, path]
            items.add_metric([*place, "done"], count)
            service.add_metric(place, count, seconds)
            busy.add_metric([*place, "busy"], seconds)
            clones.add_metric(place, number)
        yield from (items, service, busy, clones)

    def _sums(self) -> dict[str, tuple[int, int, float]]:
        """For each cell, or cells that run together: how many clones, items, and seconds."""
        found: dict[str, tuple[int, int, float]] = {}
        for one in self.service.run.statistics():
            number, count, seconds = found.get(one.path, (0, 0, 0.0))
            found[one.path] = number + 1, count + one.items, seconds + one.busy
        return found


def metrics(service: Service) -> bytes:
    """The metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(Collected(service))
    return generate_latest(registry)
