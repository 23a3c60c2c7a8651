"""The statistics of a service as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as MEDIA_TYPE
from prometheus_client.registry import Collector

from torchpipe.serve.service import Service

__all__ = ["MEDIA_TYPE", "metrics"]


class Collected(Collector):
    """All metrics of one service, read when they are asked for."""

    def __init__(self, service: Service):
        self.service = service

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield from self._requests()
        yield from self._cells()

    def _requests(self) -> Iterator[Metric]:
        service = self.service
        inside = GaugeMetricFamily("torchpipe_requests_inside", "Requests that wait for a result.")
        inside.add_metric([], service.inside)
        yield inside
        done = CounterMetricFamily("torchpipe_requests", "Requests that were answered.")
        done.add_metric([], service.count)
        yield done
        rejected = CounterMetricFamily(
            "torchpipe_requests_rejected", "Requests without a result.", labels=["reason"]
        )
        for reason, count in service.rejected.items():
            rejected.add_metric([reason], count)
        yield rejected

    def _cells(self) -> Iterator[Metric]:
        name, labels = self.service.pipeline.path, ["pipeline", "cell"]
        items = CounterMetricFamily("torchpipe_cell_items", "Items that cells did.", labels=labels)
        busy = CounterMetricFamily(
            "torchpipe_cell_busy_seconds", "Seconds that clones worked.", labels=labels
        )
        clones = GaugeMetricFamily("torchpipe_cell_clones", "Clones of cells.", labels=labels)
        found: dict[str, list[float]] = {}
        for one in self.service.run.statistics():
            sums = found.setdefault(one.path, [0, 0.0, 0])
            sums[0], sums[1], sums[2] = sums[0] + one.items, sums[1] + one.busy, sums[2] + 1
        for path, (count, seconds, number) in found.items():
            items.add_metric([name, path], count)
            busy.add_metric([name, path], seconds)
            clones.add_metric([name, path], number)
        yield from (items, busy, clones)


def metrics(service: Service) -> bytes:
    """The metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(Collected(service))
    return generate_latest(registry)
