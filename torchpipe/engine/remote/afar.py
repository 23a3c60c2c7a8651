"""`Afar`: tells those who record of calls that were timed in another process, by its clock."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from torchpipe.engine.remote.failure import Failure
from torchpipe.engine.remote.work import Report
from torchpipe.engine.telemetry.recording import Called

if TYPE_CHECKING:
    from torchpipe.engine.context import Context
    from torchpipe.engine.item import Item


class Afar:
    """The calls of one clone elsewhere.

    What was done there was done after it was sent, and before it came back: so each call bounds how
    far that clock is ahead of ours. Within one machine the clock is one, and nothing is corrected.

    Attributes:
        ahead: How far, in seconds.
    """

    def __init__(self, context: Context, path: str):
        self.context, self.path = context, path
        self.ahead = 0.0
        self._last = 0.0

    def tell(self, items: list[Item], report: Report, sent: float) -> None:
        """Tell of the calls in a report that has just come."""
        if not report.calls:
            return
        self._look(report, sent, perf_counter())
        failures = [(letter.cell, letter.item, f, True) for letter, f, _ in report.letters]
        for item, result in zip(items, report.results, strict=True):
            if isinstance(result, Failure):
                failures.append((self.path, item.number, result, False))
        for numbers, began, ended in report.calls:
            for path, number, failure, skipped in failures:
                if number in numbers:
                    self.context.raised(path, number, failure.error(), skipped=skipped)
            self._called(numbers, began - self.ahead, ended - self.ahead)

    def _look(self, report: Report, sent: float, received: float) -> None:
        """Correct the clock by no more than must be."""
        began, ended = report.calls[0][1], report.calls[-1][2]
        self.ahead = min(max(self.ahead, ended - received), began - sent)

    def _called(self, numbers: tuple[int, ...], began: float, ended: float) -> None:
        began = max(began, self._last)  # a correction must not put one call into another
        self._last = ended = max(began, ended)
        track, shared = self.context.track, self.context.shared
        for recording in shared.recordings:
            recording.called(Called(track, self.path, shared.epoch, numbers, began, ended))
